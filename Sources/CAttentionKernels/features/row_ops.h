// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_OPS_H
#define ATTN_ROW_OPS_H

#include "attn_features.h"
#include "vector16.h"

/// A block of rows between two steps; lanes beyond the width hold anything.
typedef struct {
  const float *x;
  ptrdiff_t stride;
  int32_t rows;
  int32_t is_input;  // rows of the input end at the width
} feature_block_t;

FEATURE_INLINE vec16 f_row(const feature_block_t *in, const float *x, int32_t left) {
  return in->is_input ? f_load_first(x, left) : f_load(x);
}

/// Calls an expression of `x` for every vector of every row; whole vectors need no look at the width.
#define FEATURE_EACH(expression)                                                       \
  if (!in->is_input || op->width % FEATURE_LANES == 0) {                               \
    FEATURE_ROWS(f_load(from + c), expression)                                         \
  } else {                                                                             \
    FEATURE_ROWS(f_load_first(from + c, op->width - c), expression)                    \
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

/// y[row] = W x[row] + b for `tile` rows.
FEATURE_INLINE void f_project_tile(const attn_row_op_t *op, const float *x, ptrdiff_t stride,
                                   float *out, ptrdiff_t out_stride, int tile) {
  int32_t padded = attn_row_padded(op->width_out);
  for (int32_t r = 0; r < padded; r += FEATURE_LANES) {
    vec16 sum[FEATURE_TILE];
    vec16 start = op->q ? f_load(op->q + r) : f_set1(0.0f);
    _Pragma("clang loop unroll(full)") for (int i = 0; i < tile; ++i) sum[i] = start;
    const float *w = op->p + r;
    for (int32_t c = 0; c < op->width; ++c, w += padded) {
      vec16 column = f_load(w);
      _Pragma("clang loop unroll(full)") for (int i = 0; i < tile; ++i) {
        sum[i] += f_set1(x[i * stride + c]) * column;
      }
    }
    _Pragma("clang loop unroll(full)") for (int i = 0; i < tile; ++i) {
      f_store(out + i * out_stride + r, sum[i]);
    }
  }
}

static void f_project(const attn_row_op_t *op, const feature_block_t *in, float *out,
                      ptrdiff_t out_stride) {
  int32_t t = 0;
  for (; t + FEATURE_TILE <= in->rows; t += FEATURE_TILE) {
    f_project_tile(op, in->x + t * in->stride, in->stride, out + t * out_stride, out_stride,
                   FEATURE_TILE);
  }
  for (; t < in->rows; ++t) {
    f_project_tile(op, in->x + t * in->stride, in->stride, out + t * out_stride, out_stride, 1);
  }
}

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

static void f_exp_row(const attn_row_op_t *op, const feature_block_t *in, float *out,
                      ptrdiff_t out_stride, int divided) {
  float factor = op->kind == ATTN_ROW_EXP_ROW ? op->p[0] : 1.0f;
  for (int32_t t = 0; t < in->rows; ++t) {
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

static void f_focus(const attn_row_op_t *op, const feature_block_t *in, float *out,
                    ptrdiff_t out_stride) {
  for (int32_t t = 0; t < in->rows; ++t) {
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

/// Segments may run over into the next one, which is written after; the last into a spare vector.
static void f_taylor(const attn_row_op_t *op, const feature_block_t *in, float *out,
                     ptrdiff_t out_stride) {
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    float *to = out + t * out_stride;
    vec16 a = f_set1(op->a);
    to[0] = 1;
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store(to + 1 + c, a * f_load_first(x + c, op->width - c));
    }
    float *segment = to + 1 + op->width;
    for (int32_t i = 0; i < op->width; ++i) {
      vec16 left = f_set1(op->a * op->a * x[i]);
      for (int32_t c = i; c < op->width; c += FEATURE_LANES) {
        f_store(segment + c - i, left * f_load_first(x + c, op->width - c));
      }
      segment[0] *= 0.70710678f;
      segment += op->width - i;
    }
  }
}

static void f_pairs(const attn_row_op_t *op, const feature_block_t *in, float *out,
                    ptrdiff_t out_stride, int64_t position) {
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    float *to = out + t * out_stride;
    int wave = op->kind == ATTN_ROW_WAVE;
    vec16 left = f_set1(wave ? op->p[position + t] : op->a);
    vec16 right = f_set1(wave ? op->q[position + t] : -op->a);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store(to + c, left * f_row(in, x + c, op->width - c));
    }
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store_first(to + op->width + c, op->width - c, right * f_row(in, x + c, op->width - c));
    }
  }
}

static void f_mark(const attn_row_op_t *op, const feature_block_t *in, float *out,
                   ptrdiff_t out_stride, const attn_row_scratch_t *scratch) {
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *from = in->x + t * in->stride;
    vec16 product = f_set1(0.0f);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      int32_t left = op->width - c;
      vec16 x = f_row(in, from + c, left);
      f_store(out + t * out_stride + c, x);
      vec16 sums = f_load_first(scratch->sums + c, left);
      if (scratch->products) {
        product += f_first(x, left, f_set1(0.0f)) * sums;
      } else {
        f_store_first(scratch->sums + c, left, sums + x);
      }
    }
    if (scratch->products) scratch->products[t] = f_sum(product);
  }
}

