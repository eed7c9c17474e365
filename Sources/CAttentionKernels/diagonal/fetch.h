// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_FETCH_H
#define DIAGONAL_FETCH_H

#include "layout.h"

enum { DIAGONAL_LINE = 16, DIAGONAL_RANGES = 2 + 2 * DIAGONAL_ROWS };

/// Memory that later blocks read or write, brought into the cache a few lines at a time.
///
/// The transposes touch rows in an order that no hardware prefetcher follows; without this they
/// wait for memory as long as small windows compute.
typedef struct {
  const float *next[DIAGONAL_RANGES], *end[DIAGONAL_RANGES];
  int32_t range, ranges;
  int32_t lines;  ///< per step
} diagonal_fetch_t;

/// The keys and values that the next grid rows or the next plane need.
typedef struct {
  const float *keys, *values;
  ptrdiff_t key_floats, value_floats;
  int32_t block, blocks;  ///< until then; each fetches its share
} diagonal_coming_t;

DIAGONAL_INLINE void diagonal_fetch(diagonal_fetch_t *fetch) {
  for (int32_t i = 0; i < fetch->lines; ++i) {
    while (fetch->next[fetch->range] >= fetch->end[fetch->range]) {
      if (fetch->range + 1 >= fetch->ranges) return;
      ++fetch->range;
    }
    __builtin_prefetch(fetch->next[fetch->range], 0, 2);
    fetch->next[fetch->range] += DIAGONAL_LINE;
  }
}

/// Hands out up to `lines` lines that follow each other; NULL if none are left.
DIAGONAL_INLINE const float *diagonal_fetch_run(diagonal_fetch_t *fetch, int32_t lines) {
  while (fetch->next[fetch->range] >= fetch->end[fetch->range]) {
    if (fetch->range + 1 >= fetch->ranges) return NULL;
    ++fetch->range;
  }
  const float *run = fetch->next[fetch->range];
  fetch->next[fetch->range] += (ptrdiff_t)lines * DIAGONAL_LINE;
  return run;
}

/// Spreads what is left over `steps` steps.
DIAGONAL_INLINE void diagonal_fetch_rest(diagonal_fetch_t *fetch, int32_t steps) {
  ptrdiff_t floats = 0;
  for (int32_t i = fetch->range; i < fetch->ranges; ++i) {
    if (fetch->next[i] < fetch->end[i]) floats += fetch->end[i] - fetch->next[i] + DIAGONAL_LINE;
  }
  const ptrdiff_t lines = floats / DIAGONAL_LINE;
  fetch->lines = (int32_t)((lines + steps - 1) / steps);
}

DIAGONAL_INLINE void diagonal_add_range(diagonal_fetch_t *fetch, const float *from,
                                        ptrdiff_t floats) {
  fetch->next[fetch->ranges] = from;
  fetch->end[fetch->ranges] = from + floats;
  fetch->ranges += 1;
}

/// What packing the positions `from ..< to` of the outer axis will read.
static inline diagonal_coming_t diagonal_coming(const diagonal_view_t *view,
                                                const attn_diagonal_heads_t *heads, int axis,
                                                int32_t from, int32_t to) {
  const attn_diagonal_plan_t *plan = &view->plan;
  const ptrdiff_t tokens = (ptrdiff_t)plan->lengths[2] * (axis == 0 ? plan->lengths[1] : 1);
  const ptrdiff_t count = diagonal_max(to - from, 0) * tokens;
  const int32_t rows = axis == 0 ? plan->lengths[1] : 1;
  const int32_t blocks = (rows + DIAGONAL_ROWS - 1) / DIAGONAL_ROWS;
  return (diagonal_coming_t){heads->k + from * tokens * plan->head_dim,
                             heads->v + from * tokens * plan->value_dim,
                             count * plan->head_dim,
                             count * plan->value_dim,
                             0,
                             blocks * heads->heads * view->tiles};
}

/// Begins with a block's share of coming keys and values.
static inline void diagonal_fetch_coming(diagonal_fetch_t *fetch, diagonal_coming_t *coming) {
  const ptrdiff_t keys = coming->key_floats / coming->blocks;
  const ptrdiff_t values = coming->value_floats / coming->blocks;
  fetch->range = fetch->ranges = 0;
  diagonal_add_range(fetch, coming->keys + coming->block * keys, keys);
  diagonal_add_range(fetch, coming->values + coming->block * values, values);
  fetch->lines = 0;
  ++coming->block;
}

/// Adds what is needed once a block has ended: its output, and the queries `next` tokens on.
static inline void diagonal_fetch_ends(const diagonal_view_t *view, diagonal_fetch_t *fetch,
                                       const float *q, const float *o, ptrdiff_t token,
                                       ptrdiff_t next, int32_t rows, int32_t lanes) {
  const attn_diagonal_plan_t *plan = &view->plan;
  for (int32_t r = 0; r < rows; ++r) {
    const ptrdiff_t row = token + r * (ptrdiff_t)plan->lengths[2];
    diagonal_add_range(fetch, o + row * plan->value_dim, lanes * plan->value_dim);
    diagonal_add_range(fetch, q + (next + row) * plan->head_dim, view->lanes * plan->head_dim);
  }
}

#endif
