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

/// Points a cursor at the keys `start ..< start + tokens` of the call; their features go to buffer
/// `parity`.
SCAN_INLINE void scan_cursor_keys(scan_cursor_t *c, const scan_call_t *call, int32_t start,
                                  int32_t tokens, int32_t block, int parity) {
  const attn_scan_rows_t *rows = call->rows;
  c->rows_left = tokens;
  if (tokens <= 0) return;
  c->k = rows->k + (call->first + start) * rows->k_stride;
  c->k_stride = rows->k_stride;
  c->k_ahead = block * rows->k_stride * (ptrdiff_t)sizeof(float);
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
  if (tokens <= 0) return;
  c->q = rows->q + (call->first + start) * rows->q_stride;
  c->q_stride = rows->q_stride;
  c->q_ahead = block * rows->q_stride * (ptrdiff_t)sizeof(float);
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

/// Multiplies S and z by a factor.
static inline void scan_scale_state(const attn_scan_plan_t *plan, float *state, float factor) {
  size_t size = attn_scan_running_offset(plan);
  for (size_t i = 0; i < size; ++i) state[i] *= factor;
}

/// z = factor * z + z of the block just mapped, which is cleared.
static inline void scan_add_normaliser(const scan_call_t *call, float factor) {
  float *z = scan_normaliser(call->plan, call->state), *block = call->scratch.normaliser;
  for (int32_t r = 0; r < call->plan->feature_dim; ++r) {
    z[r] = z[r] * factor + block[r];
    block[r] = 0;
  }
}

/// Adds the value rows of a block to the column sums that `finish` needs.
static inline void scan_sum_values(const scan_call_t *call, const float *v, ptrdiff_t v_stride,
                                   int32_t tokens) {
  float *sums = call->state + attn_scan_running_offset(call->plan) + 16;
  int32_t vectors = scan_ceil(call->plan->value_dim, SCAN_LANES), c = 0;
  // Columns side by side, so that sums do not wait for each other.
  for (; vectors - c >= 4; c += 4) {
    vec sum[4] = {vec_zero(), vec_zero(), vec_zero(), vec_zero()};
    for (int32_t t = 0; t < tokens; ++t) {
      const float *row = v + t * v_stride + c * SCAN_LANES;
      SCAN_UNROLL_ALL
      for (int j = 0; j < 4; ++j) sum[j] = vec_add(sum[j], vec_load(row + j * SCAN_LANES));
    }
    SCAN_UNROLL_ALL
    for (int j = 0; j < 4; ++j) {
      float *at = sums + (c + j) * SCAN_LANES;
      vec_store(at, vec_add(vec_load(at), sum[j]));
    }
  }
  for (; c < vectors; ++c) {
    vec sum = vec_zero();
    for (int32_t t = 0; t < tokens; ++t) {
      sum = vec_add(sum, vec_load(v + t * v_stride + c * SCAN_LANES));
    }
    vec_store(sums + c * SCAN_LANES, vec_add(vec_load(sums + c * SCAN_LANES), sum));
  }
}

SCAN_INLINE void scan_accumulate_blocks(const scan_call_t *call, scan_map_t map, int flags) {
  const scan_scratch_t *scratch = &call->scratch;
  int32_t count = call->count, vectors = scan_ceil(call->plan->value_dim, SCAN_LANES);
  int running = scan_runs(call);
  float *maximum = call->state + attn_scan_running_offset(call->plan), reached = *maximum;
  scan_work_t w = scan_work(call);
  w.next.z = scratch->normaliser;
  int32_t tokens = scan_min(count, SCAN_BLOCK);
  scan_cursor_keys(&w.next, call, 0, tokens, SCAN_BLOCK, 0);
  if (flags & SCAN_DECAY) w.next.k_factor += SCAN_BLOCK - tokens;
  // Ready keys have to be summed only, which may happen beside their own products.
  int ahead = map != SCAN_MAP_READY || (flags & SCAN_DECAY);
  if (ahead) scan_drain(&w.next, map, flags);
  for (int32_t start = 0, parity = 0; start < count; start += SCAN_BLOCK, parity ^= 1) {
    tokens = scan_min(count - start, SCAN_BLOCK);
    if (running && *maximum > reached) {
      scan_scale_state(call->plan, call->state, __builtin_exp2f(reached - *maximum));
      reached = *maximum;
    }
    float factor = (flags & SCAN_DECAY) ? scratch->key_factor[SCAN_BLOCK - tokens] : 1;
    if (ahead) scan_add_normaliser(call, factor);
    ptrdiff_t v_stride;
    const float *v = scan_values(call, start, tokens, &v_stride);
    if (running || call->plan->sums_values) scan_sum_values(call, v, v_stride, tokens);
    const float *k = scan_block_keys(call, start, parity, map, flags);
    int32_t left = scan_min(count - start - tokens, SCAN_BLOCK);
    if (ahead) {
      scan_cursor_keys(&w.next, call, start + tokens, left, SCAN_BLOCK, parity ^ 1);
    } else {
      scan_cursor_keys(&w.next, call, start, tokens, SCAN_BLOCK, parity);
      w.next.k_features += SCAN_BLOCK * w.next.feature_stride;
    }
    if (flags & SCAN_DECAY) w.next.k_factor += SCAN_BLOCK - left;
    for (int32_t j = 0, width; j < vectors; j += width) {
      width = scan_panel_width(vectors, j, SCAN_PANEL);
#define SCAN_PANEL_OF(constant)                                                                   \
  scan_update_panel(&w, call->state + j * SCAN_LANES, k, v + j * SCAN_LANES, v_stride, tokens,    \
                    factor, map, flags, constant)
      SCAN_FOR_WIDTH(width, SCAN_PANEL_OF)
#undef SCAN_PANEL_OF
    }
    scan_drain(&w.next, map, flags);
    if (!ahead) scan_add_normaliser(call, factor);
  }
}

/// What output rows are multiplied by: `factor` has products with z on entry if they are normalised.
SCAN_INLINE void scan_output_factors(const scan_call_t *call, int32_t start, int32_t tokens,
                                     float *factor, int flags) {
  const float eps = call->plan->denominator_eps, scale = call->plan->output_scale;
  if (!call->scale) {
    for (int32_t t = 0; t < SCAN_BLOCK; ++t) {
      factor[t] = (flags & SCAN_NORM) ? 1 / (factor[t] + eps) : scale;
    }
    return;
  }
  const float *rows = call->scale->factor, constant = call->scale->constant;
  float scales[SCAN_BLOCK];
  for (int32_t t = 0; t < SCAN_BLOCK; ++t) scales[t] = constant;
  for (int32_t t = 0; t < tokens && rows; ++t) scales[t] *= rows[call->first + start + t];
  for (int32_t t = 0; t < SCAN_BLOCK; ++t) {
    factor[t] = (flags & SCAN_NORM) ? scales[t] / (scales[t] * factor[t] + eps) : scales[t] * scale;
  }
}

SCAN_INLINE void scan_output_blocks(const scan_call_t *call, scan_map_t map, int flags) {
  const attn_scan_plan_t *plan = call->plan;
  const scan_scratch_t *scratch = &call->scratch;
  int32_t count = call->count, vectors = scan_ceil(plan->value_dim, SCAN_LANES);
  int ragged = plan->value_dim % SCAN_LANES != 0;
  float *factor = scratch->row_factor;
  scan_work_t w = scan_work(call);
  scan_cursor_queries(&w.next, call, 0, scan_min(count, SCAN_BLOCK), SCAN_BLOCK, 0);
  scan_drain(&w.next, map, flags);
  for (int32_t start = 0, parity = 0; start < count; start += SCAN_BLOCK, parity ^= 1) {
    int32_t tokens = scan_min(count - start, SCAN_BLOCK);
    if (flags & SCAN_NORM) vec_sum_rows(scratch->sums, tokens, factor);
    scan_output_factors(call, start, tokens, factor, flags);
    float *target = call->rows->o + (call->first + start) * call->rows->o_stride;
    float *o = ragged ? scratch->output : target;
    ptrdiff_t o_stride = ragged ? w.state_stride : call->rows->o_stride;
    const float *q = scan_block_queries(call, start, parity, map);
    scan_cursor_queries(&w.next, call, start + tokens, scan_min(count - start - tokens, SCAN_BLOCK),
                        SCAN_BLOCK, parity ^ 1);
    for (int32_t j = 0, width; j < vectors; j += width) {
      width = scan_panel_width(vectors, j, SCAN_PANEL);
#define SCAN_PANEL_OF(constant)                                                                   \
  scan_output_panel(&w, o + j * SCAN_LANES, o_stride, q, call->state + j * SCAN_LANES, factor,    \
                    tokens, map, flags, constant)
      SCAN_FOR_WIDTH(width, SCAN_PANEL_OF)
#undef SCAN_PANEL_OF
    }
    if (ragged) {
      scan_copy_rows(target, call->rows->o_stride, o, o_stride, tokens, plan->value_dim);
    }
    scan_drain(&w.next, map, flags);
  }
}

#endif
