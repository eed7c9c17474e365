// SPDX-License-Identifier: MIT
#ifndef ATTN_STATISTICS_H
#define ATTN_STATISTICS_H

#include "column_walks.h"

// What is found ahead of feature maps.

FEATURE_INLINE void f_column_max_part(const float *x, ptrdiff_t stride, int32_t rows, int32_t left,
                                      float *largest, int columns) {
  vec16 y[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    y[j] = columns > 1 ? f_load(largest + j * FEATURE_LANES) : f_load_first(largest, left);
  }
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      y[j] = f_max(columns > 1 ? f_load(at) : f_load_first(at, left), y[j]);
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(largest + j * FEATURE_LANES, left, y[j]);
}

static void f_column_max(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                         float *largest) {
#define FEATURE_PART(columns) f_column_max_part(x + c, stride, rows, width - c, largest + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
}

FEATURE_INLINE void f_column_sum_part(const float *x, ptrdiff_t stride, int32_t rows, int32_t left,
                                      const float *factor, float *sums, int columns) {
  vec16 y[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    y[j] = columns > 1 ? f_load(sums + j * FEATURE_LANES) : f_load_first(sums, left);
  }
  for (int32_t t = 0; t < rows; ++t) {
    vec16 scale = f_set1(factor ? factor[t] : 1.0f);
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      vec16 row = columns > 1 ? f_load(at) : f_load_first(at, left);
      y[j] += factor ? scale * row : row;
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(sums + j * FEATURE_LANES, left, y[j]);
}

static void f_column_sum(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                         const float *factor, float *sums) {
#define FEATURE_PART(columns) \
  f_column_sum_part(x + c, stride, rows, width - c, factor, sums + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
}

/// What products with a vector take whose every element, as theirs, is raised by a guard:
/// (x + guard) . (y + guard) = x . raised + rest.
typedef struct {
  vec16 raised[FEATURE_COLUMNS];
  vec16 rest;
} f_guarded_t;

/// Of a vector of `FEATURE_COLUMNS` whole vectors.
FEATURE_INLINE f_guarded_t f_guarded(const float *y, float guard) {
  f_guarded_t other;
  vec16 sum = f_set1(0.0f);
  FEATURE_UNROLL
  for (int j = 0; j < FEATURE_COLUMNS; ++j) {
    other.raised[j] = f_load(y + j * FEATURE_LANES) + f_set1(guard);
    sum += other.raised[j];
  }
  other.rest = f_set1(guard * f_sum(sum));
  return other;
}

/// Products of sixteen rows with a guarded vector.
FEATURE_INLINE vec16 f_dots_sixteen(const float *x, ptrdiff_t stride, const f_guarded_t *other) {
  vec16 r[FEATURE_LANES];
  FEATURE_UNROLL
  for (int i = 0; i < FEATURE_LANES; ++i) {
    r[i] = f_load(x + i * stride) * other->raised[0];
    FEATURE_UNROLL
    for (int j = 1; j < FEATURE_COLUMNS; ++j) {
      r[i] += f_load(x + i * stride + j * FEATURE_LANES) * other->raised[j];
    }
  }
  return f_sum_each(r) + other->rest;
}

static void f_row_dots(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                       const float *y, float eps, float *dots) {
  const vec16 guard = f_set1(eps), zero = f_set1(0.0f);
  int32_t t = 0;
  if (width == FEATURE_COLUMNS * FEATURE_LANES) {
    const f_guarded_t other = f_guarded(y, eps);
    for (; t + FEATURE_LANES <= rows; t += FEATURE_LANES) {
      f_store(dots + t, f_dots_sixteen(x + t * stride, stride, &other));
    }
  }
  for (; t < rows; ++t) {
    vec16 sum = zero;
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      int32_t left = width - c;
      vec16 a = f_load_first(x + t * stride + c, left), b = f_load_first(y + c, left);
      sum += f_first((a + guard) * (b + guard), left, zero);
    }
    dots[t] = f_sum(sum);
  }
}

static void f_largest_rows(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                           float factor, float *largest) {
  feature_block_t in = {x, stride, rows, 1, NULL};
  int32_t t = 0;
  for (; width == FEATURE_HELD * FEATURE_LANES && t + FEATURE_LANES <= rows; t += FEATURE_LANES) {
    f_store(largest + t, f_set1(factor) * f_largest_sixteen(&in, t, FEATURE_HELD));
  }
  for (; t < rows; ++t) largest[t] = factor * f_row_largest(&in, x + t * stride, width);
}

/// 1 / max(|x|, least) of each row.
static void f_inverse_norms(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                            float least, float *inverse) {
  feature_block_t in = {x, stride, rows, 1, NULL};
  int32_t t = 0;
  for (; width == FEATURE_HELD * FEATURE_LANES && t + FEATURE_LANES <= rows; t += FEATURE_LANES) {
    vec16 norm = __builtin_elementwise_sqrt(f_squares_sixteen(&in, t, FEATURE_HELD));
    f_store(inverse + t, f_set1(1.0f) / f_max(norm, f_set1(least)));
  }
  for (; t < rows; ++t) {
    float norm = __builtin_sqrtf(f_row_squares(&in, x + t * stride, width));
    inverse[t] = 1 / (norm > least ? norm : least);
  }
}

static void f_row_factors(const attn_row_op_t *op, const float *x, ptrdiff_t stride, int32_t rows,
                          float *factors) {
  if (op->kind == ATTN_ROW_UNIT) {
    f_inverse_norms(x, stride, rows, op->width, op->a, factors);
  } else {
    float factor = op->kind == ATTN_ROW_EXP_ROW ? op->p[0] : 1.0f;
    f_largest_rows(x, stride, rows, op->width, factor, factors);
  }
}

/// sums[c] += factor[row] x[row][c] for sixteen rows of `FEATURE_COLUMNS` whole vectors.
FEATURE_INLINE void f_weighed_sums(const float *x, ptrdiff_t stride, const float *factor,
                                   float *sums) {
  vec16 sum[FEATURE_COLUMNS];
  FEATURE_UNROLL for (int j = 0; j < FEATURE_COLUMNS; ++j) sum[j] = f_load(sums + j * FEATURE_LANES);
  FEATURE_UNROLL
  for (int i = 0; i < FEATURE_LANES; ++i) {
    vec16 scale = f_set1(factor[i]);
    FEATURE_UNROLL
    for (int j = 0; j < FEATURE_COLUMNS; ++j) {
      sum[j] += scale * f_load(x + i * stride + j * FEATURE_LANES);
    }
  }
  FEATURE_UNROLL for (int j = 0; j < FEATURE_COLUMNS; ++j) f_store(sums + j * FEATURE_LANES, sum[j]);
}

/// Rows of `FEATURE_COLUMNS` whole vectors, sixteen at a time; returns how many have been done. Sums of
/// sixteen rows wait for their factors: the products of the next sixteen go ahead of them.
FEATURE_INLINE int32_t f_balance_sixteens(const float *x, ptrdiff_t stride, int32_t rows,
                                          const float *y, float eps, float *factor, float *sums,
                                          const float *with, float *dots) {
  const f_guarded_t other = f_guarded(y, eps);
  f_guarded_t judge = other;
  if (with) judge = f_guarded(with, eps);
  float factors[2][FEATURE_LANES];
  int32_t t = 0;
  for (int parity = 0; t + FEATURE_LANES <= rows; t += FEATURE_LANES, parity ^= 1) {
    const float *part = x + t * stride;
    vec16 inverse = f_reciprocal(f_dots_sixteen(part, stride, &other));
    f_store(factors[parity], inverse);
    // These may take the place of the factors.
    f_store(factor + t, inverse);
    if (with) f_store(dots + t, f_dots_sixteen(part, stride, &judge));
    if (t > 0) f_weighed_sums(part - FEATURE_LANES * stride, stride, factors[parity ^ 1], sums);
  }
  if (t > 0) {
    f_weighed_sums(x + (t - FEATURE_LANES) * stride, stride, factors[t / FEATURE_LANES % 2 ^ 1],
                   sums);
  }
  return t;
}

static void f_balance_rows(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                           const float *y, float eps, float *factor, float *sums,
                           const float *with, float *dots) {
  int32_t t = 0;
  if (width == FEATURE_COLUMNS * FEATURE_LANES) {
    t = with ? f_balance_sixteens(x, stride, rows, y, eps, factor, sums, with, dots)
             : f_balance_sixteens(x, stride, rows, y, eps, factor, sums, NULL, NULL);
  }
  f_row_dots(x + t * stride, stride, rows - t, width, y, eps, factor + t);
  for (int32_t i = t; i < rows; ++i) factor[i] = 1 / factor[i];
  f_column_sum(x + t * stride, stride, rows - t, width, factor + t, sums);
  if (with) f_row_dots(x + t * stride, stride, rows - t, width, with, eps, dots + t);
}

static float f_largest_norm(const float *x, ptrdiff_t stride, int32_t rows, int32_t width) {
  feature_block_t in = {x, stride, rows, 1, NULL};
  float largest = 0;
  for (int32_t t = 0; t < rows; ++t) {
    float norm = f_row_squares(&in, x + t * stride, width);
    largest = norm > largest ? norm : largest;
  }
  return largest;
}

/// Rows whose moments are summed by lane before they are added in Double.
enum { FEATURE_MOMENT_ROWS = 16 };

/// Moments of `rows` rows of `columns` vectors each; sums of one do not wait for those of another.
FEATURE_INLINE void f_moments_part(const float *x, ptrdiff_t stride, int32_t rows, int32_t left,
                                   double *sums, vec16 *largest, int columns) {
  vec16 sum[FEATURE_COLUMNS], squares[FEATURE_COLUMNS], most = *largest;
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) sum[j] = squares[j] = f_set1(0.0f);
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      __builtin_prefetch(at + FEATURE_MOMENT_ROWS * stride);
      vec16 y = columns > 1 ? f_load(at) : f_load_first(at, left);
      sum[j] += y;
      squares[j] += y * y;
      most = f_max(most, columns > 1 ? y : f_first(y, left, most));
    }
  }
  FEATURE_UNROLL
  for (int j = 1; j < columns; ++j) {
    sum[0] += sum[j];
    squares[0] += squares[j];
  }
  sums[0] += (double)f_sum(sum[0]);
  sums[1] += (double)f_sum(squares[0]);
  *largest = most;
}

