// SPDX-License-Identifier: MIT
// Float32 keys and values in natural rows. Rows are read strictly one after the other: what the
// memory system fetches ahead by itself is then faster than prefetches.
#ifndef DECODE_ROWS_H
#define DECODE_ROWS_H

#include "weights.h"

/// Adds up LANES vectors: lane i of the result is the sum of the lanes of x[i].
#define FOLD(x)                                                                     \
  do {                                                                              \
    FOLD_FIRST(x)                                                                   \
    UNROLL for (int i = 0; i < 2; i++) {                                            \
      (x)[i] = FOLD_LOW_4((x)[i], (x)[i + 2]) + FOLD_HIGH_4((x)[i], (x)[i + 2]);    \
    }                                                                               \
    (x)[0] = FOLD_LOW_2((x)[0], (x)[1]) + FOLD_HIGH_2((x)[0], (x)[1]);              \
  } while (0)

#define FOLD_8(x)                                                                   \
  UNROLL for (int i = 0; i < 4; i++) {                                              \
    (x)[i] = FOLD_LOW_8((x)[i], (x)[i + 4]) + FOLD_HIGH_8((x)[i], (x)[i + 4]);      \
  }
#if LANES == 16
#define FOLD_FIRST(x)                                                               \
  UNROLL for (int i = 0; i < 8; i++) {                                              \
    (x)[i] = FOLD_LOW_16((x)[i], (x)[i + 8]) + FOLD_HIGH_16((x)[i], (x)[i + 8]);    \
  }                                                                                 \
  FOLD_8(x)
#elif LANES == 8
#define FOLD_FIRST(x) FOLD_8(x)
#else
#define FOLD_FIRST(x)
#endif

/// Sums in flight per key: enough for the latency of a multiply-add.
enum { ROW_SUMS = 8 };

/// Products of one key with all rows; lanes of `sums` are still to be added up.
INLINE void row_products(const int rows, const attn_decode_plan_t *plan, const tile_t *tile,
                         const float *key, vf *sums) {
  const int parts = ROW_SUMS / rows;
  const ptrdiff_t stride = query_stride(plan);
  const float *query = tile->query;
  const int32_t whole = plan->head_dim / LANES;
  vf part[ROW_SUMS];
  UNROLL for (int i = 0; i < ROW_SUMS; i++) part[i] = all_f(0);
  int32_t vector = 0;
  for (; vector + parts <= whole; vector += parts) {
    UNROLL for (int p = 0; p < parts; p++) {
      const int32_t at = (vector + p) * LANES;
      const vf k = load_f(key + at);
      UNROLL for (int r = 0; r < rows; r++) {
        part[p * rows + r] =
            multiply_add(k, load_f(query + r * stride + at), part[p * rows + r]);
      }
    }
  }
  for (; vector * LANES < plan->head_dim; vector++) {
    const int32_t at = vector * LANES, left = plan->head_dim - at;
    const vf k = left >= LANES ? load_f(key + at) : load_part(key + at, left);
    UNROLL for (int r = 0; r < rows; r++) {
      part[r] = multiply_add(k, load_f(query + r * stride + at), part[r]);
    }
  }
  UNROLL for (int half = ROW_SUMS / 2; half >= rows; half /= 2) {
    UNROLL for (int i = 0; i < half; i++) part[i] += part[i + half];
  }
  UNROLL for (int r = 0; r < rows; r++) sums[r] = part[r];
}

/// Scores of a block: vectors whose lane i is key i / rows, row i mod rows.
INLINE void row_scores(const int rows, const attn_decode_plan_t *plan, const tile_t *tile,
                       const block_t *block, float *scores) {
  const int group = LANES / rows;
  for (int32_t key = 0; key < block->count; key += group) {
    vf sums[LANES];
    UNROLL for (int j = 0; j < group; j++) {
      // Beyond the last key its row is read again; the score is masked.
      const int32_t existing = key + j < block->count ? key + j : block->count - 1;
      row_products(rows, plan, tile,
                   (const float *)((const char *)block->keys + existing * block->key_bytes),
                   sums + j * rows);
    }
    FOLD(sums);
    store_f(scores + key * rows, sums[0]);
  }
}

