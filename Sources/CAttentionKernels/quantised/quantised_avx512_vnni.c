// SPDX-License-Identifier: MIT
// AVX-512 with VNNI: integer codes by vpdpbusd.
#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR_LANES 16
#define TILE_ROWS 8
#define HAS_FMA 1
#define HAS_DOT_U8 1

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,avx512vnni"))), \
    apply_to = function)

#include "strip.h"

INLINE vi dot_u8(vi acc, vi a, dword b) {
  return (vi)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)a, _mm512_set1_epi32(b));
}

#include "attend.h"

const attn_quantised_kernels_t attn_quantised_avx512_vnni = QUANTISED_TABLE;

#pragma clang attribute pop
#endif
