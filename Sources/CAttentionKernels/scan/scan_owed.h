// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_OWED_H
#define ATTN_SCAN_OWED_H

#include "scan_forward.h"

// A causal pass whose largest key is known at its end only. States are kept relative to the largest so
// far, and what `feature_eps` adds to the features of keys, which is relative to the largest of all,
// is owed to every output: its factor, the sum of the query's features and the values up to its token
// are all that it takes.

/// The maximum that features of the block at hand are relative to, and what S is to be multiplied by
/// when its products come to an end.
typedef struct {
  float maximum, factor;
} scan_running_t;

/// Follows the maximum of the block that is mapped next: z is ahead of S by that block.
static inline void scan_follow_normaliser(const scan_call_t *call, scan_running_t *running) {
  float reached = call->state[attn_scan_running_offset(call->plan)];
  running->factor = 1;
  if (reached <= running->maximum) return;
  running->factor = __builtin_exp2f(running->maximum - reached);
  running->maximum = reached;
  float *z = scan_normaliser(call->plan, call->state);
  for (int32_t r = 0; r < call->plan->feature_dim; ++r) z[r] *= running->factor;
}

/// The same for S, once the block before has been added.
static inline void scan_follow_state(const scan_call_t *call, const scan_running_t *running) {
  if (running->factor == 1) return;
  size_t size = attn_scan_normaliser_offset(call->plan);
  for (size_t i = 0; i < size; ++i) call->state[i] *= running->factor;
}

/// Notes what a block of outputs is to be divided by and what it is owed.
static inline void scan_owe(const scan_call_t *call, int32_t start, int32_t tokens, float maximum) {
  float sums[SCAN_BLOCK], masses[SCAN_BLOCK];
  float *owed = call->rows->owed + (call->first + start) * (ptrdiff_t)ATTN_SCAN_OWED;
  vec_sum_rows(call->scratch.sums, tokens, sums);
  vec_sum_rows(call->scratch.masses, tokens, masses);
  for (int32_t t = 0; t < tokens; ++t, owed += ATTN_SCAN_OWED) {
    owed[0] = sums[t];
    owed[1] = masses[t];
    owed[2] = maximum;
  }
}

/// `count` vectors of the columns of a block of outputs: `o * own + values so far * eps`, row by row.
SCAN_INLINE void scan_settle_panel(const attn_scan_rows_t *rows, int32_t first, int32_t tokens,
                                   const float *own, const float *eps, float *sums, int32_t column,
                                   int32_t left, int count) {
  vec seen[SCAN_PANEL];
  SCAN_UNROLL_ALL
  for (int j = 0; j < count; ++j) seen[j] = vec_load(sums + column + j * SCAN_LANES);
  for (int32_t t = 0; t < tokens; ++t) {
    const float *v = rows->v + (first + t) * rows->v_stride + column;
    float *o = rows->o + (first + t) * rows->o_stride + column;
    SCAN_UNROLL_ALL
    for (int j = 0; j < count; ++j) {
      int32_t at = j * SCAN_LANES;
      seen[j] = vec_add(seen[j], vec_load_first(v + at, left - at));
      vec sum = vec_mul(vec_load_first(o + at, left - at), vec_set1(own[t]));
      vec_store_first(o + at, left - at, vec_fma(seen[j], vec_set1(eps[t]), sum));
    }
  }
  SCAN_UNROLL_ALL
  for (int j = 0; j < count; ++j) vec_store(sums + column + j * SCAN_LANES, seen[j]);
}

static inline void scan_settle(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                               int32_t first, int32_t count, int32_t seen, float *state) {
  float *sums = state + attn_scan_running_offset(plan) + 16;
  int32_t width = plan->value_dim, vectors = scan_ceil(width, SCAN_LANES);
  float maximum = rows->key_maximum, scale = 1;
  for (int32_t start = 0; start < count; start += SCAN_BLOCK) {
    int32_t tokens = scan_min(count - start, SCAN_BLOCK);
    const float *owed = rows->owed + (first + start) * (ptrdiff_t)ATTN_SCAN_OWED;
    float own[SCAN_BLOCK], eps[SCAN_BLOCK];
    for (int32_t t = 0; t < tokens; ++t, owed += ATTN_SCAN_OWED) {
      if (owed[2] != maximum) scale = __builtin_exp2f((maximum = owed[2]) - rows->key_maximum);
      float added = plan->feature_eps * owed[1];
      float divisor = scale * owed[0] + added * (float)(seen + start + t + 1);
      float inverse = 1 / (divisor + plan->denominator_eps);
      own[t] = scale * inverse;
      eps[t] = added * inverse;
    }
    for (int32_t j = 0, part; j < vectors; j += part) {
      part = scan_panel_width(vectors, j, SCAN_PANEL);
      int32_t column = j * SCAN_LANES;
#define SCAN_PANEL_OF(constant)                                                               \
  scan_settle_panel(rows, first + start, tokens, own, eps, sums, column, width - column, constant)
      SCAN_FOR_WIDTH(part, SCAN_PANEL_OF)
#undef SCAN_PANEL_OF
    }
  }
}

#endif
