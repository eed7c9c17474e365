// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define LANES 8
#define PANEL 2
#define FLOAT_SCORE_VECTORS 2
#define INT8_SCORE_VECTORS 2
#define MOST_SCORE_VECTORS 2
#define BFLOAT16_DOTS 0
#include "vector.h"

INLINE vf all_f(float x) { return (vf)_mm256_set1_ps(x); }
INLINE vi all_i(int32_t x) { return (vi)_mm256_set1_epi32(x); }
INLINE vf multiply_add(vf a, vf b, vf c) {
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
INLINE vf maximum(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE int any_lane(vi mask) { return _mm256_movemask_ps((__m256)mask) != 0; }

/// Adds four products of an unsigned and a signed byte to every 32-bit lane: even and odd bytes
/// apart in 16 bits, where sums of pairs cannot saturate.
INLINE vi dot_bytes(vi sum, vi bytes, vi signed_bytes) {
  const __m256i a = (__m256i)bytes, b = (__m256i)signed_bytes;
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(0xff)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
  return sum + (vi)_mm256_add_epi32(even, odd);
}

#include "table.h"

const attn_decode_kernels_t attn_decode_avx2 = DECODE_TABLE;

#pragma clang attribute pop
#endif
