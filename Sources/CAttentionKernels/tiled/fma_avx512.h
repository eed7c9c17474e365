// SPDX-License-Identifier: MIT
#ifndef TILED_FMA_AVX512_H
#define TILED_FMA_AVX512_H

#include <immintrin.h>

#include "strip.h"

/// sum + x * y with the factor *x broadcast by the multiply-add itself.
///
/// A compiler would load the factor once for both parts. On Zen 4 such broadcasts compete with the
/// exponentials for issue slots, while broadcasting every factor twice would fill the load ports of
/// wider cores: `tiled_add_products` does one half each way.
TILED_INLINE __m512 tiled_fma_broadcast(__m512 sum, const float *x, __m512 y) {
  __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(y), "m"(*x));
  return sum;
}

/// Keeps the compiler from moving work across: it would delay multiply-adds past the exponentials
/// and hoist loads of later factors until sums no longer fit the registers.
TILED_INLINE void tiled_pin(__m512 sums[2], const int first, const int vectors) {
  if (vectors == 2) {
    __asm__ volatile("" : "+v"(sums[0]), "+v"(sums[1])::"memory");
  } else {
    __asm__ volatile("" : "+v"(sums[first])::"memory");
  }
}

/// Adds *x times the vectors `first ..< first + vectors` of y; `index` is a constant.
TILED_INLINE void tiled_add_products(__m512 sums[2], const float *x, const __m512 y[2],
                                     const int index, const int first, const int vectors) {
  if (vectors == 1) {
    sums[first] = _mm512_fmadd_ps(_mm512_set1_ps(*x), y[first], sums[first]);
  } else if (index % 2) {
    sums[0] = tiled_fma_broadcast(sums[0], x, y[0]);
    sums[1] = tiled_fma_broadcast(sums[1], x, y[1]);
  } else {
    const __m512 factor = _mm512_set1_ps(*x);
    sums[0] = _mm512_fmadd_ps(factor, y[0], sums[0]);
    sums[1] = _mm512_fmadd_ps(factor, y[1], sums[1]);
  }
  tiled_pin(sums, first, vectors);
}

#endif
