// SPDX-License-Identifier: MIT

#include "roof_loops.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static inline __m256 exp2_avx2(__m256 x) {
  const __m256 magic = _mm256_set1_ps(ROOF_EXP_ROUND);
  const __m256 rounded = _mm256_add_ps(x, magic);
  const __m256 f = _mm256_sub_ps(x, _mm256_sub_ps(rounded, magic));
  __m256 value = _mm256_set1_ps(ROOF_EXP_C5);
  value = _mm256_fmadd_ps(value, f, _mm256_set1_ps(ROOF_EXP_C4));
  value = _mm256_fmadd_ps(value, f, _mm256_set1_ps(ROOF_EXP_C3));
  value = _mm256_fmadd_ps(value, f, _mm256_set1_ps(ROOF_EXP_C2));
  value = _mm256_fmadd_ps(value, f, _mm256_set1_ps(ROOF_EXP_C1));
  value = _mm256_fmadd_ps(value, f, _mm256_set1_ps(ROOF_EXP_C0));
  const __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(rounded), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(value), exponent));
}

double roof_exp_avx2(uint64_t iterations) {
  _Alignas(64) float inputs[ROOF_EXP_INPUTS];
  roof_exp_inputs(inputs);
  __m256 total = _mm256_setzero_ps();
  for (uint64_t n = 0; n < iterations; n++) {
    cplatform_consume(inputs);
    __m256 sums[ROOF_EXP_SUMS];
    for (int j = 0; j < ROOF_EXP_SUMS; j++) {
      sums[j] = _mm256_setzero_ps();
    }
    for (int i = 0; i < ROOF_EXP_INPUTS; i += 8 * ROOF_EXP_SUMS) {
      for (int j = 0; j < ROOF_EXP_SUMS; j++) {
        sums[j] = _mm256_add_ps(sums[j], exp2_avx2(_mm256_load_ps(inputs + i + 8 * j)));
      }
    }
    total = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    ROOF_OPAQUE(total);
  }
  double result = 0;
  for (int i = 0; i < 8; i++) {
    result += (double)((const float *)&total)[i];
  }
  return result;
}

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)

static inline __m512 exp2_avx512(__m512 x) {
  const __m512 magic = _mm512_set1_ps(ROOF_EXP_ROUND);
  const __m512 rounded = _mm512_add_ps(x, magic);
  const __m512 f = _mm512_sub_ps(x, _mm512_sub_ps(rounded, magic));
  __m512 value = _mm512_set1_ps(ROOF_EXP_C5);
  value = _mm512_fmadd_ps(value, f, _mm512_set1_ps(ROOF_EXP_C4));
  value = _mm512_fmadd_ps(value, f, _mm512_set1_ps(ROOF_EXP_C3));
  value = _mm512_fmadd_ps(value, f, _mm512_set1_ps(ROOF_EXP_C2));
  value = _mm512_fmadd_ps(value, f, _mm512_set1_ps(ROOF_EXP_C1));
  value = _mm512_fmadd_ps(value, f, _mm512_set1_ps(ROOF_EXP_C0));
  const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(rounded), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(value), exponent));
}

double roof_exp_avx512(uint64_t iterations) {
  _Alignas(64) float inputs[ROOF_EXP_INPUTS];
  roof_exp_inputs(inputs);
  __m512 total = _mm512_setzero_ps();
  for (uint64_t n = 0; n < iterations; n++) {
    cplatform_consume(inputs);
    __m512 sums[ROOF_EXP_SUMS];
    for (int j = 0; j < ROOF_EXP_SUMS; j++) {
      sums[j] = _mm512_setzero_ps();
    }
    for (int i = 0; i < ROOF_EXP_INPUTS; i += 16 * ROOF_EXP_SUMS) {
      for (int j = 0; j < ROOF_EXP_SUMS; j++) {
        sums[j] = _mm512_add_ps(sums[j], exp2_avx512(_mm512_load_ps(inputs + i + 16 * j)));
      }
    }
    total = _mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
    ROOF_OPAQUE(total);
  }
  double result = 0;
  for (int i = 0; i < 16; i++) {
    result += (double)((const float *)&total)[i];
  }
  return result;
}

#pragma clang attribute pop

#endif
