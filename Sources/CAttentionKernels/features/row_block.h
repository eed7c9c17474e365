// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_BLOCK_H
#define ATTN_ROW_BLOCK_H

#include "attn_features.h"
#include "vector16.h"

/// Rows to be fetched into cache, a line at a time.
typedef struct {
  const float *at;
  ptrdiff_t stride;
  int32_t width, column, rows;
} feature_fetch_t;

/// A block of rows between two steps; lanes beyond the width hold anything.
typedef struct {
  const float *x;
  ptrdiff_t stride;
  int32_t rows;
  int32_t is_input;  // rows of the input end at the width
  // Two kinds of rows that a projection fetches between its products, for no step needs as many of
  // them; NULL: every step fetches what it reads.
  feature_fetch_t *fetch;
} feature_block_t;

/// Rows that go through all steps together: what stands between the steps stays in the nearest cache.
/// Inputs are fetched as many rows ahead.
enum { FEATURE_ROWS_AT_ONCE = 16 };

/// Fetches the next line.
FEATURE_INLINE void f_fetch(feature_fetch_t *fetch) {
  if (fetch->rows <= 0) return;
  __builtin_prefetch(fetch->at + fetch->column);
  fetch->column += FEATURE_LANES;
  if (fetch->column < fetch->width) return;
  fetch->column = 0;
  fetch->at += fetch->stride;
  fetch->rows -= 1;
}

/// Whether a step fetches inputs ahead of itself.
FEATURE_INLINE int f_fetches(const feature_block_t *in) { return in->is_input && !in->fetch; }

/// A vector of an input row; only what belongs to it is read.
FEATURE_INLINE vec16 f_input(const feature_block_t *in, const float *x, int32_t left) {
  if (!in->fetch) __builtin_prefetch(x + FEATURE_ROWS_AT_ONCE * in->stride);
  return f_load_first(x, left);
}

FEATURE_INLINE vec16 f_row(const feature_block_t *in, const float *x, int32_t left) {
  return in->is_input ? f_input(in, x, left) : f_load(x);
}

/// Calls an expression of `x` for every vector of every row; rows between steps are whole vectors.
#define FEATURE_EACH(expression)                                                       \
  if (!in->is_input) {                                                                 \
    FEATURE_ROWS(f_load(from + c), expression)                                         \
  } else {                                                                             \
    FEATURE_ROWS(f_input(in, from + c, op->width - c), expression)                     \
  }

#define FEATURE_ROWS(load, expression)                                                 \
  for (int32_t t = 0; t < in->rows; ++t) {                                             \
    const float *from = in->x + t * in->stride;                                        \
    float *to = out + t * out_stride;                                                  \
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {                           \
      vec16 x = load;                                                                  \
      f_store(to + c, (expression));                                                   \
    }                                                                                  \
  }

#endif
