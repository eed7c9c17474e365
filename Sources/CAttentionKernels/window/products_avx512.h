// SPDX-License-Identifier: MIT
#ifndef WINDOW_PRODUCTS_AVX512_H
#define WINDOW_PRODUCTS_AVX512_H

#include <immintrin.h>

#include "fetch.h"

enum {
  WINDOW_ROWS = 8,     ///< rows of the largest product
  WINDOW_VECTORS = 4,  ///< vectors of the widest
  WINDOW_SUMS = 24     ///< accumulators that leave registers for the operands
};

typedef __m512 window_sums_t[WINDOW_ROWS][WINDOW_VECTORS];

/// Rows of 16 times `vectors` floats: vectors 0 and 1 lie side by side, 2 and 3 `pair` floats on,
/// and the next row starts `step` floats on.
typedef struct {
  const float *first;
  ptrdiff_t step, pair;
} window_panel_t;

/// Adds the products of one column of `left` and one row of the panel.
WINDOW_INLINE void window_step(window_sums_t sums, const float *const *left, int32_t at,
                               const float *right, ptrdiff_t pair, const int rows,
                               const int vectors) {
  __m512 x[WINDOW_VECTORS];
  WINDOW_UNROLL for (int j = 0; j < vectors; ++j) {
    x[j] = _mm512_loadu_ps(right + (j >> 1) * pair + (j & 1) * 16);
  }
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    const __m512 factor = _mm512_set1_ps(left[i][at]);
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) {
      sums[i][j] = _mm512_fmadd_ps(factor, x[j], sums[i][j]);
    }
  }
}

/// sums = rows x panel over `depth`; `rows` and `vectors` are constants.
WINDOW_INLINE void window_multiply(window_sums_t sums, const float *const *left,
                                   window_panel_t panel, int32_t depth, window_fetch_t *fetch,
                                   const int rows, const int vectors) {
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) sums[i][j] = _mm512_setzero_ps();
  }
  const float *right = panel.first;
  int32_t at = 0;
  for (; at + WINDOW_CHUNK <= depth; at += WINDOW_CHUNK) {
    window_fetch_share(fetch);
    _Pragma("clang loop unroll_count(4)") for (int32_t i = 0; i < WINDOW_CHUNK; ++i) {
      window_step(sums, left, at + i, right, panel.pair, rows, vectors);
      right += panel.step;
    }
  }
  _Pragma("clang loop unroll(disable)") for (; at < depth; ++at) {
    window_step(sums, left, at, right, panel.pair, rows, vectors);
    right += panel.step;
  }
}

/// Vectors of a panel with `count` columns left.
WINDOW_INLINE int32_t window_vectors(int32_t count) {
  return count < 16 * WINDOW_VECTORS ? (count + 15) / 16 : WINDOW_VECTORS;
}

/// Products that `count` rows take, as equal as possible.
WINDOW_INLINE int32_t window_products(int32_t count, int32_t vectors) {
  const int32_t most = WINDOW_SUMS / vectors < WINDOW_ROWS ? WINDOW_SUMS / vectors : WINDOW_ROWS;
  return (count + most - 1) / most;
}

#endif
