// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_LAYOUT_H
#define DIAGONAL_LAYOUT_H

#include "attn_diagonal.h"

#define DIAGONAL_INLINE static inline __attribute__((always_inline))
#define DIAGONAL_UNROLL _Pragma("clang loop unroll(full)")

enum {
  DIAGONAL_ROWS = 4,  ///< grid rows of queries in a block
  /// Scores of a block that wait for the product with V: enough to amortise the sums' way to memory
  /// and back, few enough for the L2 cache beside the rows of the ring.
  DIAGONAL_PART_FLOATS = 24576,
  /// Shifts of a part that repay it: sums go to memory and back once per part.
  DIAGONAL_PART_SHIFTS = 64,
  /// Keys, values, queries and outputs of a group, in floats: what the L2 cache holds beside scores and
  /// what is fetched.
  DIAGONAL_GROUP_FLOATS = 131072
};

/// One grid row of keys and the rows of the block whose windows hold it.
typedef struct {
  const float *keys, *values;  ///< tile of the ring
  int32_t begin, end;          ///< rows of the block
  int32_t slots[DIAGONAL_ROWS];  ///< where the scores of each row start, in vectors
} diagonal_entry_t;

/// Places of everything in the scratch, and what does not change during a call.
///
/// Keys and values sit in a ring of grid rows, each cut into tiles of `lanes` queries: a tile is
/// [channel][span] with the columns from `diagonal_tile_start` on, so neighbouring tiles overlap.
typedef struct {
  attn_diagonal_plan_t plan;
  int32_t lanes;
  int32_t tiles;                     ///< per grid row
  int32_t span;                      ///< columns of a tile
  int32_t ring_planes, ring_rows;
  int32_t group_rows;                ///< grid rows of a group: blocks that take turns
  int32_t block_entries;             ///< key rows of a block
  int32_t part_entries;              ///< of them, those whose scores can be held at a time
  int32_t part_planes;               ///< planes of the grid that are visited at a time
  size_t key_tile, value_tile;       ///< floats of a tile
  size_t query_row, output_row, score_row;  ///< floats per row of the block
  float *keys, *values, *queries, *outputs, *scores;
  diagonal_entry_t *entries;  ///< [blocks of a group][block_entries]
  struct diagonal_block *blocks;  ///< of a group
  size_t bytes;
} diagonal_view_t;

DIAGONAL_INLINE int32_t diagonal_min(int32_t a, int32_t b) { return a < b ? a : b; }
DIAGONAL_INLINE int32_t diagonal_max(int32_t a, int32_t b) { return a > b ? a : b; }
DIAGONAL_INLINE int32_t diagonal_round(int32_t n, int32_t unit) {
  return (n + unit - 1) / unit * unit;
}

/// First key of the window of position `x` on `axis`.
DIAGONAL_INLINE int32_t diagonal_start(const attn_diagonal_plan_t *plan, int axis, int32_t x) {
  const int32_t window = plan->windows[axis];
  return diagonal_min(diagonal_max(x - window / 2, 0), plan->lengths[axis] - window);
}

/// Column of the first key in a tile; negative columns are padding.
DIAGONAL_INLINE int32_t diagonal_tile_start(const diagonal_view_t *view, int32_t tile) {
  const int32_t window = view->plan.windows[2];
  return diagonal_min(tile * view->lanes - window / 2, view->plan.lengths[2] - window);
}

/// Takes `floats` floats and the padding to a cache line from the scratch.
DIAGONAL_INLINE float *diagonal_take(uintptr_t memory, size_t *bytes, size_t floats) {
  float *place = (float *)(memory + *bytes);
  *bytes += (floats * sizeof(float) + 63) & ~(size_t)63;
  return place;
}

/// Chooses the blocks that take turns and what they visit at a turn.
///
/// Windows over several planes are visited plane by plane, so that blocks above each other read what the
/// one before has brought into the second cache; a block by itself would read all planes from the third.
static inline void diagonal_plan_group(diagonal_view_t *view) {
  const int32_t *length = view->plan.lengths, *window = view->plan.windows;
  const int32_t shifts = window[1] * window[2];
  view->part_planes = diagonal_min(window[0], (DIAGONAL_PART_SHIFTS + shifts - 1) / shifts);
  view->group_rows = DIAGONAL_ROWS;
  const size_t row = view->query_row + view->output_row;
  const size_t key_row = (size_t)view->part_planes * (view->key_tile + view->value_tile);
  while (view->part_planes < window[0] && view->group_rows < length[1]) {
    const size_t rows = (size_t)view->group_rows + DIAGONAL_ROWS;
    const size_t key_rows = (size_t)diagonal_min((int32_t)rows + window[1] - 1, length[1]);
    if (rows * row + key_rows * key_row > DIAGONAL_GROUP_FLOATS) break;
    view->group_rows += DIAGONAL_ROWS;
  }
}

/// Lays out `scratch`, of which only the address is used; a block takes `block_bytes`.
static inline diagonal_view_t diagonal_view(const attn_diagonal_plan_t *plan, void *scratch,
                                            int32_t lanes, size_t block_bytes) {
  diagonal_view_t view = {.plan = *plan, .lanes = lanes};
  const uintptr_t memory = (uintptr_t)scratch;
  const int32_t *length = plan->lengths, *window = plan->windows;
  view.tiles = (length[2] + lanes - 1) / lanes;
  const int32_t reach = diagonal_max(lanes - 1, window[2] / 2) + window[2];
  // Not to whole vectors: columns that no window reaches are packed and take their part of the caches.
  view.span = diagonal_round(reach, 8);
  view.ring_planes = window[0];
  view.ring_rows =
      length[0] > 1 ? length[1] : diagonal_min(length[1], window[1] + DIAGONAL_ROWS - 1);
  view.key_tile = (size_t)diagonal_round(plan->head_dim, 4) * (size_t)view.span;
  view.value_tile = (size_t)diagonal_round(plan->value_dim, 4) * (size_t)view.span;
  const size_t ring = (size_t)view.ring_planes * (size_t)view.ring_rows * (size_t)view.tiles;
  view.block_entries = window[0] * (window[1] + DIAGONAL_ROWS - 1);
  const int32_t entry_floats = DIAGONAL_ROWS * window[2] * lanes;
  view.part_entries =
      diagonal_min(view.block_entries, diagonal_max(DIAGONAL_PART_FLOATS / entry_floats, 1));
  view.query_row = (size_t)(diagonal_round(plan->head_dim, 4) * lanes);
  view.output_row = (size_t)(diagonal_round(plan->value_dim, 16) * lanes);
  view.score_row = (size_t)(view.part_entries * window[2] * lanes);
  diagonal_plan_group(&view);
  const size_t rows = (size_t)view.group_rows, blocks = rows / DIAGONAL_ROWS;
  // A load at the end of a tile may reach past it.
  const size_t slack = 64;
  view.keys = diagonal_take(memory, &view.bytes, ring * view.key_tile + slack);
  view.values = diagonal_take(memory, &view.bytes, ring * view.value_tile + slack);
  view.queries = diagonal_take(memory, &view.bytes, rows * view.query_row);
  view.outputs = diagonal_take(memory, &view.bytes, rows * view.output_row);
  view.scores = diagonal_take(memory, &view.bytes, DIAGONAL_ROWS * view.score_row);
  view.blocks = (struct diagonal_block *)(memory + view.bytes);
  view.bytes += blocks * block_bytes;
  view.entries = (diagonal_entry_t *)(memory + view.bytes);
  view.bytes += blocks * (size_t)view.block_entries * sizeof(diagonal_entry_t);
  return view;
}

#endif
