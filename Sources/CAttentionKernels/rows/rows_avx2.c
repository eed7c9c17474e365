// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include <immintrin.h>

#include "attn_rows.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

/// 2^x for -126 <= x <= 0: a whole number added to the exponent, a minimax polynomial for the rest.
static inline __m256 power_of_2(__m256 x) {
  const __m256 magic = _mm256_set1_ps(0x1.8p23f);  // one unit in the last place is 1
  const __m256 shifted = _mm256_add_ps(x, magic);
  const __m256 f = _mm256_sub_ps(x, _mm256_sub_ps(shifted, magic));
  __m256 p = _mm256_set1_ps(0x1.5bba12p-10f);
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(0x1.3cea88p-7f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(0x1.c6b752p-5f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(0x1.ebf9bcp-3f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(0x1.62e42ap-1f));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(1));
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent));
}

static float largest_lane(__m256 x) {
  float lanes[8];
  _mm256_storeu_ps(lanes, x);
  float largest = lanes[0];
  for (int i = 1; i < 8; i++) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}

static float exponentiate(float *scores, int64_t count) {
  const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
  __m256 largest[2] = {lowest, lowest};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    largest[0] = _mm256_max_ps(largest[0], _mm256_loadu_ps(scores + i));
    largest[1] = _mm256_max_ps(largest[1], _mm256_loadu_ps(scores + i + 8));
  }
  float maximum = largest_lane(_mm256_max_ps(largest[0], largest[1]));
  for (; i < count; i++) maximum = scores[i] > maximum ? scores[i] : maximum;

  const __m256 top = _mm256_set1_ps(maximum);
  const __m256 clamp = _mm256_set1_ps(-126);
  __m256 sums = _mm256_setzero_ps();
  for (i = 0; i + 8 <= count; i += 8) {
    const __m256 x = _mm256_sub_ps(_mm256_loadu_ps(scores + i), top);
    const __m256 weights = power_of_2(_mm256_max_ps(x, clamp));
    _mm256_storeu_ps(scores + i, weights);
    sums = _mm256_add_ps(sums, weights);
  }
  float lanes[8], sum = 0;
  _mm256_storeu_ps(lanes, sums);
  for (int lane = 0; lane < 8; lane++) sum += lanes[lane];
  if (i == count) return sum;

  float rest[8];
  for (int lane = 0; lane < 8; lane++) rest[lane] = i + lane < count ? scores[i + lane] : maximum;
  const __m256 x = _mm256_sub_ps(_mm256_loadu_ps(rest), top);
  _mm256_storeu_ps(rest, power_of_2(_mm256_max_ps(x, clamp)));
  for (int lane = 0; i < count; lane++, i++) {
    scores[i] = rest[lane];
    sum += rest[lane];
  }
  return sum;
}

const attn_rows_kernels_t attn_rows_avx2 = {exponentiate};

#pragma clang attribute pop
#endif
