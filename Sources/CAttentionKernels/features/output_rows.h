// SPDX-License-Identifier: MIT
#ifndef ATTN_OUTPUT_ROWS_H
#define ATTN_OUTPUT_ROWS_H

#include "columns.h"

static void f_scale_rows(float *s, ptrdiff_t stride, int32_t rows, int32_t width,
                         const float *factor) {
  for (int32_t t = 0; t < rows; ++t) {
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      float *at = s + t * stride + c;
      f_store_first(at, width - c, f_set1(factor[t]) * f_load_first(at, width - c));
    }
  }
}

static void f_divide_rows(float *o, ptrdiff_t stride, int32_t rows, int32_t width,
                          const float *products, float eps) {
  for (int32_t t = 0; t < rows; ++t) {
    float factor = 1 / (products[t] + eps);
    f_scale_rows(o + t * stride, stride, 1, width, &factor);
  }
}

/// Rows that are normalised together, so that their sums do not wait for each other.
enum { FEATURE_NORMALISED = 4 };

/// Rows of `vectors` whole vectors.
FEATURE_INLINE void f_normalise_part(float *o, ptrdiff_t stride, int32_t centred, float eps,
                                     int vectors) {
  enum { rows = FEATURE_NORMALISED };
  const float width = (float)(vectors * FEATURE_LANES);
  const vec16 zero = f_set1(0.0f);
  vec16 x[FEATURE_NORMALISED][FEATURE_COLUMNS], squares[FEATURE_NORMALISED];
  FEATURE_UNROLL
  for (int i = 0; i < rows; ++i) {
    vec16 sum = zero;
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      x[i][j] = f_load(o + i * stride + j * FEATURE_LANES);
      sum += x[i][j];
    }
    squares[i] = zero;
    vec16 mean = f_set1(centred ? f_sum(sum) / width : 0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      x[i][j] = x[i][j] - mean;
      squares[i] += x[i][j] * x[i][j];
    }
  }
  FEATURE_UNROLL
  for (int i = 0; i < rows; ++i) {
    vec16 factor = f_set1(1 / __builtin_sqrtf(f_sum(squares[i]) / width + eps));
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      f_store(o + i * stride + j * FEATURE_LANES, factor * x[i][j]);
    }
  }
}

/// A row of any width.
static void f_normalise_row(float *row, int32_t width, int32_t centred, float eps) {
  const vec16 zero = f_set1(0.0f);
  vec16 sum = zero, squares = zero;
  for (int32_t c = 0; c < width && centred; c += FEATURE_LANES) {
    sum += f_load_first(row + c, width - c);
  }
  vec16 mean = f_set1(f_sum(sum) / (float)width);
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    vec16 y = f_first(f_load_first(row + c, width - c) - mean, width - c, zero);
    squares += y * y;
  }
  vec16 factor = f_set1(1 / __builtin_sqrtf(f_sum(squares) / (float)width + eps));
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    f_store_first(row + c, width - c, factor * (f_load_first(row + c, width - c) - mean));
  }
}

static void f_normalise_rows(float *o, ptrdiff_t stride, int32_t rows, int32_t width,
                             int32_t centred, float eps) {
  int32_t t = 0;
  if (width == FEATURE_COLUMNS * FEATURE_LANES) {
    for (; t + FEATURE_NORMALISED <= rows; t += FEATURE_NORMALISED) {
      f_normalise_part(o + t * stride, stride, centred, eps, FEATURE_COLUMNS);
    }
  }
  for (; t < rows; ++t) f_normalise_row(o + t * stride, width, centred, eps);
}

#endif
