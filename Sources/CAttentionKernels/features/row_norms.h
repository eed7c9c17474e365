// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_NORMS_H
#define ATTN_ROW_NORMS_H

#include "row_block.h"

FEATURE_INLINE float f_row_largest(const feature_block_t *in, const float *x, int32_t width) {
  vec16 largest = f_set1(-__builtin_inff());
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    vec16 y = f_row(in, x + c, width - c);
    largest = f_max(largest, f_first(y, width - c, largest));
  }
  return f_largest(largest);
}

FEATURE_INLINE float f_row_squares(const feature_block_t *in, const float *x, int32_t width) {
  vec16 sum = f_set1(0.0f);
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    vec16 y = f_first(f_row(in, x + c, width - c), width - c, f_set1(0.0f));
    sum += y * y;
  }
  return f_sum(sum);
}

/// Rows that are held in registers from their first look to their last, so that sums and extremes of
/// one do not wait for those of another.
enum { FEATURE_HELD = 4 };

/// Loads `count` rows of `vectors` whole vectors.
FEATURE_INLINE void f_hold(const feature_block_t *in, int32_t t, vec16 x[][2 * FEATURE_HELD],
                           int count, int vectors) {
  FEATURE_UNROLL
  for (int i = 0; i < count; ++i) {
    const float *from = in->x + (t + i) * in->stride;
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      const float *at = from + j * FEATURE_LANES;
      if (f_fetches(in)) __builtin_prefetch(at + FEATURE_ROWS_AT_ONCE * in->stride);
      x[i][j] = f_load(at);
    }
  }
}

/// Exponentials of `count` rows of `vectors` whole vectors.
FEATURE_INLINE void f_exp_held(const feature_block_t *in, int32_t t, float factor, float *out,
                               ptrdiff_t out_stride, int divided, int count, int vectors) {
  vec16 x[FEATURE_HELD][2 * FEATURE_HELD], sum[FEATURE_HELD];
  f_hold(in, t, x, count, vectors);
  FEATURE_UNROLL
  for (int i = 0; i < count; ++i) {
    vec16 largest = x[i][0];
    FEATURE_UNROLL
    for (int j = 1; j < vectors; ++j) largest = f_max(largest, x[i][j]);
    vec16 shift = f_set1(factor * f_largest(largest));
    sum[i] = f_set1(0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      x[i][j] = f_exp(f_set1(factor) * x[i][j] - shift);
      sum[i] += x[i][j];
    }
  }
  FEATURE_UNROLL
  for (int i = 0; i < count; ++i) {
    vec16 rest = f_set1(divided ? 1 / f_sum(sum[i]) : 1.0f);
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      f_store(out + (t + i) * out_stride + j * FEATURE_LANES, divided ? x[i][j] * rest : x[i][j]);
    }
  }
}

FEATURE_INLINE void f_exp_row(const attn_row_op_t *op, const feature_block_t *in, float *out,
                              ptrdiff_t out_stride, int divided) {
  float factor = op->kind == ATTN_ROW_EXP_ROW ? op->p[0] : 1.0f;
  int32_t t = 0;
  if (op->width == FEATURE_HELD * FEATURE_LANES) {
    for (; t + FEATURE_HELD <= in->rows; t += FEATURE_HELD) {
      f_exp_held(in, t, factor, out, out_stride, divided, FEATURE_HELD, FEATURE_HELD);
    }
  } else if (op->width == 2 * FEATURE_HELD * FEATURE_LANES) {
    enum { half = FEATURE_HELD / 2 };
    for (; t + half <= in->rows; t += half) {
      f_exp_held(in, t, factor, out, out_stride, divided, half, 2 * FEATURE_HELD);
    }
  }
  for (; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    float *to = out + t * out_stride;
    vec16 shift = f_set1(factor * f_row_largest(in, x, op->width)), sum = f_set1(0.0f);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      vec16 y = f_exp(f_set1(factor) * f_row(in, x + c, op->width - c) - shift);
      f_store(to + c, y);
      sum += f_first(y, op->width - c, f_set1(0.0f));
    }
    if (!divided) continue;
    vec16 rest = f_set1(1 / f_sum(sum));
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) f_store(to + c, f_load(to + c) * rest);
  }
}

