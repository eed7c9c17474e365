// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_ATTEND_H
#define DIAGONAL_ATTEND_H

#include "block.h"
#include "products.h"

static size_t diagonal_scratch_bytes(const attn_diagonal_plan_t *plan) {
  return diagonal_view(plan, NULL, DIAGONAL_LANES, sizeof(diagonal_block_t)).bytes;
}

/// Scores of one key row, DIAGONAL_SHIFTS shifts of the window at a time, or more where fewer rows than
/// a block has leave registers for them.
DIAGONAL_INLINE void diagonal_score_row(const diagonal_view_t *view, diagonal_block_t *block,
                                        const diagonal_entry_t *entry, const int rows,
                                        const int picks) {
  const int32_t window = view->plan.windows[2];
  const int32_t most = rows < DIAGONAL_ROWS ? DIAGONAL_MOST_SHIFTS : DIAGONAL_SHIFTS;
  const int32_t groups = (window + most - 1) / most;
  const float *queries = block->queries + (size_t)entry->begin * view->query_row;
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
    if (n <= most) {                                                                            \
      diagonal_score(view, queries, keys, ahead, index, scores, maxima, rows, n, picks);        \
    }                                                                                           \
    break
    switch (shifts) {
      DIAGONAL_CASE(1);
      DIAGONAL_CASE(2);
      DIAGONAL_CASE(3);
      DIAGONAL_CASE(4);
      DIAGONAL_CASE(5);
      DIAGONAL_CASE(6);
      DIAGONAL_CASE(7);
      DIAGONAL_CASE(8);
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
  const int32_t count = diagonal_min(block->count - first, block->part);
  const diagonal_entry_t *entries = block->entries + first;
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
  diagonal_fetch_rest(&block->fetch, count * ((view->plan.value_dim + 3) / 4));
  diagonal_weigh(view, block, vectors);
  const diagonal_index index = diagonal_load_index(block->index);
  for (int32_t c = 0; c < view->plan.value_dim; c += DIAGONAL_CHANNELS) {
    diagonal_sum_values(view, entries, count, block->outputs + c * DIAGONAL_LANES, c,
                        block->offset, index, block->previous[0], first > 0, &block->fetch, picks);
  }
  counts->pairs += pairs * (uint64_t)block->lanes;
  counts->exponentials += pairs * (uint64_t)block->lanes;
  counts->rescales += first > 0;
}

/// Attends the rows `first ..< last` of the grid plane `z` for a tile of the queries of one head.
///
/// Blocks take turns, a part each: what several of them read is still in the second cache then.
static void diagonal_attend_group(const diagonal_view_t *view, const float *q, float *o, int32_t z,
                                  int32_t first, int32_t last, int32_t tile,
                                  diagonal_coming_t *coming, attn_counts_t *counts) {
  const ptrdiff_t row_tokens = view->plan.lengths[2];
  const ptrdiff_t next = tile + 1 < view->tiles
                             ? DIAGONAL_LANES
                             : (last - first) * row_tokens - tile * DIAGONAL_LANES;
  int32_t blocks = 0;
  for (int32_t y = first; y < last; y += DIAGONAL_ROWS, ++blocks) {
    diagonal_block_t *block = &view->blocks[blocks];
    block->rows = diagonal_min(last - y, DIAGONAL_ROWS);
    diagonal_begin_block(view, block, blocks, z, y, tile, q);
    diagonal_fetch_coming(&block->fetch, coming);
  }
  for (int32_t at = 0, left = blocks; left > 0; ++at) {
    left = 0;
    for (diagonal_block_t *block = view->blocks; block < view->blocks + blocks; ++block) {
      const int32_t done = at * block->part;
      if (done >= block->count) continue;
      if (done + block->part >= block->count) {
        diagonal_fetch_ends(view, &block->fetch, q, o, block->token, next, block->rows,
                            block->lanes);
      } else {
        ++left;
      }
      if (block->picks) {
        diagonal_attend_part(view, block, done, counts, 1);
      } else {
        diagonal_attend_part(view, block, done, counts, 0);
      }
    }
  }
  for (int32_t i = 0; i < blocks; ++i) diagonal_end_block(view, &view->blocks[i], o);
}

/// Attends the rows `first ..< last` of the grid plane `z`, whose keys are packed.
static void diagonal_attend_rows(const diagonal_view_t *view, const attn_diagonal_heads_t *heads,
                                 int32_t z, int32_t first, int32_t last,
                                 diagonal_coming_t *coming, attn_counts_t *counts) {
  for (int32_t y = first; y < last; y += view->group_rows) {
    const int32_t end = diagonal_min(last, y + view->group_rows);
    for (int32_t head = 0; head < heads->heads; ++head) {
      for (int32_t tile = 0; tile < view->tiles; ++tile) {
        diagonal_attend_group(view, heads->q + head * heads->q_head,
                              heads->o + head * heads->o_head, z, y, end, tile, coming, counts);
      }
    }
  }
}

static void diagonal_attend(const attn_diagonal_plan_t *plan, const attn_diagonal_heads_t *heads,
                            int32_t first, int32_t last, void *scratch, attn_counts_t *counts) {
  const diagonal_view_t view = diagonal_view(plan, scratch, DIAGONAL_LANES, sizeof(diagonal_block_t));
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
