// SPDX-License-Identifier: MIT
// Scores to weights, with a running maximum per row.
#ifndef DECODE_WEIGHTS_H
#define DECODE_WEIGHTS_H

#include "state.h"

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

/// The largest lane, in all lanes.
INLINE vf lane_maximum(vf x) {
#if LANES == 16
  x = maximum(x, ROTATE_8(x));
#endif
#if LANES >= 8
  x = maximum(x, ROTATE_4(x));
#endif
  x = maximum(x, ROTATE_2(x));
  return maximum(x, ROTATE_1(x));
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
    }
    for (int lane = 0; lane < LANES; lane++) tile->denominator[row][lane] *= factor;
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

#endif
