// SPDX-License-Identifier: MIT
#include "attn_select.h"

#include <math.h>
#include <string.h>

#include "rank.h"
#include "soften.h"

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

static void pool_extrema(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
                         float *largest, float *smallest) {
  for (int32_t c = 0; c < width; c++) {
    float high = x[c], low = x[c];
    for (int32_t i = 1; i < count; i++) {
      const float element = x[i * stride + c];
      high = element > high ? element : high;
      low = element < low ? element : low;
    }
    largest[c] = high;
    smallest[c] = low;
  }
}

static float power_of_two(float exponent) {
  // The nearest whole number, ties to even, as the vector instruction rounds.
  const float whole = (exponent + 0x1.8p23f) - 0x1.8p23f;
  const float f = exponent - whole;
  float p = SELECT_C6;
  p = fmaf(p, f, SELECT_C5);
  p = fmaf(p, f, SELECT_C4);
  p = fmaf(p, f, SELECT_C3);
  p = fmaf(p, f, SELECT_C2);
  p = fmaf(p, f, SELECT_C1);
  p = fmaf(p, f, 1.0f);
  const int32_t bits = ((int32_t)whole + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return p * power;
}

static float soften(float *scores, int32_t count, float scale) {
  float top = -INFINITY;
  for (int32_t i = 0; i < count; i++) top = scores[i] > top ? scores[i] : top;
  const float factor = scale * SELECT_LOG2E;
  float partial[PARTIALS] = {0};
  for (int32_t i = 0; i < count; i++) {
    const float exponent = (scores[i] - top) * factor;
    scores[i] = exponent > SELECT_LEAST ? power_of_two(exponent) : 0.0f;
    partial[i % PARTIALS] += scores[i];
  }
  for (int32_t apart = PARTIALS / 2; apart > 0; apart /= 2) {
    for (int32_t p = 0; p < apart; p++) partial[p] += partial[p + apart];
  }
  return partial[0];
}

static void weigh_rows(const float *weights, const float *rows, ptrdiff_t stride, int32_t count,
                       int32_t width, float *sum) {
  for (int32_t c = 0; c < width; c++) {
    float total = 0.0f;
    for (int32_t i = 0; i < count; i++) total = fmaf(weights[i], rows[i * stride + c], total);
    sum[c] = total;
  }
}

static int32_t estimate_exceeds(const uint8_t *query, const int8_t *packed, int32_t width,
                                int32_t keys, const int32_t *sums, const float *key_scales,
                                const float *offsets, float scale, float threshold) {
  for (int32_t j = 0; j < keys; j++) {
    int32_t dot = 0;
    for (int32_t c = 0; c < width; c++) {
      dot += query[c] * packed[c / 2 * 64 + 2 * j + c % 2];
    }
    const float product = (float)(dot - sums[j]) * scale;
    const float scaled = product * key_scales[j];
    if (scaled + offsets[j] > threshold) return 1;
  }
  return 0;
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

static void dot_block(const float *x, ptrdiff_t x_stride, int32_t x_count, const float *rows,
                      ptrdiff_t stride, int32_t count, int32_t width, float *scores,
                      ptrdiff_t score_stride) {
  for (int32_t i = 0; i < x_count; i++) {
    dot_rows(x + i * x_stride, rows, stride, count, width, scores + i * score_stride);
  }
}

static void raise_products(const float *x, ptrdiff_t x_stride, int32_t x_count, const float *rows,
                           ptrdiff_t stride, const int32_t *first, int32_t count, int32_t size,
                           int32_t width, float *best) {
  for (int32_t b = 0; b < count; b++) {
    for (int32_t i = 0; i < x_count; i++) {
      for (int32_t j = 0; j < size; j++) {
        float score;
        dot_rows(x + i * x_stride, rows + (first[b] + j) * stride, stride, 1, width, &score);
        best[b] = score > best[b] ? score : best[b];
      }
    }
  }
}

static void raise_blocks(const float *scores, int32_t count, int32_t size, float scale,
                         float *best) {
  for (int32_t i = 0; i < count; i++) {
    const float score = scores[i] * scale;
    best[i / size] = score > best[i / size] ? score : best[i / size];
  }
}

static int32_t count_above(const float *scores, int32_t count, float cut) {
  int32_t above = 0;
  for (int32_t i = 0; i < count; i++) above += scores[i] > cut;
  return above;
}

static void top(const float *scores, int32_t count, int32_t wanted, int32_t *ids) {
  if (wanted <= 0) return;
  float least = INFINITY, most = -INFINITY;
  for (int32_t i = 0; i < count; i++) {
    const float score = rank_number(scores[i]);
    least = score < least ? score : least;
    most = score > most ? score : most;
  }
  const float cut = rank_cut(scores, count, wanted, least, most, count_above);
  int32_t equal = wanted - count_above(scores, count, cut), kept = 0;
  for (int32_t i = 0; i < count; i++) {
    const float score = rank_number(scores[i]);
    if (score > cut || (score == cut && equal-- > 0)) ids[kept++] = i;
  }
}

static int32_t estimates_exceed(const uint8_t *queries, ptrdiff_t query_stride,
                                int32_t query_count, const int8_t *packed, int32_t width,
                                int32_t keys, const int32_t *sums, const float *key_scales,
                                const float *offsets, const float *scales,
                                const float *thresholds) {
  for (int32_t i = 0; i < query_count; i++) {
    if (estimate_exceeds(queries + i * query_stride, packed, width, keys, sums, key_scales,
                         offsets, scales[i], thresholds[i])) {
      return 1;
    }
  }
  return 0;
}

static void merge_rows(float *o, float *tops, float *sums, const int32_t *ids, const float *part,
                       const float *part_lse, int32_t count, int32_t width) {
  for (int32_t i = 0; i < count; i++) {
    if (part_lse[i] == -INFINITY) continue;
    const float top = fmaxf(tops[ids[i]], part_lse[i]);
    const float own = expf(tops[ids[i]] - top), other = expf(part_lse[i] - top);
    tops[ids[i]] = top;
    sums[ids[i]] = fmaf(own, sums[ids[i]], other);
    float *row = o + (ptrdiff_t)ids[i] * width;
    for (int32_t c = 0; c < width; c++) {
      row[c] = fmaf(other, part[(ptrdiff_t)i * width + c], own * row[c]);
    }
  }
}

static void add_rows(float *o, const int32_t *ids, const float *part, const float *weights,
                     int32_t count, int32_t width) {
  for (int32_t i = 0; i < count; i++) {
    float *row = o + (ptrdiff_t)ids[i] * width;
    for (int32_t c = 0; c < width; c++) {
      row[c] = fmaf(weights[i], part[(ptrdiff_t)i * width + c], row[c]);
    }
  }
}

const attn_select_kernels_t attn_select_scalar = {
    pool_mean,        dot_rows,   pool_extrema, soften,         weigh_rows,
    estimate_exceeds, merge_row,  dot_block,    raise_products, raise_blocks,
    top,              estimates_exceed, merge_rows, spread_weights, add_to_blocks, NULL,
    NULL,             add_rows, NULL,
};
