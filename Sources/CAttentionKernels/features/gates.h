// SPDX-License-Identifier: MIT
#ifndef ATTN_GATES_H
#define ATTN_GATES_H

#include "column_walks.h"

/// Rows from the first on until the sum of later gates falls below `limit` in any channel.
FEATURE_INLINE int32_t f_gate_reach(const float *gates, ptrdiff_t stride, int32_t rows,
                                    int32_t left, float limit, int columns) {
  vec16 b[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) b[j] = f_set1(0.0f);
  for (int32_t t = 1; t < rows; ++t) {
    vec16 least = f_set1(0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      b[j] += f_load(gates + t * stride + j * FEATURE_LANES);
      least = f_min(least, columns > 1 ? b[j] : f_first(b[j], left, least));
    }
    if (-f_largest(-least) < limit) return t;
  }
  return rows;
}

FEATURE_INLINE void f_gate_part(float *q, float *k, ptrdiff_t stride, const float *gates,
                                ptrdiff_t gate_stride, int32_t rows, int32_t left, float *opening,
                                float *total, int columns) {
  vec16 b[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    b[j] = f_set1(0.0f);
    f_store_first(opening + j * FEATURE_LANES, left, f_exp(f_load(gates + j * FEATURE_LANES)));
  }
  for (int32_t t = 1; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      float *query = q + t * stride + j * FEATURE_LANES, *key = k + t * stride + j * FEATURE_LANES;
      b[j] += f_load(gates + t * gate_stride + j * FEATURE_LANES);
      f_store(query, f_load(query) * f_exp(b[j]));
      f_store(key, f_load(key) * f_exp(-b[j]));
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(total + j * FEATURE_LANES, left, f_exp(b[j]));
}

static int32_t f_gate_rows(float *q, float *k, ptrdiff_t stride, const float *gates,
                           ptrdiff_t gate_stride, int32_t rows, int32_t width, float limit,
                           float *opening, float *total) {
  int32_t done = rows;
#define FEATURE_PART(columns) \
  done = f_gate_reach(gates + c, gate_stride, done, width - c, limit, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
#define FEATURE_PART(columns)                                                              \
  f_gate_part(q + c, k + c, stride, gates + c, gate_stride, done, width - c, opening + c,  \
              total + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
  return done;
}

FEATURE_INLINE void f_running_part(float *q, float *k, ptrdiff_t stride, int32_t rows,
                                   int32_t left, float *largest, float *sums, float *rescale,
                                   int columns) {
  vec16 now[FEATURE_COLUMNS], sum[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    now[j] = columns > 1 ? f_load(largest + j * FEATURE_LANES) : f_load_first(largest, left);
    sum[j] = now[j];
  }
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      now[j] = f_max(f_load(k + t * stride + j * FEATURE_LANES), now[j]);
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    vec16 keep = f_exp(sum[j] - now[j]);
    const float *before = sums + j * FEATURE_LANES;
    sum[j] = (columns > 1 ? f_load(before) : f_load_first(before, left)) * keep;
    f_store_first(rescale + j * FEATURE_LANES, left, keep);
    f_store_first(largest + j * FEATURE_LANES, left, now[j]);
  }
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      float *key = k + t * stride + j * FEATURE_LANES, *query = q + t * stride + j * FEATURE_LANES;
      vec16 y = f_exp(f_load(key) - now[j]);
      sum[j] += y;
      f_store(key, y);
      f_store(query, f_load(query) * f_reciprocal(sum[j]));
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(sums + j * FEATURE_LANES, left, sum[j]);
}

static void f_running_softmax(float *q, float *k, ptrdiff_t stride, int32_t rows, int32_t width,
                              float *largest, float *sums, float *rescale) {
#define FEATURE_PART(columns)                                                          \
  f_running_part(q + c, k + c, stride, rows, width - c, largest + c, sums + c, rescale + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
}

#endif
