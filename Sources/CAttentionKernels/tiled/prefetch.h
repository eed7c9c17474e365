// SPDX-License-Identifier: MIT
#ifndef TILED_PREFETCH_H
#define TILED_PREFETCH_H

#include "strip.h"

enum {
  /// The tiles that fetch what was announced, the last ones of an `attend`: enough to keep the
  /// fetches sparse, few enough for the rows to survive in the second-level cache. More where a tile
  /// would fetch more than TILED_FETCH_ROWS.
  TILED_FETCH_TILES = 24,
  TILED_FETCH_ROWS = 8,
  TILED_LINE = 16  ///< floats per cache line
};

/// How one `attend` spreads the fetches over its tiles.
typedef struct {
  int32_t wait;      ///< tiles to score before the first fetch
  int32_t per_tile;  ///< rows; 0 if nothing was announced
} tiled_fetch_t;

TILED_INLINE tiled_fetch_t tiled_fetch_plan(const tiled_strip_t *strip, const attn_run_t *runs,
                                            int32_t run_count, int32_t tile_keys) {
  const int32_t rows = strip->announced - strip->fetched;
  if (rows == 0) return (tiled_fetch_t){0, 0};
  int32_t keys = 0;
  for (int32_t r = 0; r < run_count; ++r) keys += runs[r].count;
  const int32_t tiles = keys / tile_keys + 1;
  const int32_t sparse = rows / TILED_FETCH_ROWS;
  const int32_t wanted = sparse > TILED_FETCH_TILES ? sparse : TILED_FETCH_TILES;
  const int32_t active = tiles < wanted ? tiles : wanted;
  return (tiled_fetch_t){tiles - active, (rows + active - 1) / active};
}

TILED_INLINE void tiled_fetch_row(const float *row, int32_t count) {
  for (int32_t at = 0; at < count; at += TILED_LINE) __builtin_prefetch(row + at, 0, 2);
}

/// Fetches up to `most` rows. Out of line: the loop over tiles is short of registers and space.
static __attribute__((noinline)) void tiled_fetch_rows(const tiled_view_t *view, int32_t most) {
  tiled_strip_t *strip = view->strip;
  const attn_tiled_next_t *next = &strip->next;
  const int32_t left = strip->announced - strip->fetched;
  const int32_t count = left < most ? left : most;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t row = strip->fetched++;
    if (row < next->count) {
      tiled_fetch_row(next->queries + next->query_ids[row] * next->query_stride, view->head_dim);
      tiled_fetch_row(next->outputs + next->output_ids[row] * next->output_stride,
                      view->value_dim);
    } else {
      const int32_t id = next->key_ids[row - next->count];
      tiled_fetch_row(next->keys + id * next->key_stride, view->head_dim);
      tiled_fetch_row(next->values + id * next->value_stride, view->value_dim);
    }
  }
}

/// Fetches the share of one tile.
TILED_INLINE void tiled_fetch(const tiled_view_t *view, tiled_fetch_t *fetch) {
  if (fetch->per_tile == 0 || fetch->wait-- > 0) return;
  tiled_fetch_rows(view, fetch->per_tile);
}

#endif