/// The row with neighbours exchanged.
FEATURE_INLINE vec16 f_swap(vec16 x) {
  return __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
}

static void f_rotate(const attn_row_op_t *op, const feature_block_t *in, float *out,
                     ptrdiff_t out_stride, int64_t position) {
  int32_t padded = attn_row_padded(op->width);
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *from = in->x + t * in->stride, *cosine = op->p + (position + t) * padded;
    const float *sine = op->q + (position + t) * padded;
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      vec16 x = f_row(in, from + c, op->width - c);
      f_store(out + t * out_stride + c, f_load(cosine + c) * x + f_load(sine + c) * f_swap(x));
    }
  }
}

static void f_step(const attn_row_op_t *op, const feature_block_t *in, float *out,
                   ptrdiff_t out_stride, int64_t position, const float *input,
                   ptrdiff_t input_stride, const attn_row_scratch_t *scratch) {
  const vec16 zero = f_set1(0.0f);
  switch (op->kind) {
    case ATTN_ROW_COPY: FEATURE_EACH(x) break;
    case ATTN_ROW_SCALE: FEATURE_EACH(f_set1(op->a) * x) break;
    case ATTN_ROW_CHANNELS:
      if (op->q) {
        FEATURE_EACH(f_load(op->p + c) * x + f_load(op->q + c))
      } else {
        FEATURE_EACH(f_load(op->p + c) * x)
      }
      break;
    case ATTN_ROW_PROJECT: f_project(op, in, out, out_stride); break;
    case ATTN_ROW_ADD_INPUT:
      FEATURE_EACH(x + f_load_first(input + t * input_stride + c, op->width - c)) break;
    case ATTN_ROW_ROTATE: f_rotate(op, in, out, out_stride, position); break;
    case ATTN_ROW_RELU: FEATURE_EACH(f_max(x, zero) + f_set1(op->a)) break;
    case ATTN_ROW_ELU1: FEATURE_EACH(f_max(x, zero) + f_exp(f_min(x, zero))) break;
    case ATTN_ROW_SIGMOID: FEATURE_EACH(f_sigmoid(x)) break;
    case ATTN_ROW_SILU: FEATURE_EACH(x * f_sigmoid(x)) break;
    case ATTN_ROW_GELU: FEATURE_EACH(f_gelu(x)) break;
    case ATTN_ROW_SOFTPLUS: FEATURE_EACH(f_softplus(x)) break;
    case ATTN_ROW_LOG_SIGMOID: FEATURE_EACH(-f_softplus(-x)) break;
    case ATTN_ROW_LEAKY: FEATURE_EACH(x > zero ? x : f_set1(op->a) * x) break;
    case ATTN_ROW_EXP: FEATURE_EACH(f_exp(f_set1(op->a) * x - f_set1(op->b))) break;
    case ATTN_ROW_EXP_CHANNELS: FEATURE_EACH(f_exp(f_load(op->p + c) * x - f_load(op->q + c))) break;
    case ATTN_ROW_EXP_ROW: f_exp_row(op, in, out, out_stride, 0); break;
    case ATTN_ROW_SOFTMAX: f_exp_row(op, in, out, out_stride, 1); break;
    case ATTN_ROW_PAIRS:
    case ATTN_ROW_WAVE: f_pairs(op, in, out, out_stride, position); break;
    case ATTN_ROW_UNIT: f_unit(op, in, out, out_stride); break;
    case ATTN_ROW_LAYER_NORM: f_layer_norm(op, in, out, out_stride); break;
    case ATTN_ROW_FOCUS: f_focus(op, in, out, out_stride); break;
    case ATTN_ROW_TAYLOR: f_taylor(op, in, out, out_stride); break;
    case ATTN_ROW_TIMES: FEATURE_EACH(f_set1(op->p[position + t]) * x) break;
    case ATTN_ROW_APPEND:
      FEATURE_EACH(x)
      for (int32_t t = 0; t < in->rows; ++t) out[t * out_stride + op->width] = op->a;
      break;
    case ATTN_ROW_MARK: f_mark(op, in, out, out_stride, scratch); break;
  }
}

static void f_apply(const attn_row_op_t *ops, int32_t steps, const float *x, ptrdiff_t x_stride,
                    int32_t rows, int64_t position, float *out, ptrdiff_t out_stride,
                    const attn_row_scratch_t *scratch) {
  feature_block_t in = {x, x_stride, rows, 1};
  for (int32_t i = 0; i < steps; ++i) {
    int last = i == steps - 1;
    float *to = last ? out : i % 2 == 0 ? scratch->first : scratch->second;
    ptrdiff_t stride = last ? out_stride : scratch->stride;
    f_step(ops + i, &in, to, stride, position, x, x_stride, scratch);
    in = (feature_block_t){to, stride, rows, 0};
  }
}

#endif
