// SPDX-License-Identifier: MIT
#ifndef TILED_TRANSPOSE_AVX2_H
#define TILED_TRANSPOSE_AVX2_H

#include <immintrin.h>

#include "strip.h"

/// Transposes the 4x4 matrix in each 128-bit half of four vectors.
TILED_INLINE void tiled_transpose4_avx2(__m256 x[4]) {
  const __m256 a = _mm256_unpacklo_ps(x[0], x[1]), b = _mm256_unpacklo_ps(x[2], x[3]);
  const __m256 c = _mm256_unpackhi_ps(x[0], x[1]), d = _mm256_unpackhi_ps(x[2], x[3]);
  x[0] = _mm256_shuffle_ps(a, b, 0x44);
  x[1] = _mm256_shuffle_ps(a, b, 0xee);
  x[2] = _mm256_shuffle_ps(c, d, 0x44);
  x[3] = _mm256_shuffle_ps(c, d, 0xee);
}

/// The first `columns` (1 ... 4) floats at `from`, then zeros.
TILED_INLINE __m128 tiled_load4(const float *from, int columns) {
  if (columns == 4) return _mm_loadu_ps(from);
  const __m128i mask = _mm_cmpgt_epi32(_mm_set1_epi32(columns), _mm_setr_epi32(0, 1, 2, 3));
  return _mm_maskload_ps(from, mask);
}

/// Transposes 8 rows of up to 4 columns; column c goes to `to + step * c`, scaled.
///
/// Lanes whose bits in `lanes` are clear become zero.
TILED_INLINE void tiled_load_columns(float *to, ptrdiff_t step, const float *const rows[8],
                                     ptrdiff_t column, int columns, __m256 lanes, __m256 scale) {
  __m256 x[4];
  TILED_UNROLL for (int i = 0; i < 4; ++i) {
    const __m128 low = tiled_load4(rows[i] + column, columns);
    const __m128 high = tiled_load4(rows[4 + i] + column, columns);
    x[i] = _mm256_insertf128_ps(_mm256_castps128_ps256(low), high, 1);
  }
  tiled_transpose4_avx2(x);
  TILED_UNROLL for (int i = 0; i < 4; ++i) {
    _mm256_store_ps(to + step * i, _mm256_and_ps(lanes, _mm256_mul_ps(x[i], scale)));
  }
}

/// Loads 8 rows into one column of vectors that lie `step` floats apart.
TILED_INLINE void tiled_load_rows(float *to, const ptrdiff_t step, const float *const rows[8],
                                  int32_t head_dim, __m256 lanes, float scale) {
  const __m256 factor = _mm256_set1_ps(scale);
  ptrdiff_t column = 0;
  for (; column + 4 <= head_dim; column += 4) {
    tiled_load_columns(to + step * column, step, rows, column, 4, lanes, factor);
  }
  if (column < head_dim) {
    const int columns = (int)(head_dim - column);
    tiled_load_columns(to + step * column, step, rows, column, columns, lanes, factor);
  }
}

/// Transposes 8 channels of 8 lanes of the outputs, times `inverse`, into rows 0 ..< 8.
TILED_INLINE void tiled_output_rows(const float *outputs, __m256 inverse, __m256 rows[8]) {
  __m256 x[2][4];
  TILED_UNROLL for (int g = 0; g < 2; ++g) {
    TILED_UNROLL for (int i = 0; i < 4; ++i) {
      x[g][i] = _mm256_mul_ps(_mm256_load_ps(outputs + 24 * (4 * g + i)), inverse);
    }
    tiled_transpose4_avx2(x[g]);
  }
  TILED_UNROLL for (int i = 0; i < 4; ++i) {
    rows[i] = _mm256_permute2f128_ps(x[0][i], x[1][i], 0x20);
    rows[4 + i] = _mm256_permute2f128_ps(x[0][i], x[1][i], 0x31);
  }
}

/// Stores up to 8 lanes as rows `ids` of `o`.
TILED_INLINE void tiled_store_rows(const float *outputs, __m256 inverse, float *o,
                                   ptrdiff_t o_stride, const int32_t *ids, int32_t lanes,
                                   int32_t value_dim) {
  const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (int32_t channel = 0; channel < value_dim; channel += 8) {
    __m256 rows[8];
    tiled_output_rows(outputs + 24 * channel, inverse, rows);
    if (channel + 8 <= value_dim) {
      TILED_UNROLL for (int i = 0; i < 8; ++i) {
        if (i < lanes) _mm256_storeu_ps(o + ids[i] * o_stride + channel, rows[i]);
      }
    } else {
      const __m256i channels = _mm256_cmpgt_epi32(_mm256_set1_epi32(value_dim - channel), order);
      TILED_UNROLL for (int i = 0; i < 8; ++i) {
        if (i < lanes) _mm256_maskstore_ps(o + ids[i] * o_stride + channel, channels, rows[i]);
      }
    }
  }
}

#endif
