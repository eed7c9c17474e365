// SPDX-License-Identifier: MIT
#ifndef WINDOW_SOFTMAX_AVX512_H
#define WINDOW_SOFTMAX_AVX512_H

#include "../tiled/exp_avx512.h"
#include "fetch.h"

/// The sums of the 16 elements of each of 16 vectors.
WINDOW_INLINE __m512 window_sum_rows(__m512 x[16]) {
  __m512 parts[4];
  WINDOW_UNROLL for (int g = 0; g < 4; ++g) {
    // Within each quarter: element i becomes the quarter's sum of row 4g + i.
    const __m512 *y = x + 4 * g;
    const __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(y[0], y[1]), _mm512_unpackhi_ps(y[0], y[1]));
    const __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(y[2], y[3]), _mm512_unpackhi_ps(y[2], y[3]));
    parts[g] = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
  }
  const __m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(parts[0], parts[1], 0x88),
                                 _mm512_shuffle_f32x4(parts[0], parts[1], 0xdd));
  const __m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(parts[2], parts[3], 0x88),
                                 _mm512_shuffle_f32x4(parts[2], parts[3], 0xdd));
  return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

/// Turns a row of `count` scores, padded to whole vectors, into weights; returns 1 / their sum.
WINDOW_INLINE float window_soften(float *scores, int32_t count, const float *bias) {
  const int32_t last = (count - 1) & ~15;
  const __mmask16 inside = (__mmask16)((2u << (count - 1 - last)) - 1);
  const __m512 nothing = _mm512_set1_ps(-INFINITY);
  __m512 highest = nothing;
  for (int32_t at = 0; at <= last; at += 16) {
    const __mmask16 lanes = at == last ? inside : 0xffff;
    __m512 x = _mm512_load_ps(scores + at);
    if (bias) x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(lanes, bias + at));
    x = _mm512_mask_mov_ps(nothing, lanes, x);
    _mm512_store_ps(scores + at, x);
    highest = _mm512_max_ps(highest, x);
  }
  const __m512 maximum = _mm512_set1_ps(_mm512_reduce_max_ps(highest));
  __m512 sum = _mm512_setzero_ps();
  for (int32_t at = 0; at <= last; at += 16) {
    const __m512 x = _mm512_sub_ps(_mm512_load_ps(scores + at), maximum);
    const __m512 weight = tiled_exp2_avx512(x, tiled_exp_operands());
    _mm512_store_ps(scores + at, weight);
    sum = _mm512_add_ps(sum, weight);
  }
  return 1 / _mm512_reduce_add_ps(sum);
}

#endif
