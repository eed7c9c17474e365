// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_VECTOR_AVX2_H
#define DIAGONAL_VECTOR_AVX2_H

#include <immintrin.h>

#include "../tiled/exp_avx2.h"
#include "../tiled/transpose_avx2.h"
#include "layout.h"

enum {
  DIAGONAL_LANES = 8,
  DIAGONAL_SHIFTS = 2,       ///< shifts of the window scored together for all rows of a block
  DIAGONAL_MOST_SHIFTS = 4,  ///< the same for fewer rows
  DIAGONAL_CHANNELS = 2      ///< channels of the output summed together
};

typedef __m256 diagonal_vec;
typedef __m256i diagonal_index;

DIAGONAL_INLINE __m256 diagonal_zero(void) { return _mm256_setzero_ps(); }
DIAGONAL_INLINE __m256 diagonal_all(float x) { return _mm256_set1_ps(x); }
DIAGONAL_INLINE __m256 diagonal_load(const float *p) { return _mm256_loadu_ps(p); }
DIAGONAL_INLINE void diagonal_store(float *p, __m256 x) { _mm256_storeu_ps(p, x); }
DIAGONAL_INLINE __m256 diagonal_fma(__m256 x, __m256 y, __m256 sum) {
  return _mm256_fmadd_ps(x, y, sum);
}
DIAGONAL_INLINE __m256 diagonal_add(__m256 x, __m256 y) { return _mm256_add_ps(x, y); }
DIAGONAL_INLINE __m256 diagonal_subtract(__m256 x, __m256 y) { return _mm256_sub_ps(x, y); }
DIAGONAL_INLINE __m256 diagonal_multiply(__m256 x, __m256 y) { return _mm256_mul_ps(x, y); }
DIAGONAL_INLINE __m256 diagonal_divide(__m256 x, __m256 y) { return _mm256_div_ps(x, y); }
DIAGONAL_INLINE __m256 diagonal_larger(__m256 x, __m256 y) { return _mm256_max_ps(x, y); }
DIAGONAL_INLINE __m256 diagonal_exp2(__m256 x) {
  return tiled_exp2_avx2(x, &tiled_exp_constants);
}
DIAGONAL_INLINE __m256i diagonal_load_index(const int32_t *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}
DIAGONAL_INLINE __m256 diagonal_pick(__m256 x, __m256i index) {
  return _mm256_permutevar8x32_ps(x, index);
}

/// Transposes an 8x8 matrix.
DIAGONAL_INLINE void diagonal_transpose(__m256 x[8]) {
  tiled_transpose4_avx2(x);
  tiled_transpose4_avx2(x + 4);
  // Half j of x[4 g + i] holds rows 4 g ..< 4 g + 4 of column 4 j + i.
  DIAGONAL_UNROLL for (int i = 0; i < 4; ++i) {
    const __m256 low = _mm256_permute2f128_ps(x[i], x[4 + i], 0x20);
    x[4 + i] = _mm256_permute2f128_ps(x[i], x[4 + i], 0x31);
    x[i] = low;
  }
}

/// Bits of the first `count` lanes.
DIAGONAL_INLINE __m256i diagonal_first(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/// The first `count` (1 ... 8) floats at `from`, then zeros.
DIAGONAL_INLINE __m256 diagonal_load_first(const float *from, int32_t count) {
  return _mm256_maskload_ps(from, diagonal_first(count));
}

DIAGONAL_INLINE void diagonal_store_first(float *to, __m256 x, int32_t count) {
  _mm256_maskstore_ps(to, diagonal_first(count), x);
}

#endif
