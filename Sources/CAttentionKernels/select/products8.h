// SPDX-License-Identifier: MIT
#ifndef SELECT_PRODUCTS8_H
#define SELECT_PRODUCTS8_H

#include <immintrin.h>
#include <math.h>

#include "attn_select.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static inline int32_t clamp8(int32_t n) { return n < 0 ? 0 : n > 8 ? 8 : n; }

/// The first `n` (0 to 8) of eight floats, the rest 0.
static inline __m256 load_part(const float *p, int32_t n) {
  __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}

/// Sum of sixteen partial sums, the first eight in `low`: pairwise 8, 4, 2 and 1 apart.
static inline float sum_partials(__m256 low, __m256 high) {
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline void dot_rows(const float *x, const float *rows, ptrdiff_t stride, int32_t count,
                     int32_t width, float *scores) {
  for (int32_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    __m256 low = _mm256_setzero_ps(), high = low;
    int32_t e = 0;
    for (; e + 16 <= width; e += 16) {
      low = _mm256_fmadd_ps(_mm256_loadu_ps(x + e), _mm256_loadu_ps(row + e), low);
      high = _mm256_fmadd_ps(_mm256_loadu_ps(x + e + 8), _mm256_loadu_ps(row + e + 8), high);
    }
    int32_t n_low = clamp8(width - e), n_high = clamp8(width - e - 8);
    // A partial that no element reaches keeps its bits: fma(0, 0, p) == p.
    low = _mm256_fmadd_ps(load_part(x + e, n_low), load_part(row + e, n_low), low);
    high = _mm256_fmadd_ps(load_part(x + e + 8, n_high), load_part(row + e + 8, n_high), high);
    scores[i] = sum_partials(low, high);
  }
}

static inline void dot_block(const float *x, ptrdiff_t x_stride, int32_t x_count,
                             const float *rows, ptrdiff_t stride, int32_t count, int32_t width,
                             float *scores, ptrdiff_t score_stride) {
  for (int32_t i = 0; i < x_count; i++) {
    dot_rows(x + i * x_stride, rows, stride, count, width, scores + i * score_stride);
  }
}

static inline void raise_products(const float *x, ptrdiff_t x_stride, int32_t x_count,
                                  const float *rows, ptrdiff_t stride, const int32_t *first,
                                  int32_t count, int32_t size, int32_t width, float *best) {
  enum { AT_ONCE = 16 };
  for (int32_t b = 0; b < count; b++) {
    for (int32_t j = 0; j < size; j += AT_ONCE) {
      const int32_t n = size - j < AT_ONCE ? size - j : AT_ONCE;
      for (int32_t i = 0; i < x_count; i++) {
        float scores[AT_ONCE];
        dot_rows(x + i * x_stride, rows + (first[b] + j) * stride, stride, n, width, scores);
        for (int32_t s = 0; s < n; s++) best[b] = scores[s] > best[b] ? scores[s] : best[b];
      }
    }
  }
}

#pragma clang attribute pop

#endif
