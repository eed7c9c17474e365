// SPDX-License-Identifier: MIT
// Runs cut into key tiles.
#ifndef ATTN_LOWBIT_RUNS_H
#define ATTN_LOWBIT_RUNS_H

#include "strip.h"

typedef struct {
  const attn_run_t *run, *end;
  const uint32_t *masks;
  int32_t offset;       // keys of *run already given out
  int32_t key_block;    // keys between cuts, 0 for none
  int32_t block;        // the block of the latest tile
  int32_t block_start;  // its first key
} cursor_t;

/// The next tile; 0 when there is none. Tiles do not cross multiples of the cursor's block.
INLINE int next_tile(cursor_t *cursor, tile_t *tile) {
  while (cursor->run < cursor->end && cursor->offset >= cursor->run->count) {
    cursor->run++;
    cursor->offset = 0;
  }
  if (cursor->run == cursor->end) return 0;
  const attn_run_t *run = cursor->run;
  const int32_t first_key = run->first_key + cursor->offset;
  int32_t count = run->count - cursor->offset;
  if (count > KEY_TILE) count = KEY_TILE;
  if (cursor->key_block > 0) {
    if (first_key < cursor->block_start || first_key >= cursor->block_start + cursor->key_block) {
      cursor->block = first_key / cursor->key_block;
      cursor->block_start = cursor->block * cursor->key_block;
    }
    const int32_t room = cursor->block_start + cursor->key_block - first_key;
    if (count > room) count = room;
  }
  const uint32_t *words = run->mask >= 0 ? cursor->masks + run->mask + cursor->offset : NULL;
  *tile = (tile_t){words, first_key, count, cursor->block, words != NULL || count < KEY_TILE};
  cursor->offset += count;
  return 1;
}

/// Lanes that see key `r` of the full tile.
INLINE uint32_t tile_word(const tile_t *tile, int r) {
  return r >= tile->count ? 0 : tile->words ? tile->words[r] : ~UINT32_C(0);
}

static void count_runs(const strip_t *s, const attn_run_t *runs, int32_t run_count,
                       attn_counts_t *counts) {
  if (counts == NULL) return;
  for (int32_t i = 0; i < run_count; i++) {
    const uint64_t keys = runs[i].count > 0 ? (uint64_t)runs[i].count : 0;
    const uint64_t tiles = (keys + KEY_TILE - 1) / KEY_TILE;
    const uint64_t pairs = keys * (uint64_t)s->head->lanes;
    *(runs[i].mask >= 0 ? &counts->tiles_partial : &counts->tiles_full) += tiles;
    counts->pairs += pairs;
    counts->exponentials += pairs;
  }
}

#endif