/// Softmaxes over (a x, -a x), without these in memory, of rows of whole vectors.
FEATURE_INLINE void f_softmax_pairs(const attn_row_op_t *op, const feature_block_t *in, float *out,
                                    ptrdiff_t out_stride) {
  enum { vectors = FEATURE_HELD };
  const vec16 a = f_set1(op->a);
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *from = in->x + t * in->stride;
    float *to = out + t * out_stride;
    vec16 x[FEATURE_HELD], y[2 * FEATURE_HELD];
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) x[j] = a * f_load(from + j * FEATURE_LANES);
    vec16 largest = f_max(f_max(f_abs(x[0]), f_abs(x[1])), f_max(f_abs(x[2]), f_abs(x[3])));
    vec16 shift = f_set1(f_largest(largest)), sum[2] = {f_set1(0.0f), f_set1(0.0f)};
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      y[j] = f_exp_below(x[j] - shift);
      y[j + vectors] = f_exp_below(-x[j] - shift);
      sum[0] += y[j];
      sum[1] += y[j + vectors];
    }
    vec16 rest = f_set1(1 / f_sum(sum[0] + sum[1]));
    FEATURE_UNROLL for (int j = 0; j < 2 * vectors; ++j) {
      f_store(to + j * FEATURE_LANES, rest * y[j]);
    }
  }
}

static void f_unit(const attn_row_op_t *op, const feature_block_t *in, float *out,
                   ptrdiff_t out_stride) {
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    float norm = __builtin_sqrtf(f_row_squares(in, x, op->width));
    vec16 factor = f_set1(1 / (norm > op->a ? norm : op->a));
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store(out + t * out_stride + c, factor * f_row(in, x + c, op->width - c));
    }
  }
}

static void f_layer_norm(const attn_row_op_t *op, const feature_block_t *in, float *out,
                         ptrdiff_t out_stride) {
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    vec16 sum = f_set1(0.0f), squares = sum;
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      sum += f_first(f_row(in, x + c, op->width - c), op->width - c, f_set1(0.0f));
    }
    vec16 mean = f_set1(f_sum(sum) / (float)op->width);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      vec16 y = f_first(f_row(in, x + c, op->width - c) - mean, op->width - c, f_set1(0.0f));
      squares += y * y;
    }
    vec16 factor = f_set1(1 / __builtin_sqrtf(f_sum(squares) / (float)op->width + op->a));
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store(out + t * out_stride + c, factor * (f_row(in, x + c, op->width - c) - mean));
    }
  }
}

FEATURE_INLINE vec16 f_power(vec16 x, int32_t count) {
  vec16 y = x;
  for (int32_t i = 1; i < count; ++i) y *= x;
  return y;
}

/// Calls an expression of the row `i` for sixteen rows, whose sums and extremes are joined lane by
/// lane.
#define FEATURE_SIXTEEN(...) \
  for (int i = 0; i < FEATURE_LANES; ++i) { __VA_ARGS__ }

/// The largest of each of sixteen rows of `vectors` whole vectors; inputs are fetched ahead.
FEATURE_INLINE vec16 f_largest_sixteen(const feature_block_t *in, int32_t t, int vectors) {
  vec16 r[FEATURE_LANES];
  FEATURE_UNROLL FEATURE_SIXTEEN(
    const float *x = in->x + (t + i) * in->stride;
    r[i] = f_load(x);
    FEATURE_UNROLL for (int j = 1; j < vectors; ++j) {
      r[i] = f_max(r[i], f_load(x + j * FEATURE_LANES));
    }
    if (f_fetches(in)) {
      FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
        __builtin_prefetch(x + FEATURE_ROWS_AT_ONCE * in->stride + j * FEATURE_LANES);
      }
    })
  return f_largest_each(r);
}

/// The sum of squares of each of sixteen rows, in the same way.
FEATURE_INLINE vec16 f_squares_sixteen(const feature_block_t *in, int32_t t, int vectors) {
  vec16 r[FEATURE_LANES];
  FEATURE_UNROLL FEATURE_SIXTEEN(
    const float *x = in->x + (t + i) * in->stride;
    r[i] = f_load(x) * f_load(x);
    FEATURE_UNROLL for (int j = 1; j < vectors; ++j) {
      vec16 y = f_load(x + j * FEATURE_LANES);
      r[i] += y * y;
    }
    if (f_fetches(in)) {
      FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
        __builtin_prefetch(x + FEATURE_ROWS_AT_ONCE * in->stride + j * FEATURE_LANES);
      }
    })
  return f_sum_each(r);
}

/// What a power of a row is multiplied by; 0 for rows of nothing.
FEATURE_INLINE vec16 f_focus_factor(vec16 norms, vec16 squares) {
  const vec16 zero = f_set1(0.0f);
  return squares > zero ? __builtin_elementwise_sqrt(norms / squares) : zero;
}

