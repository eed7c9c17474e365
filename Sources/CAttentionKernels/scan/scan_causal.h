// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_CAUSAL_H
#define ATTN_SCAN_CAUSAL_H

#include "scan_owed.h"

/// One block of tokens of a causal pass, in whole vectors.
typedef struct {
  const float *k, *q;  // features, [tokens][feature stride]
  const float *v;
  ptrdiff_t v_stride;
  float *partial;      // [tokens][state stride]: sums over the first tiles
  float *o;            // rows of the result
  ptrdiff_t o_stride;
  const float *row_factor;  // of each row of the result
  int32_t tokens;
  float factor;        // of S at the end of the block
} scan_block_t;

/// S += k v^T, o = (o_in + q S) * row_factor (if there is one) for one token.
///
/// Row i enters the sums one step after its update, so that neither chain of multiply-adds waits
/// for the other.
SCAN_INLINE void scan_recurrent_token(scan_tile_t *tile, const float *k, const float *q,
                                      const float *v, const float *o_in, float *o,
                                      const float *row_factor, int rows, int vectors) {
  vec row[SCAN_PANEL], sum[SCAN_PANEL];
  SCAN_UNROLL_ALL
  for (int j = 0; j < vectors; ++j) {
    row[j] = vec_load(v + j * SCAN_LANES);
    sum[j] = vec_load(o_in + j * SCAN_LANES);
  }
  SCAN_UNROLL_ALL
  for (int i = 0; i <= rows; ++i) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      if (i < rows) tile->at[i][j] = vec_fma(vec_set1(k[i]), row[j], tile->at[i][j]);
    }
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      if (i > 0) sum[j] = vec_fma(vec_set1(q[i - 1]), tile->at[i - 1][j], sum[j]);
    }
  }
  SCAN_UNROLL_ALL
  for (int j = 0; j < vectors; ++j) {
    if (row_factor) sum[j] = vec_mul(sum[j], vec_set1(*row_factor));
    vec_store(o + j * SCAN_LANES, sum[j]);
  }
  SCAN_KEEP_ORDER;
}

/// Maps the next vector of keys, or, on the other call, of queries.
SCAN_INLINE void scan_interleave_half(scan_cursor_t *next, scan_map_t map, int flags, int keys) {
  if (!scan_hides(map)) return;
  if (next->rows_left == 0) return;
  if (keys) {
    scan_step_keys(next, map, flags);
  } else {
    scan_step_queries(next, map, flags);
    scan_advance(next, map, flags);
  }
}

/// Streams a block of tokens through `rows` rows of S held in registers, from row `r` and value
/// column `column` on. Exactly the useful multiply-adds are executed: no triangle, no mask.
SCAN_INLINE void scan_recurrent_tile(scan_work_t *w, float *s, const scan_block_t *block,
                                     int32_t r, int32_t column, scan_map_t map, int flags,
                                     int rows, int vectors) {
  static const _Alignas(64) float zeros[SCAN_PANEL * SCAN_LANES] = {0};
  const float *k = block->k + r, *q = block->q + r, *v = block->v + column;
  int first = r == 0, last = r + rows >= w->features;
  const float *o_in = first ? zeros : block->partial + column;
  ptrdiff_t o_in_stride = first ? 0 : w->state_stride;
  float *o = (last ? block->o : block->partial) + column;
  ptrdiff_t o_stride = last ? block->o_stride : w->state_stride;
  scan_tile_t tile;
  s += r * w->state_stride + column;
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      tile.at[i][j] = vec_load(s + i * w->state_stride + j * SCAN_LANES);
    }
  }
  // Keys and queries of the next block are mapped in turn, so that exponentials do not come in
  // clusters.
  for (int32_t t = 0; t < block->tokens; ++t) {
    scan_recurrent_token(&tile, k, q, v, o_in, o, last ? block->row_factor + t : NULL, rows,
                         vectors);
    k += w->feature_stride;
    q += w->feature_stride;
    v += block->v_stride;
    o_in += o_in_stride;
    o += o_stride;
    if (t % 2 == 0 || t - t % SCAN_UNROLL + SCAN_UNROLL > block->tokens) continue;
    scan_tile_pin(&tile, rows, vectors);
    scan_interleave_half(&w->next, map, flags, t % SCAN_UNROLL < SCAN_UNROLL / 2);
  }
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      if (flags & SCAN_DECAY) tile.at[i][j] = vec_mul(tile.at[i][j], vec_set1(block->factor));
      vec_store(s + i * w->state_stride + j * SCAN_LANES, tile.at[i][j]);
    }
  }
}

SCAN_INLINE void scan_recurrent_panel(scan_work_t *work, float *s, const scan_block_t *block,
                                      int32_t column, scan_map_t map, int flags, int vectors) {
  int rows = scan_tile_rows(vectors);
  scan_work_t w = *work;
  for (int32_t r = 0; r < w.features; r += rows) {
    scan_recurrent_tile(&w, s, block, r, column, map, flags, rows, vectors);
  }
  work->next = w.next;
}

