// SPDX-License-Identifier: MIT
#ifndef WINDOW_SOFTMAX_AVX2_H
#define WINDOW_SOFTMAX_AVX2_H

#include "../tiled/exp_avx2.h"
#include "fetch.h"

/// All ones in the first `count` lanes (all of them from 8 on).
WINDOW_INLINE __m256i window_lanes(int32_t count) {
  const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), order);
}

/// The sums of the 8 elements of each of 8 vectors.
WINDOW_INLINE __m256 window_sum_rows(const __m256 x[8]) {
  __m256 halves[2];
  WINDOW_UNROLL for (int g = 0; g < 2; ++g) {
    // Element i of each half becomes the half's sum of row 4g + i.
    const __m256 *y = x + 4 * g;
    const __m256 a = _mm256_add_ps(_mm256_unpacklo_ps(y[0], y[1]), _mm256_unpackhi_ps(y[0], y[1]));
    const __m256 b = _mm256_add_ps(_mm256_unpacklo_ps(y[2], y[3]), _mm256_unpackhi_ps(y[2], y[3]));
    halves[g] = _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44), _mm256_shuffle_ps(a, b, 0xee));
  }
  return _mm256_add_ps(_mm256_permute2f128_ps(halves[0], halves[1], 0x20),
                       _mm256_permute2f128_ps(halves[0], halves[1], 0x31));
}

WINDOW_INLINE __m256 window_spread_max(__m256 x) {
  x = _mm256_max_ps(x, _mm256_permute2f128_ps(x, x, 0x01));
  x = _mm256_max_ps(x, _mm256_permute_ps(x, 0x4e));
  return _mm256_max_ps(x, _mm256_permute_ps(x, 0xb1));
}

WINDOW_INLINE float window_sum(__m256 x) {
  __m128 sum = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

/// Turns a row of `count` scores, padded to whole vectors, into weights; returns 1 / their sum.
WINDOW_INLINE float window_soften(float *scores, int32_t count, const float *bias) {
  const int32_t last = (count - 1) & ~7;
  const __m256i inside = window_lanes(count - last);
  const __m256 nothing = _mm256_set1_ps(-INFINITY);
  __m256 highest = nothing;
  for (int32_t at = 0; at < last; at += 8) {
    __m256 x = _mm256_load_ps(scores + at);
    if (bias) {
      x = _mm256_add_ps(x, _mm256_loadu_ps(bias + at));
      _mm256_store_ps(scores + at, x);
    }
    highest = _mm256_max_ps(highest, x);
  }
  __m256 rest = _mm256_load_ps(scores + last);
  if (bias) rest = _mm256_add_ps(rest, _mm256_maskload_ps(bias + last, inside));
  rest = _mm256_blendv_ps(nothing, rest, _mm256_castsi256_ps(inside));
  _mm256_store_ps(scores + last, rest);
  const __m256 maximum = window_spread_max(_mm256_max_ps(highest, rest));
  __m256 sum = _mm256_setzero_ps();
  for (int32_t at = 0; at <= last; at += 8) {
    const __m256 x = _mm256_sub_ps(_mm256_load_ps(scores + at), maximum);
    const __m256 weight = tiled_exp2_avx2(x, tiled_exp_operands());
    _mm256_store_ps(scores + at, weight);
    sum = _mm256_add_ps(sum, weight);
  }
  return 1 / window_sum(sum);
}

#endif
