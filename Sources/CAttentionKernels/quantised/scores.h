// SPDX-License-Identifier: MIT
// Scores of a block of keys.
#ifndef ATTN_QUANTISED_SCORES_H
#define ATTN_QUANTISED_SCORES_H

#include "strip.h"

/// One call of `attend`.
typedef struct {
  const attn_quantised_plan_t *plan;
  const attn_quantised_head_t *head;
  const float *offsets;
  attn_counts_t *counts;
} visit_t;

/// Byte `i` of a packed row of `dwords` words of codes.
INLINE int32_t unpacked(const attn_keys_t keys, const uint8_t *row, int32_t i, int32_t half) {
  if (keys == ATTN_KEYS_INT8) return (int8_t)row[i];
  return (i < half ? row[i] & 15 : row[i - half] >> 4) - 8;
}

/// Rows of codes as bytes or, where no instruction multiplies bytes, as float32s.
INLINE void unpack(const attn_keys_t keys, const strip_t *s, const uint8_t *rows, int32_t count) {
  const int32_t bytes = s->dwords * 4, half = bytes / 2;
  const int32_t stride = keys == ATTN_KEYS_INT8 ? bytes : half;
  for (int32_t j = 0; j < count; j++) {
    const uint8_t *row = rows + (ptrdiff_t)j * stride;
    if (HAS_DOT_U8) {
      int8_t *out = (int8_t *)s->tile + (ptrdiff_t)j * bytes;
      for (int32_t i = 0; i < half; i++) {
        out[i] = (int8_t)((row[i] & 15) - 8);
        out[half + i] = (int8_t)((row[i] >> 4) - 8);
      }
    } else {
      float *out = (float *)s->tile + (ptrdiff_t)j * bytes;
      for (int32_t i = 0; i < bytes; i++) out[i] = (float)unpacked(keys, row, i, half);
    }
  }
}

/// Keys of a block from `first` on in the form of the products, and their distance in words.
INLINE const dword *block_keys(const visit_t *visit, const strip_t *s, int32_t first,
                               int32_t count, ptrdiff_t *stride) {
  const attn_quantised_plan_t *plan = visit->plan;
  const attn_keys_t keys = plan->keys;
  const char *rows = (const char *)visit->head->keys +
                     (size_t)first * row_bytes(keys, plan->head_dim);
  if (keys == ATTN_KEYS_F32) {
    *stride = plan->head_dim;
    return (const dword *)rows;
  }
  *stride = HAS_DOT_U8 ? s->dwords : s->dwords * 4;
  if (HAS_DOT_U8 && keys == ATTN_KEYS_INT8) return (const dword *)rows;
  if (keys == ATTN_KEYS_INT8)
    unpack(ATTN_KEYS_INT8, s, (const uint8_t *)rows, count);
  else
    unpack(ATTN_KEYS_INT4, s, (const uint8_t *)rows, count);
  return s->tile;
}

/// Scores of `count` keys from `first` on, in log2 units, into the strip's buffer.
INLINE void score_block(const int codes, const visit_t *visit, const strip_t *s, int32_t first,
                        int32_t count) {
  ptrdiff_t stride;
  const attn_quantised_head_t *head = visit->head;
  const dword *keys = block_keys(visit, s, first, count, &stride);
  const int32_t steps = codes ? s->dwords : visit->plan->head_dim;
  for (int32_t tile = 0; tile < count; tile += TILE_ROWS) {
    vf acc[TILE_ROWS][QUERY_VECTORS];
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++)
        acc[r][v] = codes ? (vf)vi_set1(head->key_sums[first + tile + r]) : vf_set1(0);
    }
    const dword *b = keys + tile * stride;
    for (int32_t step = 0; step < steps; step++) {
      const vf *a = s->queries + step * QUERY_VECTORS;
      UNROLL
      for (int r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (int v = 0; v < QUERY_VECTORS; v++)
          acc[r][v] = codes ? (vf)dot_u8((vi)acc[r][v], (vi)a[v], b[r * stride + step])
                            : vf_fma(a[v], vf_set1(((const float *)b)[r * stride + step]),
                                     acc[r][v]);
      }
    }
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      const int32_t key = first + tile + r;
      const vf offset = vf_set1(visit->offsets ? visit->offsets[key] : 0);
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++) {
        const vf sum = codes ? __builtin_convertvector((vi)acc[r][v], vf) : acc[r][v];
        vf score = vf_fma(sum * head->key_scales[key], s->query_scale[v], offset);
        const uint32_t word = s->words[tile + r];
        if (word != UINT32_MAX)
          score = vf_select(vi_lane_mask(word, v), score, vf_set1(NO_MAXIMUM));
        s->scores[(tile + r) * QUERY_VECTORS + v] = score;
      }
    }
  }
}

#endif
