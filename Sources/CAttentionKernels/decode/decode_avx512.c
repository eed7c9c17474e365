// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)

#include "avx512.h"

/// Adds four products of an unsigned and a signed byte to every 32-bit lane: even and odd bytes
/// apart in 16 bits, where sums of pairs cannot saturate.
INLINE vi dot_bytes(vi sum, vi bytes, vi signed_bytes) {
  const __m512i a = (__m512i)bytes, b = (__m512i)signed_bytes;
  const __m512i even = _mm512_madd_epi16(_mm512_and_si512(a, _mm512_set1_epi16(0xff)),
                                         _mm512_srai_epi16(_mm512_slli_epi16(b, 8), 8));
  const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(a, 8), _mm512_srai_epi16(b, 8));
  return sum + (vi)_mm512_add_epi32(even, odd);
}

#include "table.h"

const attn_decode_kernels_t attn_decode_avx512 = DECODE_TABLE;

#pragma clang attribute pop
#endif