/// One row: its power, divided by the largest so that squares neither overflow nor vanish, and what it
/// is to be multiplied by.
static float f_focus_row(const feature_block_t *in, const float *x, int32_t width, int32_t count,
                         float *to) {
  float largest = f_row_largest(in, x, width);
  vec16 inverse = f_set1(largest > 0 ? 1 / largest : 0), norms = f_set1(0.0f), squares = norms;
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    vec16 y = inverse * f_row(in, x + c, width - c), power = f_power(y, count);
    f_store(to + c, power);
    y = f_first(y, width - c, f_set1(0.0f));
    power = f_first(power, width - c, f_set1(0.0f));
    norms += y * y;
    squares += power * power;
  }
  float sum = f_sum(squares);
  return sum > 0 ? largest * __builtin_sqrtf(f_sum(norms) / sum) : 0;
}

/// Multiplies rows by their factors, unless these are left to do.
FEATURE_INLINE void f_focus_finish(float *out, ptrdiff_t out_stride, int32_t rows, int32_t width,
                                   const float *factors) {
  for (int32_t t = 0; t < rows; ++t) {
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      float *at = out + t * out_stride + c;
      f_store(at, f_set1(factors[t]) * f_load(at));
    }
  }
}

static void f_focus(const attn_row_op_t *op, const feature_block_t *in, float *out,
                    ptrdiff_t out_stride, float *factors) {
  float own[FEATURE_ROWS_AT_ONCE];
  for (int32_t t = 0; t < in->rows; ++t) {
    own[t] = f_focus_row(in, in->x + t * in->stride, op->width, op->count, out + t * out_stride);
    if (factors) factors[t] = own[t];
  }
  if (!factors) f_focus_finish(out, out_stride, in->rows, op->width, own);
}

/// Powers of sixteen rows of whole vectors after a RELU and a CHANNELS step, and their factors; returns
/// whether squares of all of them stayed in range.
FEATURE_INLINE int f_powers_sixteen(const attn_row_op_t *ops, const feature_block_t *in, float *out,
                                    ptrdiff_t out_stride, float *factors, int32_t count) {
  enum { vectors = FEATURE_HELD };
  const vec16 zero = f_set1(0.0f), plus = f_set1(ops[0].a);
  vec16 r[FEATURE_LANES], s[FEATURE_LANES], scale[FEATURE_HELD];
  FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
    scale[j] = f_load(ops[1].p + j * FEATURE_LANES);
  }
  for (int i = 0; i < FEATURE_LANES; ++i) {
    const float *x = in->x + i * in->stride;
    vec16 norm = zero, square = zero;
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      vec16 y = f_input(in, x + j * FEATURE_LANES, FEATURE_LANES);
      y = (f_max(y, zero) + plus) * scale[j];
      vec16 power = f_power(y, count);
      norm += y * y;
      square += power * power;
      f_store(out + i * out_stride + j * FEATURE_LANES, power);
    }
    r[i] = norm;
    s[i] = square;
  }
  vec16 norms = f_sum_each(r), squares = f_sum_each(s);
  f_store(factors, f_focus_factor(norms, squares));
  lanes16 inside = (squares > f_set1(0x1p-100f)) & (squares < f_set1(0x1p+120f));
  return __builtin_reduce_and(inside) != 0;
}

/// RELU, CHANNELS and FOCUS in one walk; 0 if the steps are others or need more care.
static int f_focus_steps(const attn_row_op_t *ops, int32_t steps, const feature_block_t *in,
                         float *out, ptrdiff_t out_stride, float *factors) {
  int32_t width = FEATURE_HELD * FEATURE_LANES;
  if (steps != 3 || ops[2].kind != ATTN_ROW_FOCUS) return 0;
  if (ops[0].kind != ATTN_ROW_RELU || ops[1].kind != ATTN_ROW_CHANNELS || ops[1].q) return 0;
  if (ops[0].width != width || in->rows != FEATURE_LANES) return 0;
  float own[FEATURE_LANES];
  if (!factors) factors = own;
  int done = ops[2].count == 3
                 ? f_powers_sixteen(ops, in, out, out_stride, factors, 3)
                 : f_powers_sixteen(ops, in, out, out_stride, factors, ops[2].count);
  if (!done) return 0;
  if (factors == own) f_focus_finish(out, out_stride, in->rows, width, own);
  return 1;
}

#endif
