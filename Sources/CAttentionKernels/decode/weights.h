// SPDX-License-Identifier: MIT
// Scores to weights, with a running maximum per row.
#ifndef DECODE_WEIGHTS_H
#define DECODE_WEIGHTS_H

#include "scores.h"

/// A maximum follows the scores only when they exceed it by more than this [log2 units]: weights
/// stay below 2^8, and accumulators are rarely rescaled.
#define SLACK 8.0f

/// 2^x for x <= 126: a whole number added to the exponent, a minimax polynomial for the rest.
/// Exactly 0 below -126, -inf included; relative error below 2^-22.
INLINE vf power_of_2(vf x) {
  const vf magic = all_f(0x1.8p23f);
  const vi normal = x >= all_f(-126);
  const vf clamped = choose(normal, x, all_f(0));
  const vf shifted = clamped + magic;
  const vf f = clamped - (shifted - magic);
  vf p = all_f(0x1.5bba12p-10f);
  p = multiply_add(p, f, all_f(0x1.3cea88p-7f));
  p = multiply_add(p, f, all_f(0x1.c6b752p-5f));
  p = multiply_add(p, f, all_f(0x1.ebf9bcp-3f));
  p = multiply_add(p, f, all_f(0x1.62e42ap-1f));
  p = multiply_add(p, f, all_f(1));
  return (vf)(((vi)p + ((vi)shifted << 23)) & normal);
}

/// The largest lane of every row, in all of the row's lanes.
INLINE vf row_maximum(const int rows, vf x) {
#if LANES == 16
  x = maximum(x, ROTATE_8(x));
#endif
#if LANES >= 8
  x = maximum(x, ROTATE_4(x));
#endif
  if (rows <= 2) x = maximum(x, ROTATE_2(x));
  if (rows == 1) x = maximum(x, ROTATE_1(x));
  return x;
}

/// Masks keys that a row does not see and returns the largest score per row.
INLINE vf largest_scores(const int rows, const tile_t *tile, float *scores, int32_t floats,
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

/// Raises the maxima that `largest` exceeds by more than the slack and rescales what was summed.
__attribute__((noinline)) static void raise_maxima(tile_t *tile, const attn_decode_plan_t *plan,
                                                   const float *largest, attn_counts_t *counts) {
  const int32_t columns = attn_decode_value_columns(plan);
  for (int32_t row = 0; row < tile->rows; row++) {
    const float old = tile->maximum[row], top = largest[row];
    if (!(top > old + SLACK)) continue;
    const float factor = old == -INFINITY ? 0 : exp2f(old - top);
    for (int lane = row; lane < LANES; lane += tile->rows) {
      tile->maximum[lane] = top;
      tile->denominator[lane] *= factor;
    }
    if (old == -INFINITY) continue;
    if (row < tile->valid) counts->rescales += 1;
    float *o = tile->output + row * (ptrdiff_t)columns;
    for (int32_t i = 0; i < columns; i++) o[i] *= factor;
  }
}

INLINE void follow_maximum(tile_t *tile, const attn_decode_plan_t *plan, vf largest,
                           attn_counts_t *counts) {
  const vi above = largest > load_f(tile->maximum) + all_f(SLACK);
  if (__builtin_expect(any_lane(above), 0)) {
    _Alignas(64) float tops[LANES];
    store_f(tops, largest);
    raise_maxima(tile, plan, tops, counts);
  }
}

/// A maximum to subtract: 0 where there is none, so that -inf stays -inf.
INLINE vf grounded(vf x) { return choose(x > all_f(-INFINITY), x, all_f(0)); }

INLINE void float_weights(tile_t *tile, float *scores, int32_t floats) {
  const vf top = grounded(load_f(tile->maximum));
  vf sum = load_f(tile->denominator);
  for (int32_t i = 0; i < floats; i += LANES) {
    const vf weight = power_of_2(load_f(scores + i) - top);
    store_f(scores + i, weight);
    sum += weight;
  }
  store_f(tile->denominator, sum);
}

typedef uint8_t bytes_t __attribute__((vector_size(16)));
typedef float floats_t __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t ints_t __attribute__((vector_size(64)));

/// Weights against the block's own largest as whole numbers up to 255, four keys of a row to a
/// 32-bit word: words lie by groups of four keys, then by row. `factors` makes them comparable
/// between blocks.
INLINE void int8_weights(const int rows, tile_t *tile, vf largest, float *scores,
                         uint32_t *words, float *factors) {
  const vf top = grounded(largest), magic = all_f(0x1.8p23f);
  vf sum = all_f(0);
  for (int32_t i = 0; i < MOST_PAGE_KEYS * rows; i += LANES) {
    const vf weight = power_of_2(load_f(scores + i) - top);
    const vf code = (weight * all_f(255) + magic) - magic;
    store_f(scores + i, code);
    sum += code;
  }
  const vf factor = power_of_2(largest - grounded(load_f(tile->maximum)));
  store_f(factors, factor);
  store_f(tile->denominator, multiply_add(sum, factor, load_f(tile->denominator)));
  for (int32_t i = 0; i < MOST_PAGE_KEYS * rows; i += 16) {
    const ints_t codes = __builtin_convertvector(*(const floats_t *)(scores + i), ints_t);
    bytes_t x = __builtin_convertvector(codes, bytes_t);
    if (rows == 4) {
      x = __builtin_shufflevector(x, x, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    } else if (rows == 2) {
      x = __builtin_shufflevector(x, x, 0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    }
    memcpy(words + i / 4, &x, sizeof x);
  }
}

#endif
