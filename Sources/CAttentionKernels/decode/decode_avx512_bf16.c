// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16"))), apply_to = function)

#define BFLOAT16_DOTS 1
#include "avx512.h"

/// Adds two products of bfloat16 to every 32-bit lane.
INLINE vf dot_pairs(vf sum, vi a, vi b) {
  return (vf)_mm512_dpbf16_ps((__m512)sum, (__m512bh)(__m512i)a, (__m512bh)(__m512i)b);
}

/// Adds four products of an unsigned and a signed byte to every 32-bit lane.
INLINE vi dot_bytes(vi sum, vi bytes, vi signed_bytes) {
  return (vi)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)bytes, (__m512i)signed_bytes);
}

#include "table.h"

const attn_decode_kernels_t attn_decode_avx512_bf16 = DECODE_TABLE;

#pragma clang attribute pop
#endif
