// SPDX-License-Identifier: MIT
#include "attn_select.h"

#include <math.h>

enum { PARTIALS = 16 };

static void pool_mean(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
                      float *mean) {
  for (int32_t c = 0; c < width; c++) {
    float sum = 0.0f;
    for (int32_t i = 0; i < count; i++) sum += x[i * stride + c];
    mean[c] = sum * (1.0f / (float)count);
  }
}

static void dot_rows(const float *x, const float *rows, ptrdiff_t stride, int32_t count,
                     int32_t width, float *scores) {
  for (int32_t i = 0; i < count; i++) {
    float partial[PARTIALS] = {0};
    for (int32_t e = 0; e < width; e++) {
      partial[e % PARTIALS] = fmaf(x[e], rows[i * stride + e], partial[e % PARTIALS]);
    }
    for (int32_t apart = PARTIALS / 2; apart > 0; apart /= 2) {
      for (int32_t p = 0; p < apart; p++) partial[p] += partial[p + apart];
    }
    scores[i] = partial[0];
  }
}

static void merge_row(float *o, float *lse, const float *part, float part_lse, int32_t width) {
  if (part_lse == -INFINITY) return;
  float top = fmaxf(*lse, part_lse);
  float own = expf(*lse - top), other = expf(part_lse - top);
  float scale = 1.0f / (own + other);
  own *= scale;
  other *= scale;
  for (int32_t c = 0; c < width; c++) o[c] = own * o[c] + other * part[c];
  *lse = top - logf(scale);
}

const attn_select_kernels_t attn_select_scalar = {pool_mean, dot_rows, merge_row};
