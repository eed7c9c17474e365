// SPDX-License-Identifier: MIT
// Copies of keys and values in the pages of a cache.
#ifndef DECODE_PACK_H
#define DECODE_PACK_H

#include "state.h"

/// The upper half of a float, nearest, ties to even; NaN stays NaN.
INLINE uint16_t bfloat16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return 0x7fc0;
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Lines of 32: element i beside element i + 16, so that both widen into natural order.
static void pack_bfloat16_row(const float *x, int32_t count, uint16_t *to) {
  for (int32_t line = 0; line < count; line += 32) {
    for (int32_t i = 0; i < 16; i++) {
      to[line + 2 * i] = line + i < count ? bfloat16(x[line + i]) : 0;
      to[line + 2 * i + 1] = line + i + 16 < count ? bfloat16(x[line + i + 16]) : 0;
    }
  }
}

static void pack_bfloat16_page(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                               int32_t first, int32_t count, uint16_t *to) {
  const int32_t page = attn_decode_page_keys(plan->format);
  const ptrdiff_t key_width = (ptrdiff_t)attn_decode_key_bytes(plan) / 2;
  const ptrdiff_t value_width = attn_decode_value_columns(plan);
  uint16_t *values = to + page * key_width;
  for (int32_t i = 0; i < count; i++) {
    const int32_t key = first + i;
    pack_bfloat16_row(source->k + key * source->k_stride, plan->head_dim, to + i * key_width);
    pack_bfloat16_row(source->v + key * source->v_stride, plan->value_dim,
                      values + i * value_width);
  }
}

static void pack_int8_page(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                           int32_t first, int32_t count, char *to) {
  float *scales = (float *)to;
  uint8_t *keys = (uint8_t *)to + MOST_PAGE_KEYS * sizeof(float);
  const ptrdiff_t width = (ptrdiff_t)attn_decode_key_bytes(plan);
  int8_t *values = (int8_t *)keys + MOST_PAGE_KEYS * width;
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  for (int32_t i = 0; i < count; i++) {
    const float *k = source->k + (first + i) * source->k_stride;
    const float *v = source->v + (first + i) * source->v_stride;
    const float largest = largest_magnitude(k, plan->head_dim);
    uint8_t *row = keys + i * width;
    scales[i] = largest / 127;
    quantise_row(k, plan->head_dim, largest, (int8_t *)row);
    for (int32_t c = 0; c < plan->head_dim; c++) row[c] = (uint8_t)(row[c] + 128);
    for (int32_t c = 0; c < plan->value_dim; c++) {
      const float inverse = source->value_scales[columns + c];
      values[(i / 4 * columns + c) * 4 + i % 4] = (int8_t)nearest(v[c] * inverse);
    }
  }
}

static void pack_page(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                      int32_t first, int32_t keys, void *page) {
  const int32_t most = attn_decode_page_keys(plan->format);
  const int32_t count = keys - first < most ? keys - first : most;
  memset(page, 0, attn_decode_page_bytes(plan));
  if (plan->format == ATTN_DECODE_BFLOAT16) pack_bfloat16_page(plan, source, first, count, page);
  if (plan->format == ATTN_DECODE_INT8) pack_int8_page(plan, source, first, count, page);
}

static void value_scales(const attn_decode_plan_t *plan, const float *v, ptrdiff_t v_stride,
                         int32_t keys, float *scales) {
  const int32_t columns = attn_decode_value_columns(plan);
  memset(scales, 0, 2 * (size_t)columns * sizeof(float));
  for (int32_t key = 0; key < keys; key++) {
    const float *row = v + key * v_stride;
    for (int32_t c = 0; c < plan->value_dim; c++) {
      scales[c] = fabsf(row[c]) > scales[c] ? fabsf(row[c]) : scales[c];
    }
  }
  for (int32_t c = 0; c < plan->value_dim; c++) {
    scales[columns + c] = scales[c] > 0 ? 127 / scales[c] : 0;
    scales[c] /= 127;
  }
}

#endif
