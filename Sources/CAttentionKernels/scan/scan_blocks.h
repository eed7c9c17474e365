// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_BLOCKS_H
#define ATTN_SCAN_BLOCKS_H

#include "scan_forward.h"

// Passes of one side: keys into a state, queries out of a finished one.

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

/// Multiplies `scales` of a block by the allocation of its rows, sigmoids of what flows into them.
SCAN_INLINE void scan_allocate(const scan_call_t *call, const float *scales, float *factor) {
  const float *z = scan_normaliser(call->plan, call->state);
  vec sum = vec_zero();
  // It is zero beyond the features.
  for (int32_t r = 0; r < call->plan->feature_dim; r += SCAN_LANES) sum = vec_add(sum, vec_load(z + r));
  const vec rest = vec_set1(vec_sum(sum) * call->plan->denominator_eps);
  for (int32_t t = 0; t < SCAN_BLOCK; t += SCAN_LANES) {
    vec share = scan_sigmoid(vec_add(vec_load(factor + t), rest));
    vec_store(factor + t, vec_mul(vec_load(scales + t), share));
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
  if ((flags & SCAN_NORM) && call->plan->allocates) {
    scan_allocate(call, scales, factor);
    return;
  }
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