static float f_moments(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                       double *sums) {
  vec16 largest = f_set1(-__builtin_inff());
  for (int32_t first = 0; first < rows; first += FEATURE_MOMENT_ROWS) {
    int32_t left = rows - first, count = left < FEATURE_MOMENT_ROWS ? left : FEATURE_MOMENT_ROWS;
    const float *from = x + first * stride;
#define FEATURE_PART(columns) \
  f_moments_part(from + c, stride, count, width - c, sums, &largest, columns)
    FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
  }
  return f_largest(largest);
}

static float f_exponentials(float *values, int64_t count, float shift) {
  vec16 sum = f_set1(0.0f);
  for (int64_t i = 0; i < count; i += FEATURE_LANES) {
    int32_t left = count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(count - i);
    vec16 y = f_exp(f_load_first(values + i, left) - f_set1(shift));
    f_store_first(values + i, left, y);
    sum += f_first(y, left, f_set1(0.0f));
  }
  return f_sum(sum);
}

static float f_largest_of(const float *values, int64_t count) {
  vec16 largest = f_set1(-__builtin_inff());
  for (int64_t i = 0; i < count; i += FEATURE_LANES) {
    int32_t left = count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(count - i);
    largest = f_max(largest, f_first(f_load_first(values + i, left), left, largest));
  }
  return f_largest(largest);
}

static void f_gaussians(float *scores, ptrdiff_t stride, int32_t rows, int32_t count,
                        const float *by_row, const float *by_column) {
  for (int32_t t = 0; t < rows; ++t) {
    float *row = scores + t * stride;
    for (int32_t i = 0; i < count; i += FEATURE_LANES) {
      int32_t left = count - i;
      vec16 x = f_load_first(row + i, left) - f_load_first(by_column + i, left);
      f_store_first(row + i, left, f_exp(x - f_set1(by_row[t])));
    }
  }
}

#endif
