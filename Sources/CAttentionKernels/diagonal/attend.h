// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_ATTEND_H
#define DIAGONAL_ATTEND_H

#include <math.h>

#include "fetch.h"
#include "layout.h"
#include "pack.h"
#include "products.h"

/// One block: up to DIAGONAL_ROWS grid rows by up to `lanes` queries of one head.
typedef struct {
  int32_t rows, lanes;
  int32_t entries;   ///< key rows that some row of the block attends to
  int picks;         ///< whether the border stops some windows
  ptrdiff_t offset;  ///< from the start of a tile to the first key of the first lane
  diagonal_fetch_t fetch;
  _Alignas(64) int32_t index[DIAGONAL_LANES];  ///< first key of each lane less that of the first
  _Alignas(64) float maxima[DIAGONAL_ROWS][DIAGONAL_LANES];
  _Alignas(64) float previous[DIAGONAL_ROWS][DIAGONAL_LANES];  ///< maxima, then factors
  _Alignas(64) float denominators[DIAGONAL_ROWS][DIAGONAL_LANES];
} diagonal_block_t;

static size_t diagonal_scratch_bytes(const attn_diagonal_plan_t *plan) {
  return diagonal_view(plan, NULL, DIAGONAL_LANES).bytes;
}

/// Where the lanes of a tile of queries find their keys.
static void diagonal_place_lanes(const diagonal_view_t *view, diagonal_block_t *block,
                                 int32_t tile) {
  const int32_t first = tile * DIAGONAL_LANES;
  const int32_t start = diagonal_start(&view->plan, 2, first);
  block->lanes = diagonal_min(view->plan.lengths[2] - first, DIAGONAL_LANES);
  block->offset = start - diagonal_tile_start(view, tile);
  block->picks = 0;
  for (int32_t i = 0; i < DIAGONAL_LANES; ++i) {
    const int32_t lane = diagonal_min(i, block->lanes - 1);
    block->index[i] = diagonal_start(&view->plan, 2, first + lane) - start;
    block->picks |= i < block->lanes && block->index[i] != i;
  }
}

/// Lists the key rows of a block in the order they are visited, with their places in a part.
static void diagonal_list_rows(const diagonal_view_t *view, diagonal_block_t *block, int32_t z,
                               int32_t y, int32_t tile) {
  const attn_diagonal_plan_t *plan = &view->plan;
  const int32_t first_plane = diagonal_start(plan, 0, z);
  const int32_t first_row = diagonal_start(plan, 1, y);
  const int32_t last_row = diagonal_start(plan, 1, y + block->rows - 1) + plan->windows[1];
  diagonal_entry_t *entry = view->entries;
  int32_t slots[DIAGONAL_ROWS] = {0}, held = 0;
  for (int32_t plane = first_plane; plane < first_plane + plan->windows[0]; ++plane) {
    for (int32_t row = first_row; row < last_row; ++row, ++entry, ++held) {
      if (held == view->part_entries) {
        held = 0;
        for (int r = 0; r < DIAGONAL_ROWS; ++r) slots[r] = 0;
      }
      const size_t place = diagonal_ring_place(view, plane, row) + (size_t)tile;
      entry->keys = view->keys + place * view->key_tile;
      entry->values = view->values + place * view->value_tile;
      entry->begin = block->rows;
      entry->end = 0;
      for (int32_t r = 0; r < block->rows; ++r) {
        const int32_t start = diagonal_start(plan, 1, y + r);
        if (row < start || row >= start + plan->windows[1]) continue;
        entry->begin = diagonal_min(entry->begin, r);
        entry->end = r + 1;
        entry->slots[r] = slots[r];
        slots[r] += plan->windows[2];
      }
    }
  }
  block->entries = (int32_t)(entry - view->entries);
}

