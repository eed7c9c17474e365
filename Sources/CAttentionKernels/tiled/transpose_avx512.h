// SPDX-License-Identifier: MIT
#ifndef TILED_TRANSPOSE_AVX512_H
#define TILED_TRANSPOSE_AVX512_H

#include <immintrin.h>

#include "strip.h"

/// Transposes the 4x4 matrix in each 128-bit quarter of four vectors.
TILED_INLINE void tiled_transpose4_avx512(__m512 x[4]) {
  const __m512 a = _mm512_unpacklo_ps(x[0], x[1]), b = _mm512_unpacklo_ps(x[2], x[3]);
  const __m512 c = _mm512_unpackhi_ps(x[0], x[1]), d = _mm512_unpackhi_ps(x[2], x[3]);
  x[0] = _mm512_shuffle_ps(a, b, 0x44);
  x[1] = _mm512_shuffle_ps(a, b, 0xee);
  x[2] = _mm512_shuffle_ps(c, d, 0x44);
  x[3] = _mm512_shuffle_ps(c, d, 0xee);
}

/// Transposes the 16x16 matrix of 16 vectors.
TILED_INLINE void tiled_transpose16_avx512(__m512 x[16]) {
  TILED_UNROLL for (int g = 0; g < 4; ++g) tiled_transpose4_avx512(x + 4 * g);
  // Quarter j of x[4 g + i] holds rows 4 g ..< 4 g + 4 of column 4 j + i.
  __m512 columns[16];
  TILED_UNROLL for (int i = 0; i < 4; ++i) {
    const __m512 a = _mm512_shuffle_f32x4(x[i], x[4 + i], 0x44);
    const __m512 b = _mm512_shuffle_f32x4(x[8 + i], x[12 + i], 0x44);
    const __m512 c = _mm512_shuffle_f32x4(x[i], x[4 + i], 0xee);
    const __m512 d = _mm512_shuffle_f32x4(x[8 + i], x[12 + i], 0xee);
    columns[i] = _mm512_shuffle_f32x4(a, b, 0x88);
    columns[4 + i] = _mm512_shuffle_f32x4(a, b, 0xdd);
    columns[8 + i] = _mm512_shuffle_f32x4(c, d, 0x88);
    columns[12 + i] = _mm512_shuffle_f32x4(c, d, 0xdd);
  }
  TILED_UNROLL for (int i = 0; i < 16; ++i) x[i] = columns[i];
}

/// The first `columns` (1 ... 4) floats at `from`, then zeros.
TILED_INLINE __m128 tiled_load4(const float *from, int columns) {
  if (columns == 4) return _mm_loadu_ps(from);
  return _mm_maskz_loadu_ps((__mmask8)((1u << columns) - 1), from);
}

/// Transposes 16 rows of up to 4 columns; column c goes to `to + 32 * c`, scaled.
///
/// Lanes outside `lanes` become zero. Each 128-bit quarter is loaded where it belongs, so only
/// transposes within quarters remain.
TILED_INLINE void tiled_load_columns(float *to, const float *const rows[16], ptrdiff_t column,
                                     int columns, __mmask16 lanes, __m512 scale) {
  __m512 x[4];
  TILED_UNROLL for (int i = 0; i < 4; ++i) {
    x[i] = _mm512_castps128_ps512(tiled_load4(rows[i] + column, columns));
    x[i] = _mm512_insertf32x4(x[i], tiled_load4(rows[4 + i] + column, columns), 1);
    x[i] = _mm512_insertf32x4(x[i], tiled_load4(rows[8 + i] + column, columns), 2);
    x[i] = _mm512_insertf32x4(x[i], tiled_load4(rows[12 + i] + column, columns), 3);
  }
  tiled_transpose4_avx512(x);
  TILED_UNROLL for (int i = 0; i < 4; ++i) {
    _mm512_store_ps(to + 32 * i, _mm512_maskz_mul_ps(lanes, x[i], scale));
  }
}

/// Loads 16 query rows into one part of the strip.
TILED_INLINE void tiled_load_rows(float *queries, const float *const rows[16], int32_t head_dim,
                                  __mmask16 lanes, float scale) {
  const __m512 factor = _mm512_set1_ps(scale);
  ptrdiff_t column = 0;
  for (; column + 4 <= head_dim; column += 4) {
    tiled_load_columns(queries + 32 * column, rows, column, 4, lanes, factor);
  }
  if (column < head_dim) {
    const int columns = (int)(head_dim - column);
    tiled_load_columns(queries + 32 * column, rows, column, columns, lanes, factor);
  }
}

/// Transposes 16 channels of one part of the outputs, times `inverse`, into rows 0 ..< 16.
TILED_INLINE void tiled_output_rows(const float *outputs, __m512 inverse, __m512 rows[16]) {
  TILED_UNROLL for (int i = 0; i < 16; ++i) {
    rows[i] = _mm512_mul_ps(_mm512_load_ps(outputs + 32 * i), inverse);
  }
  tiled_transpose16_avx512(rows);
}

/// Stores up to 16 lanes of one part as rows `ids` of `o`.
TILED_INLINE void tiled_store_rows(const float *outputs, __m512 inverse, float *o,
                                   ptrdiff_t o_stride, const int32_t *ids, int32_t lanes,
                                   int32_t value_dim) {
  for (int32_t channel = 0; channel < value_dim; channel += 16) {
    const int32_t left = value_dim - channel;
    const __mmask16 channels = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
    __m512 rows[16];
    tiled_output_rows(outputs + 32 * channel, inverse, rows);
    if (lanes == 16 && left >= 16) {
      TILED_UNROLL for (int i = 0; i < 16; ++i) {
        _mm512_storeu_ps(o + ids[i] * o_stride + channel, rows[i]);
      }
      continue;
    }
    TILED_UNROLL for (int i = 0; i < 16; ++i) {
      if (i < lanes) _mm512_mask_storeu_ps(o + ids[i] * o_stride + channel, channels, rows[i]);
    }
  }
}

#endif
