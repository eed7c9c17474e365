// SPDX-License-Identifier: MIT
// Copies of keys and values in the pages of a cache.
#ifndef DECODE_PACK_H
#define DECODE_PACK_H

#include "layout.h"

/// Writes `x` as element `index` of an array of floats or bfloat16.
INLINE void put_float(int format, void *array, ptrdiff_t index, float x) {
  if (format == ATTN_DECODE_FLOAT32) {
    ((float *)array)[index] = x;
  } else {
    ((uint16_t *)array)[index] = bfloat16(x);
  }
}

static void pack_float_page(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                            int32_t first, int32_t count, char *to) {
  const int format = plan->format, bytes = format == ATTN_DECODE_FLOAT32 ? 4 : 2;
  const int32_t page = attn_decode_page_keys(format);
  const int32_t columns = attn_decode_value_columns(plan);
  char *values = to + page * attn_decode_key_bytes(plan);
  for (int32_t i = 0; i < count; i++) {
    const float *k = source->k + (first + i) * source->k_stride;
    const float *v = source->v + (first + i) * source->v_stride;
    for (int32_t c = 0; c < plan->head_dim; c++) {
      put_float(format, to, key_place(plan, i, c) / bytes, k[c]);
    }
    int32_t width = 0;
    for (int32_t from = 0; from < plan->value_dim; from += width) {
      width = panel_width(from, columns);
      char *panel = values + (ptrdiff_t)page * from * bytes;
      for (int32_t c = 0; c < width && from + c < plan->value_dim; c++) {
        put_float(format, panel, value_place(format, width, i, c), v[from + c]);
      }
    }
  }
}

static void pack_int8_page(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                           int32_t first, int32_t count, char *to) {
  float *scales = (float *)to;
  uint8_t *keys = (uint8_t *)to + MOST_PAGE_KEYS * sizeof(float);
  int8_t *values = (int8_t *)keys + MOST_PAGE_KEYS * attn_decode_key_bytes(plan);
  const int32_t columns = attn_decode_value_columns(plan);
  for (int32_t i = 0; i < count; i++) {
    const float *k = source->k + (first + i) * source->k_stride;
    const float *v = source->v + (first + i) * source->v_stride;
    const float largest = largest_magnitude(k, plan->head_dim);
    scales[i] = largest / 127;
    for (int32_t c = 0; c < plan->head_dim; c++) {
      int8_t code;
      quantise_row(k + c, 1, largest, &code);
      keys[key_place(plan, i, c)] = (uint8_t)(code + 128);
    }
    int32_t width = 0;
    for (int32_t from = 0; from < plan->value_dim; from += width) {
      width = panel_width(from, columns);
      int8_t *panel = values + (ptrdiff_t)MOST_PAGE_KEYS * from;
      for (int32_t c = 0; c < width && from + c < plan->value_dim; c++) {
        const float inverse = source->value_scales[columns + from + c];
        panel[value_place(plan->format, width, i, c)] = (int8_t)nearest(v[from + c] * inverse);
      }
    }
  }
}

static void pack_page(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                      int32_t first, int32_t keys, void *page) {
  const int32_t most = attn_decode_page_keys(plan->format);
  const int32_t count = keys - first < most ? keys - first : most;
  memset(page, 0, attn_decode_page_bytes(plan));
  if (plan->format == ATTN_DECODE_INT8) {
    pack_int8_page(plan, source, first, count, page);
  } else {
    pack_float_page(plan, source, first, count, page);
  }
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
