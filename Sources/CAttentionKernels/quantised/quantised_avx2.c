// SPDX-License-Identifier: MIT
// AVX2 with FMA: integer codes are multiplied as float32s, which hold their sums exactly.
#if defined(__x86_64__)
#define VECTOR_LANES 8
#define TILE_ROWS 2
#define HAS_FMA 1
#define HAS_DOT_U8 0

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "strip.h"

INLINE vi dot_u8(vi acc, vi a, dword b) {
  (void)a, (void)b;
  return acc;
}

#include "attend.h"

const attn_quantised_kernels_t attn_quantised_avx2 = QUANTISED_TABLE;

#pragma clang attribute pop
#endif