/// Masks keys that a row does not see and returns the largest score per row.
INLINE vf largest_row_scores(const int rows, const tile_t *tile, float *scores, int32_t floats,
                             int32_t first, int masked) {
  const vi index = LANE_INDEX;
  const vi key_of_lane = index / rows;
  const vf lowest = all_f(-INFINITY);
  vf largest = lowest;
  for (int32_t i = 0; i < floats; i += LANES) {
    vf score = load_f(scores + i);
    if (masked) {
      const vi key = key_of_lane + all_i(first + i / rows);
      score = choose(key < load_i(tile->visible), score, lowest);
      store_f(scores + i, score);
    }
    largest = maximum(largest, score);
  }
  return row_maximum(rows, largest);
}

INLINE void row_weights(tile_t *tile, float *scores, int32_t floats) {
  const vf top = grounded(load_f(tile->maximum));
  vf sum = load_f(tile->denominator);
  for (int32_t i = 0; i < floats; i += LANES) {
    const vf weight = power_of_2(load_f(scores + i) - top);
    store_f(scores + i, weight);
    sum += weight;
  }
  store_f(tile->denominator, sum);
}

/// `count` vectors of columns from `column` on for the rows `from ..< from + part`; `left` columns
/// are there to be read.
INLINE void row_panel(const int rows, const int from, const int part, const int count,
                      const attn_decode_plan_t *plan, tile_t *tile, const block_t *block,
                      const float *weights, int32_t column, int32_t left) {
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  const char *row = (const char *)block->values;
  float *output = tile->output + from * columns + column;
  vf sums[TILE_ROWS][WIDE_PANEL];
  UNROLL for (int r = 0; r < part; r++) {
    UNROLL for (int i = 0; i < count; i++) sums[r][i] = load_f(output + r * columns + i * LANES);
  }
  // Only the first lines of the next block's values are announced, by a pass that reads no memory:
  // nothing has read on there for as long as it took to score a block.
  uintptr_t next = (uintptr_t)row + (uintptr_t)(block->count * block->value_bytes);
  for (int32_t key = 0; key < block->count; key++, row += block->value_bytes) {
    if (from > 0) {
      __builtin_prefetch((const void *)next, 0, 2);
      __builtin_prefetch((const void *)(next + 64), 0, 2);
      next += 128;
    }
    UNROLL for (int i = 0; i < count; i++) {
      const float *at = (const float *)row + column + i * LANES;
      const vf v = left < LANES ? load_part(at, left) : load_f(at);
      UNROLL for (int r = 0; r < part; r++) {
        sums[r][i] = multiply_add(v, all_f(weights[key * rows + from + r]), sums[r][i]);
      }
    }
  }
  UNROLL for (int r = 0; r < part; r++) {
    UNROLL for (int i = 0; i < count; i++) store_f(output + r * columns + i * LANES, sums[r][i]);
  }
}

/// Wide panels first, a few rows at a time: the first pass reads long pieces of every row of values
/// from memory, the others find them in the first-level cache.
INLINE void row_values(const int rows, const attn_decode_plan_t *plan, tile_t *tile,
                       const block_t *block, const float *weights) {
  const int part = rows < WIDE_ROWS ? rows : WIDE_ROWS;
  const int32_t width = plan->value_dim;
  int32_t column = 0;
  for (; column + WIDE_PANEL * LANES <= width; column += WIDE_PANEL * LANES) {
    UNROLL for (int from = 0; from < rows; from += part) {
      row_panel(rows, from, part, WIDE_PANEL, plan, tile, block, weights, column, LANES);
    }
  }
  for (; column + PANEL * LANES <= width; column += PANEL * LANES) {
    row_panel(rows, 0, rows, PANEL, plan, tile, block, weights, column, LANES);
  }
  for (; column + LANES <= width; column += LANES) {
    row_panel(rows, 0, rows, 1, plan, tile, block, weights, column, LANES);
  }
  if (column < width) {
    row_panel(rows, 0, rows, 1, plan, tile, block, weights, column, width - column);
  }
}

INLINE void attend_rows(const int rows, const attn_decode_plan_t *plan, tile_t *tile,
                        const block_t *block, int32_t first, attn_counts_t *counts) {
  _Alignas(64) float scores[TILE_ROWS * 16];
  const int group = LANES / rows;
  const int32_t keys = (block->count + group - 1) / group * group;
  row_scores(rows, plan, tile, block, scores);
  // Scores past the last key are masked through the rows' own limits, which lie below them.
  const int masked = tile->shortest < first + keys;
  const vf largest = largest_row_scores(rows, tile, scores, keys * rows, first, masked);
  follow_maximum(tile, plan, largest, counts);
  row_weights(tile, scores, keys * rows);
  row_values(rows, plan, tile, block, scores);
}

#endif
