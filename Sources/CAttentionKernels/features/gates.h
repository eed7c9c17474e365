// SPDX-License-Identifier: MIT
#ifndef ATTN_GATES_H
#define ATTN_GATES_H

#include "column_walks.h"

/// Sums of gates after the first row, in place.
FEATURE_INLINE void f_gate_part(float *gates, ptrdiff_t stride, int32_t rows, int32_t left,
                                float *opening, float *total, int columns) {
  vec16 b[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    float *at = gates + j * FEATURE_LANES;
    b[j] = f_set1(0.0f);
    f_store_first(opening + j * FEATURE_LANES, left, f_exp(f_load(at)));
    f_store(at, b[j]);
  }
  for (int32_t t = 1; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      float *at = gates + t * stride + j * FEATURE_LANES;
      b[j] += f_load(at);
      f_store(at, b[j]);
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(total + j * FEATURE_LANES, left, f_exp(b[j]));
}

/// Rows from the first on whose sums of later gates stay above `limit` in all channels.
FEATURE_INLINE int32_t f_gate_reach(const float *gates, ptrdiff_t stride, int32_t rows,
                                    int32_t left, float limit, int columns) {
  vec16 b[FEATURE_COLUMNS], least = f_set1(0.0f);
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) b[j] = least;
  // Sums never rise: what the last one has not reached, none has.
  for (int32_t t = 1; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) b[j] += f_load(gates + t * stride + j * FEATURE_LANES);
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    least = f_min(least, columns > 1 ? b[j] : f_first(b[j], left, least));
  }
  if (-f_largest(-least) >= limit) return rows;
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) b[j] = f_set1(0.0f);
  for (int32_t t = 1; t < rows; ++t) {
    least = f_set1(0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      b[j] += f_load(gates + t * stride + j * FEATURE_LANES);
      least = f_min(least, columns > 1 ? b[j] : f_first(b[j], left, least));
    }
    if (-f_largest(-least) < limit) return t;
  }
  return rows;
}

static int32_t f_gate_sums(float *gates, ptrdiff_t stride, int32_t rows, int32_t width, float limit,
                           float *opening, float *total) {
  int32_t done = rows;
#define FEATURE_PART(columns) \
  done = f_gate_reach(gates + c, stride, done, width - c, limit, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
#define FEATURE_PART(columns) \
  f_gate_part(gates + c, stride, done, width - c, opening + c, total + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
  return done;
}

FEATURE_INLINE int32_t f_below_part(const float *x, ptrdiff_t stride, int32_t rows, int32_t left,
                                    const float *limit, int columns) {
  vec16 most[FEATURE_COLUMNS], bound[FEATURE_COLUMNS], excess = f_set1(0.0f);
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    bound[j] = columns > 1 ? f_load(limit + j * FEATURE_LANES) : f_load_first(limit, left);
    most[j] = bound[j];
  }
  // Rows with numbers above the limit are few: they are looked for where there is one.
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      most[j] = f_max(most[j], columns > 1 ? f_load(at) : f_load_first(at, left));
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    excess = most[j] > bound[j] ? f_set1(1.0f) : excess;
  }
  if (f_largest(excess) == 0) return rows;
  for (int32_t t = 0; t < rows; ++t) {
    excess = f_set1(0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      vec16 y = columns > 1 ? f_load(at) : f_load_first(at, left);
      excess = y > bound[j] ? f_set1(1.0f) : excess;
    }
    if (f_largest(excess) > 0) return t;
  }
  return rows;
}

static int32_t f_rows_below(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                            const float *limit) {
  int32_t below = rows;
#define FEATURE_PART(columns) \
  below = f_below_part(x + c, stride, below, width - c, limit + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
  return below;
}

#endif
