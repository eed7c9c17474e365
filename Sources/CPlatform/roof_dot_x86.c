// SPDX-License-Identifier: MIT

#include "roof_loops.h"

#if defined(__x86_64__)

#include <immintrin.h>

static double sum_ints(const int32_t *values, int count) {
  double sum = 0;
  for (int i = 0; i < count; i++) {
    sum += values[i];
  }
  return sum;
}

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))),      \
                             apply_to = function)

double roof_bf16_avx512(uint64_t iterations) {
  __m512 chains[ROOF_CHAINS];
  // 1.0 in bfloat16.
  __m512i ones = _mm512_set1_epi16(0x3f80);
  ROOF_OPAQUE(ones);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm512_setzero_ps();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = _mm512_dpbf16_ps(chains[i], (__m512bh)ones, (__m512bh)ones);
    }
  }
  double sum = 0;
  for (int i = 0; i < ROOF_CHAINS * 16; i++) {
    sum += (double)((const float *)chains)[i];
  }
  return sum;
}

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

double roof_int8_avx2(uint64_t iterations) {
  __m256i chains[ROOF_CHAINS];
  __m256i left = _mm256_set1_epi8(1), right = _mm256_set1_epi8(1), pair = _mm256_set1_epi16(1);
  ROOF_OPAQUE(right);
  ROOF_OPAQUE(pair);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm256_setzero_si256();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      // A changed operand each time, or the compiler computes the product once.
      ROOF_OPAQUE(left);
      const __m256i sums = _mm256_maddubs_epi16(left, right);
      chains[i] = _mm256_add_epi32(chains[i], _mm256_madd_epi16(sums, pair));
    }
  }
  return sum_ints((const int32_t *)chains, ROOF_CHAINS * 8);
}

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx2,avxvnni"))), apply_to = function)

double roof_int8_avx_vnni(uint64_t iterations) {
  __m256i chains[ROOF_CHAINS];
  __m256i ones = _mm256_set1_epi8(1);
  ROOF_OPAQUE(ones);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm256_setzero_si256();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = _mm256_dpbusd_avx_epi32(chains[i], ones, ones);
    }
  }
  return sum_ints((const int32_t *)chains, ROOF_CHAINS * 8);
}

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))),      \
                             apply_to = function)

double roof_int8_avx512_vnni(uint64_t iterations) {
  __m512i chains[ROOF_CHAINS];
  __m512i ones = _mm512_set1_epi8(1);
  ROOF_OPAQUE(ones);
  for (int i = 0; i < ROOF_CHAINS; i++) {
    chains[i] = _mm512_setzero_si512();
  }
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = _mm512_dpbusd_epi32(chains[i], ones, ones);
    }
  }
  return sum_ints((const int32_t *)chains, ROOF_CHAINS * 16);
}

#pragma clang attribute pop

#endif
