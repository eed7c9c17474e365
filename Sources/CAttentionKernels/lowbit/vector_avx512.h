// SPDX-License-Identifier: MIT
// What the three AVX-512 tables share.
#ifndef ATTN_LOWBIT_VECTOR_AVX512_H
#define ATTN_LOWBIT_VECTOR_AVX512_H

#define VECTOR_LANES 16
#define QUERY_VECTORS 2
#define TILE_ROWS 8
#define INTERLEAVE 1

#include "vector.h"

INLINE vf vf_fma(vf a, vf b, vf c) { return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
INLINE vf vf_max(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }

INLINE int vf_any_greater(vf a, vf b) {
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
}

INLINE vi dot_s16(vi acc, vi a, vi b) {
  return acc + (vi)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}

#if HAS_DOT_U8
INLINE vi dot_u8(vi acc, vi a, vi b) {
  return (vi)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)a, (__m512i)b);
}

INLINE vi dot_from_memory(int u8, vi acc, vi a, const dword *b) {
  // A compiler would load the dword once for all vectors.
  if (u8) {
    __asm__("vpdpbusd %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(a), "m"(*b));
  } else {
    __asm__("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(acc) : "v"(a), "m"(*b));
  }
  return acc;
}
#endif

#if HAS_DOT_BF16
INLINE vf dot_bf16(vf acc, vi a, vi b) {
  return (vf)_mm512_dpbf16_ps((__m512)acc, (__m512bh)a, (__m512bh)b);
}

INLINE vi pair_bf16(vf a, vf b) {
  // The conversion leaves a's lanes in the lower half of the vector.
  static const uint16_t interleave[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,
                                          21, 6, 22, 7, 23, 8,  24, 9,  25, 10, 26,
                                          11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return (vi)_mm512_permutexvar_epi16(_mm512_loadu_si512(interleave),
                                      (__m512i)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a));
}
#endif

/// Pins the sums as well: products that wait behind exponentials would leave the pipes idle.
INLINE void row_fence(vi acc[QUERY_VECTORS]) {
  __asm__ volatile("" : "+v"(acc[0]), "+v"(acc[1])::"memory");
}

#include "exp_avx512.h"
#include "no_dots.h"

#include "table.h"

#endif
