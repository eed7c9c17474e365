// SPDX-License-Identifier: MIT
#ifndef WINDOW_PRODUCTS_AVX2_H
#define WINDOW_PRODUCTS_AVX2_H

#include <immintrin.h>

#include "fetch.h"

enum {
  WINDOW_ROWS = 8,      ///< rows of the largest product, which has one vector
  WINDOW_VECTORS = 2,   ///< vectors of the widest, which has six rows: 12 of 16 registers
  WINDOW_WIDE_ROWS = 6
};

typedef __m256 window_sums_t[WINDOW_ROWS][WINDOW_VECTORS];

/// Rows of 8 times `vectors` floats, the next row `step` floats on.
typedef struct {
  const float *first;
  ptrdiff_t step;
} window_panel_t;

/// Adds the products of one column of `left` and one row of the panel.
WINDOW_INLINE void window_step(window_sums_t sums, const float *const *left, int32_t at,
                               const float *right, const int rows, const int vectors) {
  __m256 x[WINDOW_VECTORS];
  WINDOW_UNROLL for (int j = 0; j < vectors; ++j) x[j] = _mm256_loadu_ps(right + 8 * j);
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    const __m256 factor = _mm256_broadcast_ss(left[i] + at);
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) {
      sums[i][j] = _mm256_fmadd_ps(factor, x[j], sums[i][j]);
    }
    // Keeps the compiler from loading the next factors now: they would push sums into memory.
    __asm__ volatile("" : "+x"(sums[i][0])::"memory");
    if (vectors > 1) __asm__ volatile("" : "+x"(sums[i][1]));
  }
}

/// sums = rows x panel over `depth`; `rows` and `vectors` are constants.
WINDOW_INLINE void window_multiply(window_sums_t sums, const float *const *left,
                                   window_panel_t panel, int32_t depth, window_fetch_t *fetch,
                                   const int rows, const int vectors) {
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) sums[i][j] = _mm256_setzero_ps();
  }
  const float *right = panel.first;
  int32_t at = 0;
  for (; at + WINDOW_CHUNK <= depth; at += WINDOW_CHUNK) {
    window_fetch_share(fetch);
    _Pragma("clang loop unroll_count(4)") for (int32_t i = 0; i < WINDOW_CHUNK; ++i) {
      window_step(sums, left, at + i, right, rows, vectors);
      right += panel.step;
    }
  }
  _Pragma("clang loop unroll(disable)") for (; at < depth; ++at) {
    window_step(sums, left, at, right, rows, vectors);
    right += panel.step;
  }
}

/// Vectors of a panel with `count` columns left.
WINDOW_INLINE int32_t window_vectors(int32_t count) { return count > 8 ? 2 : 1; }

/// Products that `count` rows take, as equal as possible.
WINDOW_INLINE int32_t window_products(int32_t count, int32_t vectors) {
  const int32_t most = vectors > 1 ? WINDOW_WIDE_ROWS : WINDOW_ROWS;
  return (count + most - 1) / most;
}

#endif
