// SPDX-License-Identifier: MIT

#include "roof_loops.h"

#if defined(__x86_64__)

#include <immintrin.h>

static double sum_floats(const float *values, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) {
    sum += (double)values[i];
  }
  return sum;
}

double roof_f32_sse2(uint64_t iterations) {
  __m128 chains[ROOF_CHAINS];
  __m128 scale = _mm_set1_ps(1.0f), step = _mm_set1_ps(1.0f);
  ROOF_OPAQUE(scale);
  ROOF_OPAQUE(step);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm_setzero_ps();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = _mm_add_ps(_mm_mul_ps(chains[i], scale), step);
    }
  }
  return sum_floats((const float *)chains, ROOF_CHAINS * 4);
}

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

double roof_f32_avx2(uint64_t iterations) {
  __m256 chains[ROOF_CHAINS];
  __m256 scale = _mm256_set1_ps(1.0f), step = _mm256_set1_ps(1.0f);
  ROOF_OPAQUE(scale);
  ROOF_OPAQUE(step);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm256_setzero_ps();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = _mm256_fmadd_ps(chains[i], scale, step);
    }
  }
  return sum_floats((const float *)chains, ROOF_CHAINS * 8);
}

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)

double roof_f32_avx512(uint64_t iterations) {
  __m512 chains[ROOF_CHAINS];
  __m512 scale = _mm512_set1_ps(1.0f), step = _mm512_set1_ps(1.0f);
  ROOF_OPAQUE(scale);
  ROOF_OPAQUE(step);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm512_setzero_ps();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = _mm512_fmadd_ps(chains[i], scale, step);
    }
  }
  return sum_floats((const float *)chains, ROOF_CHAINS * 16);
}

#pragma clang attribute pop

#endif