/// Tokens per causal block: bounded so that the inverse powers of the decay stay below 2^40.
static inline int32_t scan_causal_block(const attn_scan_plan_t *plan) {
  int32_t block = plan->chunk_length > 0 ? scan_min(plan->chunk_length, SCAN_BLOCK)
                                         : SCAN_CAUSAL_BLOCK;
  if (plan->decay == 1) return block;
  double smallest = 1;
  int32_t allowed = 1;
  while (allowed < block && (smallest *= plan->decay) > 0x1p-40) allowed += 1;
  return allowed;
}

/// Points a cursor at keys and queries of a causal block.
SCAN_INLINE void scan_cursor_both(scan_cursor_t *c, const scan_call_t *call, int32_t start,
                                  int32_t block, int parity) {
  int32_t tokens = scan_min(call->count - start, block);
  scan_cursor_queries(c, call, start, tokens, block, parity);
  scan_cursor_keys(c, call, start, tokens, block, parity);
}

/// Ends the mapping of a block: factors of its output rows, decay of z.
static inline void scan_causal_factors(const scan_call_t *call, const float *decay, int32_t tokens,
                                       float *factor, int flags) {
  const attn_scan_plan_t *plan = call->plan;
  if (flags & SCAN_OWES) {
    for (int32_t t = 0; t < tokens; ++t) factor[t] = 1;
  } else if (flags & SCAN_NORM) {
    vec_sum_rows(call->scratch.sums, tokens, factor);
    for (int32_t t = 0; t < tokens; ++t) {
      factor[t] = decay[t] / (decay[t] * factor[t] + plan->denominator_eps);
    }
  } else {
    for (int32_t t = 0; t < tokens; ++t) factor[t] = decay[t] * plan->output_scale;
  }
  if ((flags & SCAN_NORM) && (flags & SCAN_DECAY)) {
    float *z = scan_normaliser(plan, call->state);
    for (int32_t r = 0; r < plan->feature_dim; ++r) z[r] *= decay[tokens];
  }
}

SCAN_INLINE void scan_causal_blocks(const scan_call_t *call, scan_map_t map, int flags) {
  const attn_scan_plan_t *plan = call->plan;
  const scan_scratch_t *scratch = &call->scratch;
  int32_t vectors = scan_ceil(plan->value_dim, SCAN_LANES), length = scan_causal_block(plan);
  // Ready rows take blocks of any length: even ones leave no short one at the end.
  if (map == SCAN_MAP_READY && !(flags & SCAN_DECAY) && call->count > 0) {
    length = scan_ceil(call->count, scan_ceil(call->count, length));
  }
  int32_t limit = plan->panel_vectors > 0 ? scan_min(plan->panel_vectors, SCAN_PANEL)
                                          : SCAN_RECURRENT_PANEL;
  int ragged = plan->value_dim % SCAN_LANES != 0;
  // Inside a block S is kept divided by decay^t: keys enter with decay^-t, outputs leave with
  // decay^t, and the products need no decay.
  float decay[SCAN_BLOCK + 1];
  double power = 1;
  for (int32_t t = 0; t <= length; ++t, power *= plan->decay) {
    decay[t] = (float)power;
    if ((flags & SCAN_DECAY) && t < length) scratch->key_factor[t] = (float)(1 / power);
  }
  scan_work_t w = scan_work(call);
  scan_running_t running = {call->state[attn_scan_running_offset(plan)], 1};
  scan_cursor_both(&w.next, call, 0, length, 0);
  if (flags & SCAN_OWES) scan_follow_normaliser(call, &running);
  scan_drain(&w.next, map, flags);
  for (int32_t start = 0, parity = 0; start < call->count; start += length, parity ^= 1) {
    int32_t tokens = scan_min(call->count - start, length);
    float *factor = scratch->row_factor;
    if (flags & SCAN_OWES) {
      scan_follow_state(call, &running);
      scan_owe(call, start, tokens, running.maximum);
    }
    scan_causal_factors(call, decay, tokens, factor, flags);
    float *target = call->rows->o + (call->first + start) * call->rows->o_stride;
    scan_block_t block = {scan_block_keys(call, start, parity, map, flags),
                          scan_block_queries(call, start, parity, map), NULL, 0,
                          scratch->output, ragged ? scratch->output : target,
                          ragged ? w.state_stride : call->rows->o_stride, factor, tokens,
                          decay[tokens]};
    block.v = scan_values(call, start, tokens, &block.v_stride);
    scan_cursor_both(&w.next, call, start + tokens, length, parity ^ 1);
    if (flags & SCAN_OWES) scan_follow_normaliser(call, &running);
    for (int32_t j = 0, width; j < vectors; j += width) {
      width = scan_panel_width(vectors, j, limit);
#define SCAN_PANEL_OF(constant) \
  scan_recurrent_panel(&w, call->state, &block, j * SCAN_LANES, map, flags, constant)
      SCAN_FOR_WIDTH(width, SCAN_PANEL_OF)
#undef SCAN_PANEL_OF
    }
    if (ragged) {
      scan_copy_rows(target, call->rows->o_stride, scratch->output, w.state_stride, tokens,
                     plan->value_dim);
    }
    scan_drain(&w.next, map, flags);
  }
}

#endif
