// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_BLOCK_H
#define DIAGONAL_BLOCK_H

#include <math.h>

#include "fetch.h"
#include "layout.h"
#include "pack.h"

/// One block: up to DIAGONAL_ROWS grid rows by up to `lanes` queries of one head.
typedef struct diagonal_block {
  int32_t rows, lanes;
  int32_t count;     ///< key rows that some row of the block attends to
  int32_t part;      ///< how many of them are visited at a time
  int picks;         ///< whether the border stops some windows
  ptrdiff_t token;   ///< its first query
  ptrdiff_t offset;  ///< from the start of a tile to the first key of the first lane
  diagonal_entry_t *entries;
  float *queries, *outputs;  ///< [rows][channel][lane]
  diagonal_fetch_t fetch;
  _Alignas(64) int32_t index[DIAGONAL_LANES];  ///< first key of each lane less that of the first
  _Alignas(64) float maxima[DIAGONAL_ROWS][DIAGONAL_LANES];
  _Alignas(64) float previous[DIAGONAL_ROWS][DIAGONAL_LANES];  ///< maxima, then factors
  _Alignas(64) float denominators[DIAGONAL_ROWS][DIAGONAL_LANES];
} diagonal_block_t;

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
  // Whole planes, so that all blocks of a group are at the same ones.
  block->part = diagonal_min(view->part_planes * (last_row - first_row), view->part_entries);
  diagonal_entry_t *entry = block->entries;
  int32_t slots[DIAGONAL_ROWS] = {0}, held = 0;
  for (int32_t plane = first_plane; plane < first_plane + plan->windows[0]; ++plane) {
    for (int32_t row = first_row; row < last_row; ++row, ++entry, ++held) {
      if (held == block->part) {
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
  block->count = (int32_t)(entry - block->entries);
}

/// Begins block `index` of a group: the rows from `y` on of the plane `z`, the queries of a tile.
static void diagonal_begin_block(const diagonal_view_t *view, diagonal_block_t *block,
                                 int32_t index, int32_t z, int32_t y, int32_t tile,
                                 const float *q) {
  const attn_diagonal_plan_t *plan = &view->plan;
  block->entries = view->entries + (ptrdiff_t)index * view->block_entries;
  block->queries = view->queries + (size_t)(index * DIAGONAL_ROWS) * view->query_row;
  block->outputs = view->outputs + (size_t)(index * DIAGONAL_ROWS) * view->output_row;
  diagonal_place_lanes(view, block, tile);
  diagonal_list_rows(view, block, z, y, tile);
  block->token = ((ptrdiff_t)z * plan->lengths[1] + y) * plan->lengths[2]
                 + (ptrdiff_t)tile * DIAGONAL_LANES;
  for (int32_t r = 0; r < block->rows; ++r) {
    const ptrdiff_t token = block->token + r * (ptrdiff_t)plan->lengths[2];
    diagonal_pack_queries(view, q + token * plan->head_dim, block->lanes,
                          block->queries + (size_t)r * view->query_row);
    diagonal_store(block->maxima[r], diagonal_all(-INFINITY));
    diagonal_store(block->denominators[r], diagonal_zero());
  }
}

/// Writes the outputs of a block that has met all its keys.
static void diagonal_end_block(const diagonal_view_t *view, const diagonal_block_t *block, float *o) {
  for (int32_t r = 0; r < block->rows; ++r) {
    const diagonal_vec inverse =
        diagonal_divide(diagonal_all(1), diagonal_load(block->denominators[r]));
    const ptrdiff_t token = block->token + r * (ptrdiff_t)view->plan.lengths[2];
    diagonal_write_rows(block->outputs + (size_t)r * view->output_row, inverse,
                        o + token * view->plan.value_dim, block->lanes, view->plan.value_dim);
  }
}

#endif
