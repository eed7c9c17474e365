// SPDX-License-Identifier: MIT
// AVX2 with FMA: INT8 as exact 16-bit pairs, BF16 widened to float32.
#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR_LANES 8
#define QUERY_VECTORS 3
#define TILE_ROWS 4
#define INTERLEAVE 0
#define HAS_DOT_U8 0
#define HAS_DOT_BF16 0

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "vector.h"

INLINE vf vf_fma(vf a, vf b, vf c) { return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
INLINE vf vf_max(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }

INLINE int vf_any_greater(vf a, vf b) {
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
}

INLINE vi dot_s16(vi acc, vi a, vi b) {
  return acc + (vi)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}

INLINE void row_fence(vi acc[QUERY_VECTORS]) {
  (void)acc;
  __asm__ volatile("" ::: "memory");
}

INLINE vf vf_exp2_coarse(vf x) { return vf_exp2(x, 3); }

#include "no_dots.h"
#include "table.h"

const attn_lowbit_kernels_t attn_lowbit_avx2 = LOWBIT_TABLE;

#pragma clang attribute pop
#endif
