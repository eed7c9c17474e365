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
      if (in->is_input) __builtin_prefetch(at + FEATURE_ROWS_AT_ONCE * in->stride);
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
    if (in->is_input) {
      FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
        __builtin_prefetch(x + FEATURE_ROWS_AT_ONCE * in->stride + j * FEATURE_LANES);
      }
    })
  return f_largest_each(r);
}

/// Sixteen rows of `vectors` whole vectors.
FEATURE_INLINE void f_focus_sixteen(const feature_block_t *in, int32_t t, float *out,
                                    ptrdiff_t out_stride, int32_t count, int vectors) {
  const vec16 zero = f_set1(0.0f);
  float inverse[FEATURE_LANES], factor[FEATURE_LANES];
  vec16 r[FEATURE_LANES], largest = f_largest_sixteen(in, t, vectors);
  f_store(inverse, largest > zero ? f_set1(1.0f) / largest : zero);
  FEATURE_SIXTEEN(
    const float *x = in->x + (t + i) * in->stride;
    vec16 norm = zero;
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      vec16 y = f_load(x + j * FEATURE_LANES);
      norm += y * y;
    }
    r[i] = norm;)
  vec16 norms = f_sum_each(r);
  FEATURE_SIXTEEN(
    const float *x = in->x + (t + i) * in->stride;
    float *to = out + (t + i) * out_stride;
    vec16 squares = zero;
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      vec16 y = f_power(f_set1(inverse[i]) * f_load(x + j * FEATURE_LANES), count);
      f_store(to + j * FEATURE_LANES, y);
      squares += y * y;
    }
    r[i] = squares;)
  vec16 sums = f_sum_each(r);
  f_store(factor, sums > zero ? __builtin_elementwise_sqrt(norms / sums) : zero);
  FEATURE_SIXTEEN(
    float *to = out + (t + i) * out_stride;
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      f_store(to + j * FEATURE_LANES, f_set1(factor[i]) * f_load(to + j * FEATURE_LANES));
    })
}

static void f_focus(const attn_row_op_t *op, const feature_block_t *in, float *out,
                    ptrdiff_t out_stride) {
  int32_t t = 0, whole = op->width == FEATURE_HELD * FEATURE_LANES;
  for (; whole && t + FEATURE_LANES <= in->rows; t += FEATURE_LANES) {
    if (op->count == 3) {
      f_focus_sixteen(in, t, out, out_stride, 3, FEATURE_HELD);
    } else {
      f_focus_sixteen(in, t, out, out_stride, op->count, FEATURE_HELD);
    }
  }
  for (; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    float *to = out + t * out_stride;
    // Powers of the row divided by its largest: their squares neither overflow nor vanish.
    float largest = f_row_largest(in, x, op->width), norm = f_row_squares(in, x, op->width);
    vec16 inverse = f_set1(largest > 0 ? 1 / largest : 0), squares = f_set1(0.0f);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      vec16 y = f_power(inverse * f_row(in, x + c, op->width - c), op->count);
      f_store(to + c, y);
      y = f_first(y, op->width - c, f_set1(0.0f));
      squares += y * y;
    }
    float sum = f_sum(squares);
    vec16 factor = f_set1(sum > 0 ? __builtin_sqrtf(norm / sum) : 0);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) f_store(to + c, f_load(to + c) * factor);
  }
}

#endif
