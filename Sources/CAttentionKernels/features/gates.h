// SPDX-License-Identifier: MIT
#ifndef ATTN_GATES_H
#define ATTN_GATES_H

#include "column_walks.h"

/// Logarithms to base 2 of 1 / sigmoid in `count` vectors.
FEATURE_INLINE void f_gate_each(vec16 *x, int count) {
  vec16 y[FEATURE_COLUMNS];
  FEATURE_UNROLL for (int i = 0; i < count; ++i) x[i] *= f_set1(-0x1.715476p+0f);
  FEATURE_UNROLL for (int i = 0; i < count; ++i) {
    y[i] = f_min(f_max(x[i], f_set1(-126.0f)), f_set1(126.0f));
  }
  f_exp2_each(y, count);
  FEATURE_UNROLL for (int i = 0; i < count; ++i) y[i] += f_set1(1.0f);
  f_log2_each(y, count);
  // Above 126 the logarithm is the number itself.
  FEATURE_UNROLL for (int i = 0; i < count; ++i) x[i] = f_max(x[i], y[i]);
}

/// What a walk over the rows of a piece carries along: sums of the logarithms of its gates.
typedef struct {
  vec16 sum[FEATURE_COLUMNS];
} f_gate_sums_t;

/// Features of some rows from the column `c` on.
FEATURE_INLINE void f_gate_part(const attn_gates_t *gates, int32_t first, int32_t rows, int32_t c,
                                f_gate_sums_t *sums, int columns) {
  const attn_gates_t g = *gates;
  const vec16 zero = f_set1(0.0f), root = f_set1(g.root);
  int32_t left = columns > 1 ? FEATURE_LANES : g.width - c;
  for (int32_t t = first; t < first + rows; ++t) {
    const float *logits = g.logits + t * g.logit_stride + c;
    const float *q = g.q + t * g.q_stride + c, *k = g.k + t * g.k_stride + c;
    float *queries = g.q_features + t * g.feature_stride + c;
    float *keys = g.k_features + t * g.feature_stride + c;
    vec16 x[FEATURE_COLUMNS];
    FEATURE_UNROLL for (int j = 0; j < columns; ++j) x[j] = f_load(logits + j * FEATURE_LANES);
    f_gate_each(x, columns);
    FEATURE_UNROLL for (int j = 0; j < columns; ++j) sums->sum[j] += x[j];
    FEATURE_UNROLL for (int j = 0; j < columns; ++j) x[j] = sums->sum[j] * root;
    // Keys rise as queries fall.
    f_exp2_each(x, columns);
    FEATURE_UNROLL for (int j = 0; j < columns; ++j) {
      vec16 key = f_load_first(k + j * FEATURE_LANES, left) * x[j];
      f_store(keys + j * FEATURE_LANES, f_first(key, left, zero));
    }
    f_reciprocal_each(x, columns);
    FEATURE_UNROLL for (int j = 0; j < columns; ++j) {
      vec16 query = f_load_first(q + j * FEATURE_LANES, left) * x[j];
      f_store(queries + j * FEATURE_LANES, f_first(query, left, zero));
    }
  }
}

/// Whether products of gates stay in reach.
FEATURE_INLINE int f_gate_reaches(const attn_gates_t *gates, int32_t c, const f_gate_sums_t *sums,
                                  int columns) {
  vec16 most = f_set1(0.0f);
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    int32_t left = columns > 1 ? FEATURE_LANES : gates->width - c;
    most = f_max(most, f_first(sums->sum[j], left, most));
  }
  return f_largest(most) * gates->root <= -gates->least;
}

/// Rows that are done from the column `c` on; sums never fall, so that the last of sixteen rows speaks
/// for all of them.
FEATURE_INLINE int32_t f_gate_columns(const attn_gates_t *gates, int32_t rows, int32_t c,
                                      float *opening, float *total, int columns) {
  f_gate_sums_t sums;
  int32_t done = 0, step = FEATURE_LANES, width = gates->width - c;
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) sums.sum[j] = f_load(gates->logits + c + j * FEATURE_LANES);
  f_gate_each(sums.sum, columns);
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    // What the first row adds leaves zero.
    sums.sum[j] = -sums.sum[j];
    f_store_first(opening + c + j * FEATURE_LANES, width - j * FEATURE_LANES,
                  f_exp2(sums.sum[j] * f_set1(gates->root)));
  }
  while (done < rows) {
    f_gate_sums_t before = sums;
    int32_t count = rows - done < step ? rows - done : step;
    f_gate_part(gates, done, count, c, &sums, columns);
    if (f_gate_reaches(gates, c, &sums, columns) || done + count == 1) {
      done += count;
      continue;
    }
    sums = before;
    if (count == 1) break;
    step = 1;
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    f_store_first(total + c + j * FEATURE_LANES, width - j * FEATURE_LANES,
                  f_exp2(-sums.sum[j] * f_set1(gates->root)));
  }
  return done;
}

static int32_t f_gate_rows(const attn_gates_t *gates, int32_t rows, float *opening, float *total) {
  int32_t done = rows, all;
  // Where a column ends the piece early, those ahead of it end there too.
  do {
    all = done;
#define FEATURE_PART(columns) done = f_gate_columns(gates, done, c, opening, total, columns)
    FEATURE_EACH_COLUMNS(gates->width, FEATURE_PART)
#undef FEATURE_PART
  } while (done < all);
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
