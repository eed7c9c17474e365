// SPDX-License-Identifier: MIT
// Weighted sums of values: panels of columns whose sums stay in registers over a block of keys.
#ifndef DECODE_VALUES_H
#define DECODE_VALUES_H

#include "weights.h"

/// `count` vectors of columns from vector `first` on; `left` columns are there to be read.
INLINE void float_panel(const int rows, const int count, const int format,
                        const attn_decode_plan_t *plan, tile_t *tile, const block_t *block,
                        const float *weights, int32_t first, int32_t left, ahead_t *ahead) {
  const int bf16 = format == ATTN_DECODE_BFLOAT16;
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  const char *row = (const char *)block->values;
  const int per_line = 32 / LANES;
  vf sums[TILE_ROWS][PANEL];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) {
      sums[r][i] = load_f(tile->output + r * columns + (first + i) * LANES);
    }
  }
  for (int32_t key = 0; key < block->count; key++, row += block->value_bytes) {
    prefetch(ahead, (uintptr_t)(count * LANES * (bf16 ? 2 : 4)));
    vf v[PANEL];
    UNROLL for (int i = 0; i < count; i++) {
      const int32_t vector = first + i;
      const float *at = (const float *)row + vector * LANES;
      if (bf16) {
        // A panel of whole lines is known to start at one, which fixes the halves.
        const int inside = count % per_line == 0 ? i % per_line : vector % per_line;
        v[i] = widen(row + vector / per_line * 64, inside);
      } else {
        v[i] = left < LANES ? load_part(at, left) : load_f(at);
      }
    }
    UNROLL for (int r = 0; r < rows; r++) {
      const vf weight = all_f(weights[key * rows + r]);
      UNROLL for (int i = 0; i < count; i++) sums[r][i] = multiply_add(v[i], weight, sums[r][i]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) {
      store_f(tile->output + r * columns + (first + i) * LANES, sums[r][i]);
    }
  }
}

INLINE void float_values(const int rows, const int format, const attn_decode_plan_t *plan,
                         tile_t *tile, const block_t *block, const float *weights,
                         ahead_t *ahead) {
  const int32_t width =
      format == ATTN_DECODE_FLOAT32 ? plan->value_dim : attn_decode_value_columns(plan);
  int32_t vector = 0;
  for (; (vector + PANEL) * LANES <= width; vector += PANEL) {
    float_panel(rows, PANEL, format, plan, tile, block, weights, vector, LANES, ahead);
  }
  for (; (vector + 1) * LANES <= width; vector++) {
    float_panel(rows, 1, format, plan, tile, block, weights, vector, LANES, ahead);
  }
  if (vector * LANES < width) {
    float_panel(rows, 1, format, plan, tile, block, weights, vector, width - vector * LANES, ahead);
  }
}

INLINE void int8_panel(const int rows, const int count, const attn_decode_plan_t *plan,
                       tile_t *tile, const block_t *block, const uint32_t *words,
                       const float *factors, int32_t first, ahead_t *ahead) {
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  const char *row = (const char *)block->values + (ptrdiff_t)first * 4 * LANES;
  vi sums[TILE_ROWS][PANEL];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) sums[r][i] = all_i(0);
  }
  for (int group = 0; group < MOST_PAGE_KEYS / 4; group++, row += block->value_bytes) {
    prefetch(ahead, (uintptr_t)(count * LANES * 4));
    UNROLL for (int r = 0; r < rows; r++) {
      const vi weight = all_i((int32_t)words[group * rows + r]);
      UNROLL for (int i = 0; i < count; i++) {
        sums[r][i] = dot_bytes(sums[r][i], weight, load_i(row + i * 4 * LANES));
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    const vf factor = all_f(factors[r]);
    UNROLL for (int i = 0; i < count; i++) {
      float *o = tile->output + r * columns + (first + i) * LANES;
      store_f(o, multiply_add(__builtin_convertvector(sums[r][i], vf), factor, load_f(o)));
    }
  }
}

INLINE void int8_values(const int rows, const attn_decode_plan_t *plan, tile_t *tile,
                        const block_t *block, const uint32_t *words, const float *factors,
                        ahead_t *ahead) {
  const int32_t vectors = attn_decode_value_columns(plan) / LANES;
  int32_t vector = 0;
  for (; vector + PANEL <= vectors; vector += PANEL) {
    int8_panel(rows, PANEL, plan, tile, block, words, factors, vector, ahead);
  }
  for (; vector < vectors; vector++) {
    int8_panel(rows, 1, plan, tile, block, words, factors, vector, ahead);
  }
}

#endif
