// SPDX-License-Identifier: MIT
#ifndef SELECT_PRODUCTS16_H
#define SELECT_PRODUCTS16_H

#include "products8.h"

#pragma clang attribute push(\
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

static inline __mmask16 first_lanes(int32_t n) {
  return n >= 16 ? (__mmask16)0xffff : n <= 0 ? 0 : (__mmask16)((1u << n) - 1);
}

static inline int32_t least_of(int32_t a, int32_t b) { return a < b ? a : b; }

/// Sums of the partials of sixteen products: lane 4 i + j holds that of `acc[j][i]`.
///
/// Every sum is pairwise, 8, 4, 2 and 1 apart, as a single product is summed.
static inline __m512 sum_sixteen(__m512 acc[4][4]) {
  __m512 four[4];
  for (int32_t j = 0; j < 4; j++) {
    // Halves of a pair of products side by side, then quarters of all four.
    const __m512 a = _mm512_add_ps(_mm512_shuffle_f32x4(acc[j][0], acc[j][1], 0x44),
                                   _mm512_shuffle_f32x4(acc[j][0], acc[j][1], 0xee));
    const __m512 b = _mm512_add_ps(_mm512_shuffle_f32x4(acc[j][2], acc[j][3], 0x44),
                                   _mm512_shuffle_f32x4(acc[j][2], acc[j][3], 0xee));
    four[j] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
  }
  __m512 two[2];
  for (int32_t j = 0; j < 2; j++) {
    const __m512d a = _mm512_castps_pd(four[2 * j]), b = _mm512_castps_pd(four[2 * j + 1]);
    two[j] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                           _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  return _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x88),
                       _mm512_shuffle_ps(two[0], two[1], 0xdd));
}

/// Products of four rows `x[i]` with four rows `y[j]`, in lane 4 i + j.
static inline __m512 tile4x4(const float *const x[4], const float *const y[4], int32_t width) {
  __m512 acc[4][4];
  for (int32_t j = 0; j < 4; j++) {
    for (int32_t i = 0; i < 4; i++) acc[j][i] = _mm512_setzero_ps();
  }
  int32_t e = 0;
  for (; e + 16 <= width; e += 16) {
    __m512 left[4];
    for (int32_t i = 0; i < 4; i++) left[i] = _mm512_loadu_ps(x[i] + e);
    for (int32_t j = 0; j < 4; j++) {
      const __m512 right = _mm512_loadu_ps(y[j] + e);
      for (int32_t i = 0; i < 4; i++) acc[j][i] = _mm512_fmadd_ps(left[i], right, acc[j][i]);
    }
  }
  if (e < width) {
    const __mmask16 rest = first_lanes(width - e);
    for (int32_t j = 0; j < 4; j++) {
      const __m512 right = _mm512_maskz_loadu_ps(rest, y[j] + e);
      for (int32_t i = 0; i < 4; i++) {
        const __m512 left = _mm512_maskz_loadu_ps(rest, x[i] + e);
        acc[j][i] = _mm512_fmadd_ps(left, right, acc[j][i]);
      }
    }
  }
  return sum_sixteen(acc);
}

/// Products of one row with sixteen rows.
static inline __m512 tile1x16(const float *x, const float *const y[16], int32_t width) {
  __m512 acc[4][4];
  for (int32_t j = 0; j < 4; j++) {
    for (int32_t i = 0; i < 4; i++) acc[j][i] = _mm512_setzero_ps();
  }
  for (int32_t e = 0; e < width; e += 16) {
    const __mmask16 lanes = first_lanes(width - e);
    const __m512 left = _mm512_maskz_loadu_ps(lanes, x + e);
    for (int32_t j = 0; j < 4; j++) {
      for (int32_t i = 0; i < 4; i++) {
        const __m512 right = _mm512_maskz_loadu_ps(lanes, y[4 * i + j] + e);
        acc[j][i] = _mm512_fmadd_ps(left, right, acc[j][i]);
      }
    }
  }
  return sum_sixteen(acc);
}

static inline void dot_rows16(const float *x, const float *rows, ptrdiff_t stride, int32_t count,
                              int32_t width, float *scores) {
  int32_t j = 0;
  for (; j + 4 <= count; j += 16) {
    const float *y[16];
    for (int32_t i = 0; i < 16; i++) y[i] = rows + least_of(j + i, count - 1) * stride;
    _mm512_mask_storeu_ps(scores + j, first_lanes(count - j), tile1x16(x, y, width));
  }
  if (j < count) dot_rows(x, rows + j * stride, stride, count - j, width, scores + j);
}

/// Products of a few rows: four by four.
static inline void dot_tiles16(const float *x, ptrdiff_t x_stride, int32_t x_count,
                               const float *rows, ptrdiff_t stride, int32_t count, int32_t width,
                               float *scores, ptrdiff_t score_stride) {
  if (x_count == 1) return dot_rows16(x, rows, stride, count, width, scores);
  // Rows of `x` times a panel of keys that stays in the first-level cache.
  enum { PANEL = 64 };
  for (int32_t panel = 0; panel < count; panel += PANEL) {
    const int32_t end = least_of(panel + PANEL, count);
    for (int32_t q = 0; q < x_count; q += 4) {
      const float *left[4];
      for (int32_t i = 0; i < 4; i++) left[i] = x + least_of(q + i, x_count - 1) * x_stride;
      for (int32_t k = panel; k < end; k += 4) {
        const float *right[4];
        for (int32_t j = 0; j < 4; j++) right[j] = rows + least_of(k + j, end - 1) * stride;
        const __m512 tile = tile4x4(left, right, width);
        const __mmask8 lanes = (__mmask8)first_lanes(least_of(4, end - k));
        float *target = scores + q * score_stride + k;
        _mm_mask_storeu_ps(target, lanes, _mm512_castps512_ps128(tile));
        if (q + 1 < x_count) {
          _mm_mask_storeu_ps(target + score_stride, lanes, _mm512_extractf32x4_ps(tile, 1));
        }
        if (q + 2 < x_count) {
          _mm_mask_storeu_ps(target + 2 * score_stride, lanes, _mm512_extractf32x4_ps(tile, 2));
        }
        if (q + 3 < x_count) {
          _mm_mask_storeu_ps(target + 3 * score_stride, lanes, _mm512_extractf32x4_ps(tile, 3));
        }
      }
    }
  }
}

#pragma clang attribute pop

#endif
