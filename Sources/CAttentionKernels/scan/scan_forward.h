// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_FORWARD_H
#define ATTN_SCAN_FORWARD_H

#include "scan_project.h"

/// Calls `panel(vectors)` with the number of vectors of a panel as a constant.
#define SCAN_FOR_WIDTH(vectors, panel)                             \
  switch (vectors) {                                               \
    case 1: panel(1); break;                                       \
    case 2: panel(2); break;                                       \
    case 3: panel(3); break;                                       \
    default: panel(SCAN_PANEL); break;                             \
  }

/// A call and where it stands.
typedef struct {
  const attn_scan_plan_t *plan;
  const attn_scan_rows_t *rows;
  int32_t first, count;
  float *state;
  scan_scratch_t scratch;
  const attn_scan_step_t *scale;  // what queries are scaled by, left to their outputs, or NULL
} scan_call_t;

static inline scan_call_t scan_call(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                                    int32_t first, int32_t count, const float *state,
                                    void *memory) {
  scan_call_t call = {plan, rows, first, count, (float *)(uintptr_t)state, {0}, NULL};
  scan_scratch_layout(plan, memory, &call.scratch);
  return call;
}

/// Whether keys are mapped relative to the largest so far.
static inline int scan_runs(const scan_call_t *call) {
  return call->plan->map == ATTN_SCAN_EXP && call->rows->key_maximum == -__builtin_inff();
}

/// A cursor without rows yet.
static inline scan_cursor_t scan_cursor(const scan_call_t *call) {
  const attn_scan_plan_t *plan = call->plan;
  scan_cursor_t c = {0};
  int identity = plan->map == ATTN_SCAN_IDENTITY;
  c.feature_stride = scan_feature_stride(plan);
  c.sums = call->scratch.sums;
  c.masses = call->scratch.masses;
  c.sum = c.mass = vec_zero();
  c.floor = identity ? -__builtin_inff() : 0;
  c.q_eps = identity ? 0 : plan->feature_eps;
  // What it adds is relative to the largest of all keys: it comes when that is known.
  c.k_eps = scan_runs(call) ? 0 : c.q_eps;
  c.features = plan->feature_dim;
  c.fetched = plan->input_dim > plan->value_dim ? plan->input_dim : plan->value_dim;
  return c;
}

/// Bytes from a row to the input that is fetched beside it.
static inline ptrdiff_t scan_next_ahead(const scan_call_t *call, const float *next,
                                        const float *row, int32_t start) {
  next += (call->first + start) * call->rows->next_stride;
  return (ptrdiff_t)((uintptr_t)next - (uintptr_t)row);
}

/// Growth of this distance from row to row.
static inline ptrdiff_t scan_next_drift(const scan_call_t *call, ptrdiff_t stride) {
  return (call->rows->next_stride - stride) * (ptrdiff_t)sizeof(float);
}

/// Rows of values and outputs fetched ahead beyond the block that is mapped: ready rows come in calls
/// that follow each other.
static inline ptrdiff_t scan_call_ahead(const scan_call_t *call) {
  return call->plan->map == ATTN_SCAN_READY ? call->count : 0;
}

/// The row of a step's table for a token.
static inline const float *scan_table(const attn_scan_step_t *step, int32_t token) {
  return step->table ? step->table + token * step->table_stride : NULL;
}

/// Rows from the one that is mapped to the one that is fetched beside it.
static inline int32_t scan_rows_ahead(const attn_scan_plan_t *plan, int32_t block) {
  return plan->map == ATTN_SCAN_STEP ? SCAN_NEAR : block;
}

/// Has a cursor fetch the first block of the rows after a call: inputs `x`, of a table of a step, and of
/// values and outputs; NULL where there are none.
static inline void scan_cursor_later(scan_cursor_t *c, const scan_call_t *call, const float *x,
                                     ptrdiff_t stride, const attn_scan_step_t *step,
                                     const float *values, const float *outputs) {
  const attn_scan_rows_t *rows = call->rows;
  const int32_t next = call->first + call->count;
  const float *table = scan_table(step, next);
  const float *from[SCAN_LATER] = {x ? x + next * stride : NULL, table,
                                   values ? values + next * rows->v_stride : NULL,
                                   outputs ? outputs + next * rows->o_stride : NULL};
  const ptrdiff_t strides[SCAN_LATER] = {stride, step->table_stride, rows->v_stride, rows->o_stride};
  c->later_rows = SCAN_BLOCK;
  c->column = 0;
  for (int i = 0; i < SCAN_LATER; ++i) {
    // Instead of nothing, a row that is in the caches anyway.
    c->later[i] = (const char *)(from[i] ? from[i] : call->state);
    c->later_stride[i] = from[i] ? strides[i] * (ptrdiff_t)sizeof(float) : 0;
  }
}