/// Scores of one key row, DIAGONAL_SHIFTS shifts of the window at a time.
DIAGONAL_INLINE void diagonal_score_row(const diagonal_view_t *view, diagonal_block_t *block,
                                        const diagonal_entry_t *entry, const int rows,
                                        const int picks) {
  const int32_t window = view->plan.windows[2];
  const int32_t groups = (window + DIAGONAL_SHIFTS - 1) / DIAGONAL_SHIFTS;
  const float *queries = view->queries + (size_t)entry->begin * view->query_row;
  const diagonal_index index = diagonal_load_index(block->index);
  float *scores[DIAGONAL_ROWS], *maxima[DIAGONAL_ROWS];
  for (int r = 0; r < rows; ++r) {
    const int32_t row = entry->begin + r;
    scores[r] = view->scores + (size_t)row * view->score_row
                + (ptrdiff_t)entry->slots[row] * DIAGONAL_LANES;
    maxima[r] = block->maxima[row];
  }
  const float *keys = entry->keys + block->offset;
  for (int32_t group = 0; group < groups; ++group) {
    const int32_t shifts = window * (group + 1) / groups - window * group / groups;
    const float *ahead = diagonal_fetch_run(&block->fetch, view->plan.head_dim);
#define DIAGONAL_CASE(n)                                                                        \
  case n:                                                                                       \
    diagonal_score(view, queries, keys, ahead, index, scores, maxima, rows, n, picks);          \
    break
    switch (shifts) {
      DIAGONAL_CASE(1);
#if DIAGONAL_MOST_SHIFTS > 1
      DIAGONAL_CASE(2);
#endif
#if DIAGONAL_MOST_SHIFTS > 2
      DIAGONAL_CASE(3);
      DIAGONAL_CASE(4);
      DIAGONAL_CASE(5);
#if DIAGONAL_MOST_SHIFTS > 5
      DIAGONAL_CASE(6);
#endif
#endif
    }
#undef DIAGONAL_CASE
    keys += shifts;
    for (int r = 0; r < rows; ++r) scores[r] += shifts * DIAGONAL_LANES;
  }
}

DIAGONAL_INLINE void diagonal_score_any(const diagonal_view_t *view, diagonal_block_t *block,
                                        const diagonal_entry_t *entry, const int picks) {
  switch (entry->end - entry->begin) {
    case 1: diagonal_score_row(view, block, entry, 1, picks); break;
    case 2: diagonal_score_row(view, block, entry, 2, picks); break;
    case 3: diagonal_score_row(view, block, entry, 3, picks); break;
    case 4: diagonal_score_row(view, block, entry, 4, picks); break;
  }
}

/// Turns the scores of a part into weights and leaves the factors of earlier sums.
static void diagonal_weigh(const diagonal_view_t *view, diagonal_block_t *block,
                           const int32_t vectors[DIAGONAL_ROWS]) {
  for (int32_t r = 0; r < block->rows; ++r) {
    const diagonal_vec highest = diagonal_load(block->maxima[r]);
    const diagonal_vec factor =
        diagonal_exp2(diagonal_subtract(diagonal_load(block->previous[r]), highest));
    diagonal_vec sums[2] = {
        diagonal_multiply(diagonal_load(block->denominators[r]), factor), diagonal_zero()};
    float *scores = view->scores + (size_t)r * view->score_row;
    int32_t i = 0;
    for (; i + 2 <= vectors[r]; i += 2, scores += 2 * DIAGONAL_LANES) {
      DIAGONAL_UNROLL for (int j = 0; j < 2; ++j) {
        float *place = scores + j * DIAGONAL_LANES;
        const diagonal_vec x = diagonal_exp2(diagonal_subtract(diagonal_load(place), highest));
        diagonal_store(place, x);
        sums[j] = diagonal_add(sums[j], x);
      }
    }
    if (i < vectors[r]) {
      const diagonal_vec x = diagonal_exp2(diagonal_subtract(diagonal_load(scores), highest));
      diagonal_store(scores, x);
      sums[0] = diagonal_add(sums[0], x);
    }
    diagonal_store(block->denominators[r], diagonal_add(sums[0], sums[1]));
    diagonal_store(block->previous[r], factor);
  }
}

/// Attends a block to its key rows from `first` on, as many as are held at a time.
DIAGONAL_INLINE void diagonal_attend_part(const diagonal_view_t *view, diagonal_block_t *block,
                                          int32_t first, attn_counts_t *counts, const int picks) {
  const int32_t count = diagonal_min(block->entries - first, view->part_entries);
  const diagonal_entry_t *entries = view->entries + first;
  int32_t vectors[DIAGONAL_ROWS] = {0};
  uint64_t pairs = 0;
  for (int32_t r = 0; r < block->rows; ++r) {
    diagonal_store(block->previous[r], diagonal_load(block->maxima[r]));
  }
  for (int32_t i = 0; i < count; ++i) {
    diagonal_score_any(view, block, &entries[i], picks);
    for (int32_t r = entries[i].begin; r < entries[i].end; ++r) {
      vectors[r] += view->plan.windows[2];
    }
    pairs += (uint64_t)(entries[i].end - entries[i].begin) * (uint64_t)view->plan.windows[2];
  }
  diagonal_fetch_rest(&block->fetch, block->entries * ((view->plan.value_dim + 3) / 4));
  diagonal_weigh(view, block, vectors);
  const diagonal_index index = diagonal_load_index(block->index);
  for (int32_t c = 0; c < view->plan.value_dim; c += DIAGONAL_CHANNELS) {
    diagonal_sum_values(view, entries, count, c, block->offset, index, block->previous[0],
                        first > 0, &block->fetch, picks);
  }
  counts->pairs += pairs * (uint64_t)block->lanes;
  counts->exponentials += pairs * (uint64_t)block->lanes;
  counts->rescales += first > 0;
}

