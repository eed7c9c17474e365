// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_MUTUAL_H
#define ATTN_SCAN_MUTUAL_H

#include "scan_blocks.h"

// A causal pass over blocks of tokens that see each other.

/// Points a cursor at keys or queries that stand `start` tokens into the call, up to `end`.
SCAN_INLINE void scan_cursor_piece(scan_cursor_t *c, const scan_call_t *call, int32_t start,
                                   int32_t end, int parity, int flags) {
  int32_t tokens = scan_min(end - start, SCAN_BLOCK);
  if (flags & SCAN_KEYS) {
    scan_cursor_keys(c, call, start, tokens, SCAN_BLOCK, parity);
    c->z = call->scratch.normaliser;
  } else {
    scan_cursor_queries(c, call, start, tokens, SCAN_BLOCK, parity);
  }
}

/// Adds keys to the state and maps what comes next: `flags` says of which kind it is.
SCAN_INLINE void scan_add_piece(const scan_call_t *call, scan_work_t *w, int32_t start,
                                int32_t tokens, int parity, int flags) {
  int32_t vectors = scan_ceil(call->plan->value_dim, SCAN_LANES);
  ptrdiff_t v_stride;
  const float *k = call->scratch.keys[parity], *v = scan_values(call, start, tokens, &v_stride);
  for (int32_t j = 0, width; j < vectors; j += width) {
    width = scan_panel_width(vectors, j, SCAN_PANEL);
#define SCAN_PANEL_OF(constant)                                                                   \
  scan_update_panel(w, call->state + j * SCAN_LANES, k, v + j * SCAN_LANES, v_stride, tokens, 1,  \
                    SCAN_MAP_STEP, flags, constant)
    SCAN_FOR_WIDTH(width, SCAN_PANEL_OF)
#undef SCAN_PANEL_OF
  }
  scan_drain(&w->next, SCAN_MAP_STEP, flags);
}

/// Reads the state for queries, in the same way.
SCAN_INLINE void scan_read_piece(const scan_call_t *call, scan_work_t *w, int32_t start,
                                 int32_t tokens, int parity, const float *factor, int flags) {
  int32_t dim = call->plan->value_dim, vectors = scan_ceil(dim, SCAN_LANES);
  float *target = call->rows->o + (call->first + start) * call->rows->o_stride;
  int ragged = dim % SCAN_LANES != 0;
  float *o = ragged ? call->scratch.output : target;
  ptrdiff_t o_stride = ragged ? w->state_stride : call->rows->o_stride;
  const float *q = call->scratch.queries[parity];
  for (int32_t j = 0, width; j < vectors; j += width) {
    width = scan_panel_width(vectors, j, SCAN_PANEL);
#define SCAN_PANEL_OF(constant)                                                                   \
  scan_output_panel(w, o + j * SCAN_LANES, o_stride, q, call->state + j * SCAN_LANES, factor,     \
                    tokens, SCAN_MAP_STEP, flags, constant)
    SCAN_FOR_WIDTH(width, SCAN_PANEL_OF)
#undef SCAN_PANEL_OF
  }
  if (ragged) scan_copy_rows(target, call->rows->o_stride, o, o_stride, tokens, dim);
  scan_drain(&w->next, SCAN_MAP_STEP, flags);
}

/// Blocks of tokens that see each other: the keys of a block, then its queries, in pieces.
///
/// The last keys of a block have its first queries mapped beside their products, and the last queries
/// the keys of the next block. `norm` is SCAN_NORM or 0.
SCAN_INLINE void scan_mutual_blocks(const scan_call_t *call, int norm) {
  enum { keys = SCAN_KEYS | SCAN_NORM };
  const attn_scan_plan_t *plan = call->plan;
  int32_t count = call->count, length = plan->block_length;
  float *factor = call->scratch.row_factor;
  for (int32_t t = 0; t < SCAN_BLOCK; ++t) factor[t] = plan->output_scale;
  for (int32_t r = 0; r < scan_feature_stride(plan); ++r) call->scratch.normaliser[r] = 0;
  scan_work_t w = scan_work(call);
  int parity = 0, queries = SCAN_QUERIES | norm;
  scan_cursor_piece(&w.next, call, 0, scan_min(count, length), parity, keys);
  scan_drain(&w.next, SCAN_MAP_STEP, keys);
  for (int32_t first = 0, end; first < count; first = end) {
    end = first + scan_min(length, count - first);
    for (int32_t start = first; start < end; start += SCAN_BLOCK, parity ^= 1) {
      int32_t tokens = scan_min(end - start, SCAN_BLOCK);
      scan_add_normaliser(call, 1);
      if (tokens == end - start) {
        scan_cursor_piece(&w.next, call, first, end, parity ^ 1, queries);
        scan_add_piece(call, &w, start, tokens, parity, queries);
      } else {
        scan_cursor_piece(&w.next, call, start + tokens, end, parity ^ 1, keys);
        scan_add_piece(call, &w, start, tokens, parity, keys);
      }
    }
    for (int32_t start = first; start < end; start += SCAN_BLOCK, parity ^= 1) {
      int32_t tokens = scan_min(end - start, SCAN_BLOCK);
      if (norm) {
        vec_sum_rows(call->scratch.sums, tokens, factor);
        for (int32_t t = 0; t < tokens; ++t) factor[t] = 1 / (factor[t] + plan->denominator_eps);
      }
      if (tokens == end - start) {
        scan_cursor_piece(&w.next, call, end, end + scan_min(length, count - end), parity ^ 1, keys);
        scan_read_piece(call, &w, start, tokens, parity, factor, keys);
      } else {
        scan_cursor_piece(&w.next, call, start + tokens, end, parity ^ 1, queries);
        scan_read_piece(call, &w, start, tokens, parity, factor, queries);
      }
    }
  }
}

#endif
