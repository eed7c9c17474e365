// SPDX-License-Identifier: MIT
// AVX-512 without VNNI: integer codes are multiplied as float32s, which hold their sums exactly.
#if defined(__x86_64__)
#define VECTOR_LANES 16
#define TILE_ROWS 8
#define HAS_FMA 1
#define HAS_DOT_U8 0

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), \
    apply_to = function)

#include "strip.h"

INLINE vi dot_u8(vi acc, vi a, dword b) {
  (void)a, (void)b;
  return acc;
}

#include "attend.h"

const attn_quantised_kernels_t attn_quantised_avx512 = QUANTISED_TABLE;

#pragma clang attribute pop
#endif