static void diagonal_attend_block(const diagonal_view_t *view, const float *q, float *o,
                                  int32_t z, int32_t y, int32_t rows, int32_t tile,
                                  const diagonal_coming_t *coming, attn_counts_t *counts) {
  const attn_diagonal_plan_t *plan = &view->plan;
  diagonal_block_t block = {.rows = rows};
  diagonal_place_lanes(view, &block, tile);
  diagonal_list_rows(view, &block, z, y, tile);
  const ptrdiff_t row_tokens = plan->lengths[2];
  const ptrdiff_t token =
      ((ptrdiff_t)z * plan->lengths[1] + y) * row_tokens + (ptrdiff_t)tile * DIAGONAL_LANES;
  const ptrdiff_t next = tile + 1 < view->tiles
                             ? token + DIAGONAL_LANES
                             : token - tile * DIAGONAL_LANES + rows * row_tokens;
  diagonal_plan_fetch(view, &block.fetch, coming, q, o, token, next, rows, block.lanes);
  for (int32_t r = 0; r < rows; ++r) {
    diagonal_pack_queries(view, q + (token + r * row_tokens) * plan->head_dim, block.lanes,
                          view->queries + (size_t)r * view->query_row);
    diagonal_store(block.maxima[r], diagonal_all(-INFINITY));
    diagonal_store(block.denominators[r], diagonal_zero());
  }
  for (int32_t first = 0; first < block.entries; first += view->part_entries) {
    if (block.picks) {
      diagonal_attend_part(view, &block, first, counts, 1);
    } else {
      diagonal_attend_part(view, &block, first, counts, 0);
    }
  }
  for (int32_t r = 0; r < rows; ++r) {
    const diagonal_vec inverse =
        diagonal_divide(diagonal_all(1), diagonal_load(block.denominators[r]));
    diagonal_write_rows(view->outputs + (size_t)r * view->output_row, inverse,
                        o + (token + r * row_tokens) * plan->value_dim, block.lanes,
                        plan->value_dim);
  }
}

/// Attends the rows `first ..< last` of the grid plane `z`, whose keys are packed.
static void diagonal_attend_rows(const diagonal_view_t *view, const attn_diagonal_heads_t *heads,
                                 int32_t z, int32_t first, int32_t last,
                                 diagonal_coming_t *coming, attn_counts_t *counts) {
  for (int32_t y = first; y < last; y += DIAGONAL_ROWS) {
    const int32_t rows = diagonal_min(last - y, DIAGONAL_ROWS);
    for (int32_t head = 0; head < heads->heads; ++head) {
      for (int32_t tile = 0; tile < view->tiles; ++tile, ++coming->block) {
        diagonal_attend_block(view, heads->q + head * heads->q_head,
                              heads->o + head * heads->o_head, z, y, rows, tile, coming, counts);
      }
    }
  }
}

static void diagonal_attend(const attn_diagonal_plan_t *plan, const attn_diagonal_heads_t *heads,
                            int32_t first, int32_t last, void *scratch, attn_counts_t *counts) {
  const diagonal_view_t view = diagonal_view(plan, scratch, DIAGONAL_LANES);
  const int axis = plan->lengths[0] > 1 ? 0 : 1;
  const int32_t step = axis == 0 ? 1 : DIAGONAL_ROWS;
  const int32_t end = diagonal_start(plan, axis, last - 1) + plan->windows[axis];
  int32_t packed = diagonal_start(plan, axis, first);
  for (int32_t at = first; at < last; at += step) {
    const int32_t next = diagonal_min(at + step, last);
    const int32_t reach = diagonal_start(plan, axis, next - 1) + plan->windows[axis];
    for (; packed < reach; ++packed) {
      if (axis == 1) diagonal_pack(&view, heads, 0, packed);
      for (int32_t y = 0; axis == 0 && y < plan->lengths[1]; ++y) {
        diagonal_pack(&view, heads, packed, y);
      }
    }
    diagonal_coming_t coming =
        diagonal_coming(&view, heads, axis, packed, diagonal_min(end, packed + step));
    if (axis == 0) {
      diagonal_attend_rows(&view, heads, at, 0, plan->lengths[1], &coming, counts);
    } else {
      diagonal_attend_rows(&view, heads, 0, at, next, &coming, counts);
    }
  }
}

#endif
