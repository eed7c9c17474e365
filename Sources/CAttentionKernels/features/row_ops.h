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

/// Rows that go through all steps together: what stands between the steps stays in the nearest cache.
/// Inputs are fetched as many rows ahead.
enum { FEATURE_ROWS_AT_ONCE = 16 };

/// A vector of an input row; only what belongs to it is read.
FEATURE_INLINE vec16 f_input(const feature_block_t *in, const float *x, int32_t left) {
  __builtin_prefetch(x + FEATURE_ROWS_AT_ONCE * in->stride);
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

/// y[row] = W x[row] + b for `tile` rows and `vectors` vectors of channels from `r` on.
FEATURE_INLINE void f_project_part(const attn_row_op_t *op, const float *x, ptrdiff_t stride,
                                   float *out, ptrdiff_t out_stride, int32_t r, int tile,
                                   int vectors) {
  int32_t padded = attn_row_padded(op->width_out);
  vec16 sum[FEATURE_TILE][FEATURE_TILE_VECTORS];
  FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
    vec16 start = op->q ? f_load(op->q + r + j * FEATURE_LANES) : f_set1(0.0f);
    FEATURE_UNROLL for (int i = 0; i < tile; ++i) sum[i][j] = start;
  }
  const float *w = op->p + r;
  for (int32_t c = 0; c < op->width; ++c, w += padded) {
    vec16 column[FEATURE_TILE_VECTORS];
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      column[j] = f_load(w + j * FEATURE_LANES);
    }
    FEATURE_UNROLL for (int i = 0; i < tile; ++i) {
      vec16 scalar = f_set1(x[i * stride + c]);
      FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
        sum[i][j] += scalar * column[j];
      }
    }
  }
  FEATURE_UNROLL for (int i = 0; i < tile; ++i) {
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      f_store(out + i * out_stride + r + j * FEATURE_LANES, sum[i][j]);
    }
  }
}

/// y[row] = W x[row] + b for `tile` rows.
FEATURE_INLINE void f_project_tile(const attn_row_op_t *op, const float *x, ptrdiff_t stride,
                                   float *out, ptrdiff_t out_stride, int tile) {
  int32_t padded = attn_row_padded(op->width_out), r = 0;
  enum { step = FEATURE_TILE_VECTORS * FEATURE_LANES };
  for (; r + step <= padded; r += step) {
    f_project_part(op, x, stride, out, out_stride, r, tile, FEATURE_TILE_VECTORS);
  }
  for (; r < padded; r += FEATURE_LANES) {
    f_project_part(op, x, stride, out, out_stride, r, tile, 1);
  }
}