/// Points a cursor at the keys `start ..< start + tokens` of the call; their features go to buffer
/// `parity`.
SCAN_INLINE void scan_cursor_keys(scan_cursor_t *c, const scan_call_t *call, int32_t start,
                                  int32_t tokens, int32_t block, int parity) {
  const attn_scan_rows_t *rows = call->rows;
  c->rows_left = tokens;
  if (tokens <= 0) {
    scan_cursor_later(c, call, rows->k_next ? NULL : rows->k, rows->k_stride, &rows->k_step,
                      rows->v, NULL);
    return;
  }
  c->k = rows->k + (call->first + start) * rows->k_stride;
  c->k_stride = rows->k_stride;
  c->k_ahead = scan_rows_ahead(call->plan, block) * rows->k_stride * (ptrdiff_t)sizeof(float);
  if (call->plan->projection) {
    scan_raw_keys(call->plan, c->k, c->k_stride, tokens, rows->key_maximum,
                  call->state + attn_scan_running_offset(call->plan), &call->scratch);
    const float *later = c->k + block * c->k_stride;
    c->k = call->scratch.raw_keys;
    c->k_ahead = (ptrdiff_t)((uintptr_t)later - (uintptr_t)c->k);
    c->k_drift = (c->k_stride - c->feature_stride) * (ptrdiff_t)sizeof(float);
    c->k_stride = c->feature_stride;
    c->k_shift = call->scratch.key_shift;
  }
  if (rows->k_next) {
    c->k_ahead = scan_next_ahead(call, rows->k_next, c->k, start);
    c->k_drift = scan_next_drift(call, c->k_stride);
  }
  if (call->plan->map == ATTN_SCAN_STEP) {
    const float *factor = rows->k_step.factor;
    c->k_step = &rows->k_step;
    c->k_shift = factor ? factor + call->first + start : NULL;
    c->k_table = scan_table(&rows->k_step, call->first + start);
  }
  c->k_features = call->scratch.keys[parity];
  if (call->plan->map == ATTN_SCAN_READY && call->plan->decay == 1) {
    c->k_features = (float *)(uintptr_t)c->k;
  }
  c->k_factor = call->scratch.key_factor;
  c->v_fetched = (const char *)(rows->v + (call->first + start) * rows->v_stride);
  c->v_stride = rows->v_stride * (ptrdiff_t)sizeof(float);
  c->v_fetched += scan_call_ahead(call) * c->v_stride;
}

/// Points a cursor at queries in the same way.
SCAN_INLINE void scan_cursor_queries(scan_cursor_t *c, const scan_call_t *call, int32_t start,
                                     int32_t tokens, int32_t block, int parity) {
  const attn_scan_rows_t *rows = call->rows;
  c->rows_left = tokens;
  if (tokens <= 0) {
    scan_cursor_later(c, call, rows->q_next ? NULL : rows->q, rows->q_stride, &rows->q_step,
                      rows->v_next, rows->o);
    return;
  }
  c->q = rows->q + (call->first + start) * rows->q_stride;
  c->q_stride = rows->q_stride;
  c->q_ahead = scan_rows_ahead(call->plan, block) * rows->q_stride * (ptrdiff_t)sizeof(float);
  if (call->plan->projection) {
    scan_raw_queries(call->plan, c->q, c->q_stride, tokens, &call->scratch);
    const float *later = c->q + block * c->q_stride;
    c->q = call->scratch.raw_queries;
    c->q_ahead = (ptrdiff_t)((uintptr_t)later - (uintptr_t)c->q);
    c->q_drift = (c->q_stride - c->feature_stride) * (ptrdiff_t)sizeof(float);
    c->q_stride = c->feature_stride;
    c->q_shift = call->scratch.query_shift;
  }
  if (rows->q_next) {
    c->q_ahead = scan_next_ahead(call, rows->q_next, c->q, start);
    c->q_drift = scan_next_drift(call, c->q_stride);
  }
  if (call->plan->map == ATTN_SCAN_STEP) {
    const float *factor = rows->q_step.factor;
    c->q_step = &rows->q_step;
    c->q_shift = factor ? factor + call->first + start : NULL;
    c->q_table = scan_table(&rows->q_step, call->first + start);
  }
  c->q_features = call->scratch.queries[parity];
  if (call->plan->map == ATTN_SCAN_READY) c->q_features = (float *)(uintptr_t)c->q;
  c->z = scan_normaliser(call->plan, call->state);
  c->sums = call->scratch.sums;
  c->masses = call->scratch.masses;
  c->o_fetched = (char *)(rows->o + (call->first + start) * rows->o_stride);
  c->o_stride = rows->o_stride * (ptrdiff_t)sizeof(float);
  c->o_fetched += scan_call_ahead(call) * c->o_stride;
  // Where nothing follows, a row that is in the caches anyway.
  const float *values = rows->v_next ? rows->v_next + (call->first + start) * rows->v_stride : c->q;
  c->v_fetched = (const char *)values;
  c->v_stride = (rows->v_next ? rows->v_stride : c->q_stride) * (ptrdiff_t)sizeof(float);
}

/// Features of the keys from `start` on: mapped into buffer `parity`, or where they stand.
SCAN_INLINE const float *scan_block_keys(const scan_call_t *call, int32_t start, int parity,
                                         scan_map_t map, int flags) {
  if (map != SCAN_MAP_READY || (flags & SCAN_DECAY)) return call->scratch.keys[parity];
  return call->rows->k + (call->first + start) * call->rows->k_stride;
}

/// Features of queries in the same way.
SCAN_INLINE const float *scan_block_queries(const scan_call_t *call, int32_t start, int parity,
                                            scan_map_t map) {
  if (map != SCAN_MAP_READY) return call->scratch.queries[parity];
  return call->rows->q + (call->first + start) * call->rows->q_stride;
}

static inline scan_work_t scan_work(const scan_call_t *call) {
  return (scan_work_t){scan_feature_stride(call->plan), attn_scan_stride(call->plan->value_dim),
                       call->plan->feature_dim, scan_cursor(call)};
}

/// The value rows from `start` on, in whole vectors: as they are, or copied and padded.
static inline const float *scan_values(const scan_call_t *call, int32_t start, int32_t tokens,
                                       ptrdiff_t *stride) {
  const attn_scan_rows_t *rows = call->rows;
  int32_t dim = call->plan->value_dim;
  const float *v = rows->v + (call->first + start) * rows->v_stride;
  *stride = rows->v_stride;
  if (dim % SCAN_LANES == 0) return v;
  *stride = attn_scan_stride(dim);
  scan_copy_padded(call->scratch.values, *stride, v, rows->v_stride, tokens, dim);
  return call->scratch.values;
}

#endif
