// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_OPS_H
#define ATTN_ROW_OPS_H

#include "row_norms.h"
#include "row_products.h"
#include "row_projections.h"
#include "row_turns.h"

static void f_step(const attn_row_op_t *op, const feature_block_t *in, float *out,
                   ptrdiff_t out_stride, int64_t position, const float *input,
                   ptrdiff_t input_stride, const attn_row_scratch_t *scratch) {
  const vec16 zero = f_set1(0.0f);
  switch (op->kind) {
    case ATTN_ROW_COPY: FEATURE_EACH(x) break;
    case ATTN_ROW_SCALE: FEATURE_EACH(f_set1(op->a) * x) break;
    case ATTN_ROW_CHANNELS:
      if (!op->p) {
        FEATURE_EACH(x + f_load(op->q + c))
      } else if (op->q) {
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
    case ATTN_ROW_ELU1: FEATURE_EACH(f_max(x, zero) + f_exp_below(f_min(x, zero))) break;
    case ATTN_ROW_SIGMOID: FEATURE_EACH(f_sigmoid(x)) break;
    case ATTN_ROW_SILU: FEATURE_EACH(x * f_sigmoid(x)) break;
    case ATTN_ROW_GELU: FEATURE_EACH(f_gelu(x)) break;
    case ATTN_ROW_SOFTPLUS: FEATURE_EACH(f_softplus(x)) break;
    case ATTN_ROW_LOG_SIGMOID: FEATURE_EACH(f_set1(-op->a) * f_softplus(-x)) break;
    case ATTN_ROW_LEAKY: FEATURE_EACH(x > zero ? x : f_set1(op->a) * x) break;
    case ATTN_ROW_EXP: FEATURE_EACH(f_exp(f_set1(op->a) * x - f_set1(op->b))) break;
    case ATTN_ROW_EXP_CHANNELS: FEATURE_EACH(f_exp(f_load(op->p + c) * x - f_load(op->q + c))) break;
    case ATTN_ROW_EXP_ROW: f_exp_row(op, in, out, out_stride, 0); break;
    case ATTN_ROW_SOFTMAX: f_exp_row(op, in, out, out_stride, 1); break;
    case ATTN_ROW_PAIRS:
    case ATTN_ROW_WAVE: f_pairs(op, in, out, out_stride, position); break;
    case ATTN_ROW_UNIT: f_unit(op, in, out, out_stride); break;
    case ATTN_ROW_LAYER_NORM: f_layer_norm(op, in, out, out_stride); break;
    case ATTN_ROW_FOCUS: f_focus(op, in, out, out_stride, scratch->factors); break;
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

/// Whether the two steps left are PAIRS and SOFTMAX of rows of whole vectors.
FEATURE_INLINE int f_is_softmax_pairs(const attn_row_op_t *ops) {
  return ops[0].kind == ATTN_ROW_PAIRS && ops[1].kind == ATTN_ROW_SOFTMAX
         && ops[0].width == FEATURE_HELD * FEATURE_LANES;
}

/// Whether a projection is among the steps.
FEATURE_INLINE int f_projects(const attn_row_op_t *ops, int32_t steps) {
  for (int32_t i = 0; i < steps; ++i) {
    if (ops[i].kind == ATTN_ROW_PROJECT) return 1;
  }
  return 0;
}

/// What the first step of the next block reads: inputs, and the table of a turn.
FEATURE_INLINE feature_fetch_t *f_fetched_rows(feature_fetch_t *fetch, const attn_row_op_t *ops,
                                               const feature_block_t *in, int64_t position) {
  const ptrdiff_t padded = attn_row_padded(ops[0].width);
  const int32_t rows = FEATURE_ROWS_AT_ONCE;
  fetch[0] = (feature_fetch_t){in->x + rows * in->stride, in->stride, ops[0].width, 0, rows};
  fetch[1] = (feature_fetch_t){NULL, 0, 0, 0, 0};
  if (ops[0].kind == ATTN_ROW_ROTATE) {
    const float *table = ops[0].p + (position + rows) * padded;
    fetch[1] = (feature_fetch_t){table, padded, ops[0].width, 0, rows};
  }
  return fetch;
}

static void f_apply(const attn_row_op_t *ops, int32_t steps, const float *x, ptrdiff_t x_stride,
                    int32_t rows, int64_t position, float *out, ptrdiff_t out_stride,
                    const attn_row_scratch_t *scratch) {
  f_turning_t turning = f_turning(ops, steps, position);
  if (turning.steps == steps) {
    feature_block_t in = {x, x_stride, rows, 1, NULL};
    f_turn_steps(&turning, &in, out, out_stride, position, scratch);
    return;
  }
  const int projects = f_projects(ops, steps);
  for (int32_t first = 0; first < rows; first += FEATURE_ROWS_AT_ONCE) {
    int32_t left = rows - first, count = left < FEATURE_ROWS_AT_ONCE ? left : FEATURE_ROWS_AT_ONCE;
    const float *input = x + first * x_stride;
    float *result = out ? out + first * out_stride : scratch->first;
    ptrdiff_t result_stride = out ? out_stride : scratch->stride;
    feature_fetch_t fetch[2];
    feature_block_t in = {input, x_stride, count, 1, NULL};
    if (projects) in.fetch = f_fetched_rows(fetch, ops, &in, position + first);
    attn_row_scratch_t part = *scratch;
    if (part.products) part.products += first;
    if (part.factors) part.factors += first;
    if (f_focus_steps(ops, steps, &in, result, result_stride, part.factors)) continue;
    for (int32_t i = 0; i < steps; ++i) {
      if (i == steps - 2 && f_is_softmax_pairs(ops + i)) {
        f_softmax_pairs(ops + i, &in, result, result_stride);
        break;
      }
      // A mark that ends the map leaves rows as they stand.
      int last = i == steps - 1 || (i == steps - 2 && ops[i + 1].kind == ATTN_ROW_MARK);
      float *to = last ? result : i % 2 == 0 ? scratch->first : scratch->second;
      ptrdiff_t stride = last ? result_stride : scratch->stride;
      f_step(ops + i, &in, to, stride, position + first, input, x_stride, &part);
      in = (feature_block_t){to, stride, count, 0, in.fetch};
    }
    f_clear_rest(result, result_stride, count, ops[steps - 1].width_out);
  }
}

#endif
