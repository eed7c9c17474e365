// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_VECTOR_AVX512_H
#define DIAGONAL_VECTOR_AVX512_H

#include <immintrin.h>

#include "../tiled/exp_avx512.h"
#include "../tiled/transpose_avx512.h"
#include "layout.h"

enum {
  DIAGONAL_LANES = 16,
  DIAGONAL_SHIFTS = 6,       ///< shifts of the window scored together for all rows of a block
  DIAGONAL_MOST_SHIFTS = 8,  ///< the same for fewer rows
  DIAGONAL_CHANNELS = 4      ///< channels of the output summed together
};

typedef __m512 diagonal_vec;
typedef __m512i diagonal_index;

DIAGONAL_INLINE __m512 diagonal_zero(void) { return _mm512_setzero_ps(); }
DIAGONAL_INLINE __m512 diagonal_all(float x) { return _mm512_set1_ps(x); }
DIAGONAL_INLINE __m512 diagonal_load(const float *p) { return _mm512_loadu_ps(p); }
DIAGONAL_INLINE void diagonal_store(float *p, __m512 x) { _mm512_storeu_ps(p, x); }
DIAGONAL_INLINE __m512 diagonal_fma(__m512 x, __m512 y, __m512 sum) {
  return _mm512_fmadd_ps(x, y, sum);
}
DIAGONAL_INLINE __m512 diagonal_add(__m512 x, __m512 y) { return _mm512_add_ps(x, y); }
DIAGONAL_INLINE __m512 diagonal_subtract(__m512 x, __m512 y) { return _mm512_sub_ps(x, y); }
DIAGONAL_INLINE __m512 diagonal_multiply(__m512 x, __m512 y) { return _mm512_mul_ps(x, y); }
DIAGONAL_INLINE __m512 diagonal_divide(__m512 x, __m512 y) { return _mm512_div_ps(x, y); }
DIAGONAL_INLINE __m512 diagonal_larger(__m512 x, __m512 y) { return _mm512_max_ps(x, y); }
DIAGONAL_INLINE __m512 diagonal_exp2(__m512 x) {
  return tiled_exp2_avx512(x, &tiled_exp_constants);
}
DIAGONAL_INLINE __m512i diagonal_load_index(const int32_t *p) { return _mm512_loadu_si512(p); }
DIAGONAL_INLINE __m512 diagonal_pick(__m512 x, __m512i index) {
  return _mm512_permutexvar_ps(index, x);
}

/// Transposes a 16x16 matrix.
DIAGONAL_INLINE void diagonal_transpose(__m512 x[16]) { tiled_transpose16_avx512(x); }

/// The first `count` (1 ... 16) floats at `from`, then zeros.
DIAGONAL_INLINE __m512 diagonal_load_first(const float *from, int32_t count) {
  return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}

DIAGONAL_INLINE void diagonal_store_first(float *to, __m512 x, int32_t count) {
  _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), x);
}

#endif
