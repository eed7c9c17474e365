// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_TURNS_H
#define ATTN_ROW_TURNS_H

#include "row_norms.h"

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
#ifdef FEATURE_TURN
  return FEATURE_TURN(x, table);
#else
  const vec16 sign = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
  vec16 cosine = __builtin_shufflevector(table, table, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12,
                                         12, 14, 14);
  vec16 sine = __builtin_shufflevector(table, table, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13,
                                       15, 15);
  return cosine * x + sine * (sign * f_swap(x));
#endif
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
      if (!in->fetch) __builtin_prefetch(table + c + FEATURE_ROWS_AT_ONCE * padded);
      f_store(out + t * out_stride + c, factor * f_turn(x, f_load(table + c)));
    }
  }
}

/// Steps that one walk over rows of whole vectors does: a map, factors per token, a mark, a turn.
typedef struct {
  const attn_row_op_t *turn;  // or NULL
  const attn_row_op_t *map;   // RELU, ELU1 or SIGMOID
  const float *factor;        // TIMES: of the first row, or NULL
  int32_t steps;              // 0: the steps are others
} f_turning_t;

static f_turning_t f_turning(const attn_row_op_t *ops, int32_t steps, int64_t position) {
  f_turning_t turning = {NULL, NULL, NULL, 0};
  attn_row_kind_t kind = ops[0].kind;
  int32_t i = 1;
  if (ops[0].width != FEATURE_HELD * FEATURE_LANES) return turning;
  if (kind != ATTN_ROW_RELU && kind != ATTN_ROW_ELU1 && kind != ATTN_ROW_SIGMOID) return turning;
  turning.map = ops;
  if (i < steps && ops[i].kind == ATTN_ROW_TIMES) turning.factor = ops[i++].p + position;
  if (i >= steps || ops[i++].kind != ATTN_ROW_MARK) return turning;
  if (i < steps && ops[i].kind == ATTN_ROW_ROTATE) turning.turn = ops + i++;
  turning.steps = i;
  return turning;
}

/// RELU, ELU1 or SIGMOID of one row, whose vectors go side by side.
FEATURE_INLINE void f_map_held(vec16 *x, vec16 plus, attn_row_kind_t kind) {
  switch (kind) {
    case ATTN_ROW_ELU1: f_elu1_each(x, FEATURE_HELD); break;
    case ATTN_ROW_SIGMOID: f_sigmoid_each(x, FEATURE_HELD); break;
    default:
      FEATURE_UNROLL for (int j = 0; j < FEATURE_HELD; ++j) x[j] = f_max(x[j], f_set1(0.0f)) + plus;
  }
}

/// The steps of `f_turning` for rows of queries (`products`) or keys; rows that are not turned are left
/// out where `out` is NULL.
FEATURE_INLINE void f_turn_marked(const f_turning_t *turning, const feature_block_t *in,
                                  float *out, ptrdiff_t out_stride, int64_t position,
                                  const attn_row_scratch_t *scratch, attn_row_kind_t kind,
                                  int queries, int turns) {
  enum { vectors = FEATURE_HELD, width = FEATURE_HELD * FEATURE_LANES };
  const vec16 plus = f_set1(turning->map->a);
  const attn_row_op_t *turn = turning->turn;
  vec16 sums[FEATURE_HELD], products[FEATURE_LANES];
  FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
    sums[j] = f_load(scratch->sums + j * FEATURE_LANES);
  }
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *from = in->x + t * in->stride;
    const float *table = turns ? turn->p + (position + t) * width : NULL;
    vec16 before = f_set1(turning->factor ? turning->factor[t] : 1.0f), product = f_set1(0.0f);
    vec16 x[FEATURE_HELD];
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      x[j] = f_row(in, from + j * FEATURE_LANES, FEATURE_LANES);
    }
    f_map_held(x, plus, kind);
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      if (turns || turning->factor) x[j] *= before;
      if (queries) {
        product += x[j] * sums[j];
      } else {
        sums[j] += x[j];
      }
      if (turns) x[j] = f_turn(x[j], f_load(table + j * FEATURE_LANES));
    }
    products[t % FEATURE_LANES] = product;
    if (queries && turns) scratch->products[t] = f_sum(product);
    vec16 factor = f_set1(turns ? f_turn_factor(turn, scratch->products, t) : 1.0f);
    FEATURE_UNROLL for (int j = 0; j < vectors && (turns || out); ++j) {
      f_store(out + t * out_stride + j * FEATURE_LANES, turns ? factor * x[j] : x[j]);
    }
    int32_t past = t % FEATURE_LANES + 1;
    if (queries && !turns && (past == FEATURE_LANES || t + 1 == in->rows)) {
      f_store_first(scratch->products + t + 1 - past, past, f_sum_each(products));
    }
  }
  FEATURE_UNROLL for (int j = 0; j < vectors && !queries; ++j) {
    f_store(scratch->sums + j * FEATURE_LANES, sums[j]);
  }
}

static void f_turn_steps(const f_turning_t *turning, const feature_block_t *in, float *out,
                         ptrdiff_t out_stride, int64_t position,
                         const attn_row_scratch_t *scratch) {
  int queries = scratch->products != NULL, turns = turning->turn != NULL;
#define FEATURE_MARKED(kind, queries, turns) \
  f_turn_marked(turning, in, out, out_stride, position, scratch, kind, queries, turns)
#define FEATURE_MARKED_KIND(kind)                     \
  if (queries && turns) FEATURE_MARKED(kind, 1, 1);   \
  if (queries && !turns) FEATURE_MARKED(kind, 1, 0);  \
  if (!queries && turns) FEATURE_MARKED(kind, 0, 1);  \
  if (!queries && !turns) FEATURE_MARKED(kind, 0, 0);
  switch (turning->map->kind) {
    case ATTN_ROW_ELU1: FEATURE_MARKED_KIND(ATTN_ROW_ELU1) break;
    case ATTN_ROW_SIGMOID: FEATURE_MARKED_KIND(ATTN_ROW_SIGMOID) break;
    default: FEATURE_MARKED_KIND(ATTN_ROW_RELU)
  }
#undef FEATURE_MARKED_KIND
#undef FEATURE_MARKED
}

#endif