static void f_project(const attn_row_op_t *op, const feature_block_t *in, float *out,
                      ptrdiff_t out_stride) {
  int32_t t = 0;
  for (; t + FEATURE_TILE <= in->rows; t += FEATURE_TILE) {
    for (int32_t i = 0; in->is_input && i < FEATURE_TILE; ++i) {
      const float *ahead = in->x + (t + i + FEATURE_ROWS_AT_ONCE) * in->stride;
      for (int32_t c = 0; c < op->width; c += FEATURE_LANES) __builtin_prefetch(ahead + c);
    }
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

/// Rows of whole vectors; see `f_focus`.
FEATURE_INLINE void f_focus_held(const feature_block_t *in, int32_t t, int32_t power, float *out,
                                 ptrdiff_t out_stride) {
  vec16 x[FEATURE_HELD][2 * FEATURE_HELD], sum[FEATURE_HELD];
  float norm[FEATURE_HELD];
  f_hold(in, t, x, FEATURE_HELD, FEATURE_HELD);
  FEATURE_UNROLL
  for (int i = 0; i < FEATURE_HELD; ++i) {
    vec16 largest = x[i][0], squares = x[i][0] * x[i][0];
    FEATURE_UNROLL
    for (int j = 1; j < FEATURE_HELD; ++j) {
      largest = f_max(largest, x[i][j]);
      squares += x[i][j] * x[i][j];
    }
    float top = f_largest(largest);
    norm[i] = f_sum(squares);
    vec16 inverse = f_set1(top > 0 ? 1 / top : 0);
    sum[i] = f_set1(0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < FEATURE_HELD; ++j) {
      x[i][j] = f_power(inverse * x[i][j], power);
      sum[i] += x[i][j] * x[i][j];
    }
  }
  FEATURE_UNROLL
  for (int i = 0; i < FEATURE_HELD; ++i) {
    float squares = f_sum(sum[i]);
    vec16 factor = f_set1(squares > 0 ? __builtin_sqrtf(norm[i] / squares) : 0);
    FEATURE_UNROLL
    for (int j = 0; j < FEATURE_HELD; ++j) {
      f_store(out + (t + i) * out_stride + j * FEATURE_LANES, factor * x[i][j]);
    }
  }
}

static void f_focus(const attn_row_op_t *op, const feature_block_t *in, float *out,
                    ptrdiff_t out_stride) {
  int32_t t = 0;
  if (op->width == FEATURE_HELD * FEATURE_LANES) {
    for (; t + FEATURE_HELD <= in->rows; t += FEATURE_HELD) {
      if (op->count == 3) {
        f_focus_held(in, t, 3, out, out_stride);
      } else {
        f_focus_held(in, t, op->count, out, out_stride);
      }
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

/// Channels whose products are made from rows that stand twice in a row, and rows that are laid out
/// so together: what has just been stored in parts cannot be loaded across them yet.
enum { FEATURE_TAYLOR = 256, FEATURE_TAYLOR_ROWS = 8 };

/// All x_i x_j, ordered by the distance from i to j around the row, so that all but the last
/// distance of an even width give whole rows. Parts may run over into the next one, which is written
/// after; the last one into a spare vector.
FEATURE_INLINE void f_taylor_row(const attn_row_op_t *op, const float *twice, float *out) {
  int32_t width = op->width;
  vec16 a = f_set1(op->a), square = f_set1(op->a * op->a);
  for (int32_t c = 0; c < width; c += FEATURE_LANES) f_store(out + c, a * f_load(twice + c));
  out += width;
  for (int32_t distance = 0; distance <= width / 2; ++distance) {
    int32_t count = 2 * distance == width ? distance : width;
    vec16 factor = distance == 0 ? square * f_set1(0.70710678f) : square;
    for (int32_t c = 0; c < count; c += FEATURE_LANES) {
      f_store(out + c, factor * f_load(twice + c) * f_load(twice + c + distance));
    }
    out += count;
  }
  out[0] = 1;
}

/// The same for rows of any width.
static void f_taylor_wide(const attn_row_op_t *op, const float *x, float *out) {
  int32_t width = op->width;
  for (int32_t i = 0; i < width; ++i) *out++ = op->a * x[i];
  for (int32_t distance = 0; distance <= width / 2; ++distance) {
    float factor = op->a * op->a * (distance == 0 ? 0.70710678f : 1);
    int32_t count = 2 * distance == width ? distance : width;
    for (int32_t i = 0; i < count; ++i) *out++ = factor * x[i] * x[(i + distance) % width];
  }
  *out = 1;
}

static void f_taylor(const attn_row_op_t *op, const feature_block_t *in, float *out,
                     ptrdiff_t out_stride) {
  int32_t width = op->width, stride = 2 * width + FEATURE_LANES;
  if (width > FEATURE_TAYLOR) {
    for (int32_t t = 0; t < in->rows; ++t) {
      f_taylor_wide(op, in->x + t * in->stride, out + t * out_stride);
    }
    return;
  }
  float twice[FEATURE_TAYLOR_ROWS * (2 * FEATURE_TAYLOR + FEATURE_LANES)];
  for (int32_t first = 0; first < in->rows; first += FEATURE_TAYLOR_ROWS) {
    int32_t left = in->rows - first, rows = left < FEATURE_TAYLOR_ROWS ? left : FEATURE_TAYLOR_ROWS;
    for (int32_t t = 0; t < rows; ++t) {
      const float *x = in->x + (first + t) * in->stride;
      for (int32_t i = 0; i < 2; ++i) {
        for (int32_t c = 0; c < width; c += FEATURE_LANES) {
          f_store(twice + t * stride + i * width + c, f_row(in, x + c, width - c));
        }
      }
    }
    for (int32_t t = 0; t < rows; ++t) {
      f_taylor_row(op, twice + t * stride, out + (first + t) * out_stride);
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

/// The row with every pair of channels turned by its angle, of which `table` has cosine and sine.
FEATURE_INLINE vec16 f_turn(vec16 x, vec16 table) {
  const vec16 sign = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
  vec16 cosine = __builtin_shufflevector(table, table, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12,
                                         12, 14, 14);
  vec16 sine = __builtin_shufflevector(table, table, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13,
                                       15, 15);
  return cosine * x + sine * (sign * f_swap(x));
}

/// What a turned row is multiplied by.
FEATURE_INLINE float f_turn_factor(const attn_row_op_t *op, const float *products, int32_t t) {
  return op->count && products ? op->a / (products[t] + op->b) : op->a;
}

static void f_rotate(const attn_row_op_t *op, const feature_block_t *in, float *out,
                     ptrdiff_t out_stride, int64_t position, const attn_row_scratch_t *scratch) {
  int32_t padded = attn_row_padded(op->width);
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *from = in->x + t * in->stride, *table = op->p + (position + t) * padded;
    vec16 factor = f_set1(f_turn_factor(op, scratch->products, t));
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      vec16 x = f_row(in, from + c, op->width - c);
      f_store(out + t * out_stride + c, factor * f_turn(x, f_load(table + c)));
    }
  }
}

/// Steps that one walk over rows of whole vectors does: a map, factors per token, a mark, a turn.
typedef struct {
  const attn_row_op_t *turn;
  const attn_row_op_t *map;  // RELU or ELU1
  const float *factor;       // TIMES: of the first row, or NULL
  int32_t steps;             // 0: the steps are others
} f_turning_t;

static f_turning_t f_turning(const attn_row_op_t *ops, int32_t steps, int64_t position) {
  f_turning_t turning = {ops, NULL, NULL, 0};
  int32_t i = 0;
  if (ops[0].width != FEATURE_HELD * FEATURE_LANES) return turning;
  if (ops[0].kind == ATTN_ROW_RELU || ops[0].kind == ATTN_ROW_ELU1) turning.map = ops + i++;
  if (!turning.map) return turning;
  if (i < steps && ops[i].kind == ATTN_ROW_TIMES) turning.factor = ops[i++].p + position;
  if (i + 1 >= steps || ops[i].kind != ATTN_ROW_MARK) return turning;
  if (ops[i + 1].kind != ATTN_ROW_ROTATE) return turning;
  turning.turn = ops + i + 1;
  turning.steps = i + 2;
  return turning;
}

/// The steps of `f_turning` for queries (`products`) or for keys, by ELU1 or RELU.
FEATURE_INLINE void f_turn_marked(const f_turning_t *turning, const feature_block_t *in,
                                  float *out, ptrdiff_t out_stride, int64_t position,
                                  const attn_row_scratch_t *scratch, int elu, int queries) {
  enum { vectors = FEATURE_HELD, width = FEATURE_HELD * FEATURE_LANES };
  const vec16 zero = f_set1(0.0f), plus = f_set1(turning->map->a);
  const attn_row_op_t *turn = turning->turn;
  vec16 sums[FEATURE_HELD];
  FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
    sums[j] = f_load(scratch->sums + j * FEATURE_LANES);
  }
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *from = in->x + t * in->stride, *table = turn->p + (position + t) * width;
    vec16 before = f_set1(turning->factor ? turning->factor[t] : 1.0f), product = zero;
    vec16 x[FEATURE_HELD];
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      x[j] = f_row(in, from + j * FEATURE_LANES, FEATURE_LANES);
      x[j] = elu ? f_max(x[j], zero) + f_exp(f_min(x[j], zero)) : f_max(x[j], zero) + plus;
      x[j] *= before;
      if (queries) {
        product += x[j] * sums[j];
      } else {
        sums[j] += x[j];
      }
      x[j] = f_turn(x[j], f_load(table + j * FEATURE_LANES));
    }
    if (queries) scratch->products[t] = f_sum(product);
    vec16 factor = f_set1(f_turn_factor(turn, scratch->products, t));
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      f_store(out + t * out_stride + j * FEATURE_LANES, factor * x[j]);
    }
  }
  FEATURE_UNROLL for (int j = 0; j < vectors && !queries; ++j) {
    f_store(scratch->sums + j * FEATURE_LANES, sums[j]);
  }
}

static void f_turn_steps(const f_turning_t *turning, const feature_block_t *in, float *out,
                         ptrdiff_t out_stride, int64_t position,
                         const attn_row_scratch_t *scratch) {
  int elu = turning->map->kind == ATTN_ROW_ELU1, queries = scratch->products != NULL;
#define FEATURE_TURN(elu, queries) \
  f_turn_marked(turning, in, out, out_stride, position, scratch, elu, queries)
  if (elu && queries) FEATURE_TURN(1, 1);
  if (elu && !queries) FEATURE_TURN(1, 0);
  if (!elu && queries) FEATURE_TURN(0, 1);
  if (!elu && !queries) FEATURE_TURN(0, 0);
#undef FEATURE_TURN
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
    case ATTN_ROW_ROTATE: f_rotate(op, in, out, out_stride, position, scratch); break;
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

/// Clears lanes beyond the width up to a whole vector.
FEATURE_INLINE void f_clear_rest(float *out, ptrdiff_t stride, int32_t rows, int32_t width) {
  int32_t whole = width / FEATURE_LANES * FEATURE_LANES;
  if (whole == width) return;
  for (int32_t t = 0; t < rows; ++t) {
    float *last = out + t * stride + whole;
    f_store(last, f_first(f_load(last), width - whole, f_set1(0.0f)));
  }
}

static void f_apply(const attn_row_op_t *ops, int32_t steps, const float *x, ptrdiff_t x_stride,
                    int32_t rows, int64_t position, float *out, ptrdiff_t out_stride,
                    const attn_row_scratch_t *scratch) {
  for (int32_t first = 0; first < rows; first += FEATURE_ROWS_AT_ONCE) {
    int32_t left = rows - first, count = left < FEATURE_ROWS_AT_ONCE ? left : FEATURE_ROWS_AT_ONCE;
    const float *input = x + first * x_stride;
    float *result = out + first * out_stride;
    feature_block_t in = {input, x_stride, count, 1};
    attn_row_scratch_t part = *scratch;
    if (part.products) part.products += first;
    f_turning_t turning = f_turning(ops, steps, position + first);
    int32_t begin = 0;
    if (turning.steps == steps) {
      f_turn_steps(&turning, &in, result, out_stride, position + first, &part);
      begin = steps;
    }
    for (int32_t i = begin; i < steps; ++i) {
      int last = i == steps - 1;
      float *to = last ? result : i % 2 == 0 ? scratch->first : scratch->second;
      ptrdiff_t stride = last ? out_stride : scratch->stride;
      f_step(ops + i, &in, to, stride, position + first, input, x_stride, &part);
      in = (feature_block_t){to, stride, count, 0};
    }
    f_clear_rest(result, out_stride, count, ops[steps - 1].width_out);
  }
}

#endif
