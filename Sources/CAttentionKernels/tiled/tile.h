// SPDX-License-Identifier: MIT
#ifndef TILED_TILE_H
#define TILED_TILE_H

#include "filter.h"
#include "prefetch.h"

/// What is added to the scores of a tile: nothing, a term per key, or one per key and lane.
typedef enum { TILED_UNBIASED = 0, TILED_KEY_BIASES, TILED_LANE_BIASES } tiled_biases_t;

/// Keys whose scores are computed together: any rows, from one run or several.
///
/// Softmax does not depend on the order of the keys, so rows are gathered by pointer: short runs
/// share tiles, and keys that only one part of the lanes sees share tiles of that part alone.
typedef struct {
  float *scores;   ///< [count][lanes], log2 units; valid until the next tile but one
  float *weights;  ///< [count][lanes]: 2^(score - maximum)
  const float *next;  ///< first key of the tile after this one, its own where none is known; for
                      ///< `score` where that fetches
  int32_t count;
  uint8_t parts;   ///< bit p: lanes of part p take part
  uint8_t masked;  ///< some word clears a lane of the active parts
  uint8_t biased;  ///< a `tiled_biases_t`
  const float *keys[TILED_MAX_KEYS];
  const float *values[TILED_MAX_KEYS];
  uint32_t words[TILED_MAX_KEYS];
  const float *biases[TILED_MAX_KEYS];
} tiled_tile_t;

enum { TILED_BLOCK_TILES = TILED_BLOCK_KEYS / 4, TILED_PARTS = 4 };

/// What an instruction set provides; the functions see whole tiles.
typedef struct {
  int32_t lanes;
  int32_t part_lanes;  ///< lanes of part 0; the others, if any, are part 1
  int32_t tile_keys;
  /// Keys whose weights are collected before their values, rows `value_stride` floats apart, are added: a
  /// divisor of TILED_BLOCK_KEYS, so that calls cut there give the same bits.
  int32_t (*block_keys)(ptrdiff_t value_stride);
  /// `score` fetches the keys of the next tile; otherwise their first lines are fetched before it.
  int32_t score_fetches;
  /// Writes the scores of `tile` and, meanwhile, the weights of `pending` (may be NULL). Returns
  /// non-zero, with those weights void and not in the denominators, when a score of `pending`
  /// exceeds its lane's maximum by more than the slack.
  int (*score)(const tiled_view_t *view, const tiled_tile_t *tile, const tiled_tile_t *pending);
  /// Turns the scores of `pending` into weights; returns as `score` does.
  int (*weigh)(const tiled_view_t *view, const tiled_tile_t *pending);
  /// Raises the maxima to those of the scores in `tile` where they exceed the slack and rescales
  /// all that was accumulated: output, denominators and the weights of `tiles[0 ..< count]`.
  void (*rescale)(const tiled_view_t *view, const tiled_tile_t *tile, const tiled_tile_t *tiles,
                  int32_t count);
  /// Adds weights x values of a block of tiles to the output.
  void (*accumulate)(const tiled_view_t *view, const tiled_tile_t *tiles, int32_t count);
} tiled_steps_t;

/// The key block at hand: tiles in order of their scores; the last one has no weights yet.
typedef struct {
  tiled_view_t view;
  attn_counts_t *counts;
  int32_t seen;  ///< tiles were scored since `load`
  int32_t is_filtered;  ///< keys may be left out
  int32_t tiles_at_once;  ///< in a block
  tiled_fetch_t fetch;
  int32_t count;
  tiled_tile_t tiles[TILED_BLOCK_TILES];
  tiled_tile_t staged[TILED_PARTS];  ///< by parts; keys gathered so far
} tiled_block_t;

/// Repeats the weights of tile `index` after raising the maxima that its scores exceed.
TILED_INLINE void tiled_repeat(tiled_block_t *block, const tiled_steps_t *steps, int32_t index) {
  tiled_tile_t *tile = &block->tiles[index];
  steps->rescale(&block->view, tile, block->tiles, index);
  steps->weigh(&block->view, tile);
  block->counts->rescales += 1;
}

TILED_INLINE void tiled_finish_block(tiled_block_t *block, const tiled_steps_t *steps) {
  if (block->count == 0) return;
  if (__builtin_expect(block->is_filtered, 0) && tiled_filter_end(block->view.strip)) {
    // A call fits into one block: these weights are all that there is of its keys.
    tiled_strip_t *strip = block->view.strip;
    for (int lane = 0; lane < TILED_MAX_LANES; ++lane) strip->block_denominator[lane] = 0;
    block->count = 0;
    return;
  }
  const int32_t last = block->count - 1;
  if (__builtin_expect(steps->weigh(&block->view, &block->tiles[last]), 0)) {
    tiled_repeat(block, steps, last);
  }
  steps->accumulate(&block->view, block->tiles, block->count);
  block->count = 0;
}

/// The place of the next tile of the block.
TILED_INLINE tiled_tile_t *tiled_next(tiled_block_t *block, const tiled_steps_t *steps) {
  if (block->count == block->tiles_at_once) tiled_finish_block(block, steps);
  return &block->tiles[block->count];
}

TILED_INLINE void tiled_note(tiled_block_t *block, const tiled_steps_t *steps,
                             const tiled_tile_t *tile) {
  tiled_strip_t *strip = block->view.strip;
  // Constant ranges of lanes become vectors.
  if (tile->parts & 1) {
    tiled_filter_note(strip, tile->scores, tile->count, steps->lanes, 0, steps->part_lanes);
  }
  if (tile->parts & 2) {
    tiled_filter_note(strip, tile->scores, tile->count, steps->lanes, steps->part_lanes,
                      steps->lanes);
  }
}

/// Scores the tile filled in at the place `tiled_next` gave.
TILED_INLINE void tiled_score(tiled_block_t *block, const tiled_steps_t *steps) {
  const int32_t index = block->count;
  tiled_tile_t *tile = &block->tiles[index];
  tile->weights = block->view.weights + index * steps->tile_keys * steps->lanes;
  tile->scores = block->view.scores + (index & 1) * TILED_MAX_KEYS * steps->lanes;
  tiled_fetch(&block->view, &block->fetch);
  const int exceeds = steps->score(&block->view, tile, index > 0 ? tile - 1 : NULL);
  if (__builtin_expect(exceeds, 0)) tiled_repeat(block, steps, index - 1);
  if (__builtin_expect(block->is_filtered, 0)) tiled_note(block, steps, tile);
  if (__builtin_expect(!block->seen, 0)) {
    // The first tile sets the maxima at once: nothing has to be rescaled or repeated.
    steps->rescale(&block->view, tile, block->tiles, 0);
    block->seen = 1;
  }
  block->count = index + 1;
}

/// Scores the tile staged for `parts` and empties it.
TILED_INLINE void tiled_emit(tiled_block_t *block, const tiled_steps_t *steps, uint32_t parts) {
  tiled_tile_t *staged = &block->staged[parts];
  *tiled_next(block, steps) = *staged;
  tiled_score(block, steps);
  staged->count = staged->masked = 0;
  staged->biased = TILED_UNBIASED;
}

TILED_INLINE void tiled_count_run(attn_counts_t *counts, const attn_run_t *run, int32_t tile_keys,
                                  int32_t lanes) {
  const uint64_t tiles = (uint64_t)((run->count + tile_keys - 1) / tile_keys);
  const uint64_t pairs = (uint64_t)run->count * (uint64_t)lanes;
  if (run->mask < 0) {
    counts->tiles_full += tiles;
  } else {
    counts->tiles_partial += tiles;
  }
  counts->pairs += pairs;
  counts->exponentials += pairs;
}

/// Where the rows of one call to `attend` lie.
typedef struct {
  const float *k, *v;
  ptrdiff_t k_stride, v_stride;
  const float *key_bias;
  const uint32_t *masks;
} tiled_rows_t;

/// The biases of one run of keys.
typedef struct {
  tiled_biases_t kind;
  const float *first;  ///< of the run's first key
  ptrdiff_t step;      ///< floats from a key of the run to the next
} tiled_run_bias_t;

TILED_INLINE tiled_run_bias_t tiled_run_bias(const tiled_strip_t *strip, const tiled_rows_t *rows,
                                             const attn_run_t *runs, int32_t index) {
  if (rows->key_bias) {
    return (tiled_run_bias_t){TILED_KEY_BIASES, rows->key_bias + runs[index].first_key,
                              runs[index].step};
  }
  if (__builtin_expect(strip->bias_rows == NULL, 1)) {
    return (tiled_run_bias_t){TILED_UNBIASED, NULL, 0};
  }
  const attn_bias_rows_t at = strip->bias_rows[index];
  return (tiled_run_bias_t){TILED_LANE_BIASES, strip->bias_table + at.first, at.step};
}

/// Scores whole tiles of a run without masks and returns how many of its keys they hold; those of
/// `following` come next.
///
/// Short code counts here: it takes the place of multiply-adds in the reorder buffer.
TILED_INLINE int32_t tiled_whole_tiles(tiled_block_t *block, const tiled_steps_t *steps,
                                       const tiled_rows_t *rows, const attn_run_t *run,
                                       const attn_run_t *following, tiled_run_bias_t bias,
                                       uint32_t parts) {
  const ptrdiff_t key_step = run->step * rows->k_stride, value_step = run->step * rows->v_stride;
  const float *key = rows->k + run->first_key * rows->k_stride;
  const float *value = rows->v + run->first_key * rows->v_stride;
  int32_t done = 0;
  for (; done + steps->tile_keys <= run->count; done += steps->tile_keys) {
    tiled_tile_t *tile = tiled_next(block, steps);
    tile->count = steps->tile_keys;
    tile->parts = parts;
    tile->masked = 0;
    tile->biased = bias.kind;
    TILED_UNROLL for (int32_t i = 0; i < steps->tile_keys; ++i) {
      tile->keys[i] = key;
      tile->values[i] = value;
      key += key_step;
      value += value_step;
    }
    if (bias.kind) {
      for (int32_t i = 0; i < steps->tile_keys; ++i) {
        tile->biases[i] = bias.first + (done + i) * bias.step;
      }
    }
    // `key` is the first one of the next tile, unless that begins the next run.
    const int is_last = done + 2 * steps->tile_keys > run->count;
    const float *next = is_last ? rows->k + following->first_key * rows->k_stride : key;
    if (steps->score_fetches) {
      tile->next = next;
    } else {
      // From the first line of a row on, the memory system reads ahead by itself.
      for (int32_t i = 0; i < steps->tile_keys; ++i) __builtin_prefetch(next + i * key_step, 0, 3);
    }
    tiled_score(block, steps);
  }
  return done;
}

/// Adds the keys of a run from its key `first` on to the staged tiles and scores full ones.
TILED_INLINE void tiled_stage_keys(tiled_block_t *block, const tiled_steps_t *steps,
                                   const tiled_rows_t *rows, const attn_run_t *run,
                                   tiled_run_bias_t bias, int32_t first, uint32_t valid) {
  const uint32_t first_part = (uint32_t)((1ull << steps->part_lanes) - 1);
  for (int32_t i = first; i < run->count; ++i) {
    const ptrdiff_t row = run->first_key + i * (ptrdiff_t)run->step;
    const uint32_t word = run->mask < 0 ? valid : rows->masks[run->mask + i] & valid;
    const uint32_t parts = (uint32_t)((word & first_part) != 0) |
                           (uint32_t)((word & ~first_part) != 0) << 1;
    if (parts == 0) continue;
    tiled_tile_t *tile = &block->staged[parts];
    const int32_t at = tile->count;
    const uint32_t seen_by = (parts & 1 ? first_part : 0) | (parts & 2 ? ~first_part : 0);
    tile->keys[at] = rows->k + row * rows->k_stride;
    tile->values[at] = rows->v + row * rows->v_stride;
    tile->next = tile->keys[0];
    tile->words[at] = word;
    tile->masked |= word != (seen_by & valid);
    if (bias.kind) {
      tile->biases[at] = bias.first + i * bias.step;
      tile->biased = bias.kind;
    }
    tile->count = at + 1;
    if (at + 1 == steps->tile_keys) tiled_emit(block, steps, parts);
  }
}

/// The whole of `attend`, to be inlined with constant `steps`.
TILED_INLINE void tiled_attend(void *memory, const tiled_steps_t *steps, tiled_rows_t rows,
                               const attn_run_t *runs, int32_t run_count, attn_counts_t *counts) {
  tiled_block_t block;
  block.view = tiled_view(memory, steps->lanes);
  block.counts = counts;
  block.seen = block.view.strip->output_started;
  block.count = 0;
  block.is_filtered = block.view.strip->left_out_below > 0;
  if (__builtin_expect(block.is_filtered, 0)) tiled_filter_begin(block.view.strip);
  // A filter judges the keys of a call together.
  const int32_t keys = block.is_filtered ? TILED_BLOCK_KEYS : steps->block_keys(rows.v_stride);
  block.tiles_at_once = keys / steps->tile_keys;
  block.fetch = tiled_fetch_plan(block.view.strip, runs, run_count, steps->tile_keys);
  for (uint32_t parts = 0; parts < TILED_PARTS; ++parts) {
    tiled_tile_t *staged = &block.staged[parts];
    staged->count = staged->masked = 0;
    staged->biased = TILED_UNBIASED;
    staged->parts = parts;
  }
  const int32_t lanes = block.view.strip->count;
  const uint32_t valid = (uint32_t)((1ull << lanes) - 1);
  const uint32_t all_parts = lanes > steps->part_lanes ? 3 : 1;
  for (int32_t r = 0; r < run_count; ++r) {
    const attn_run_t *run = &runs[r];
    tiled_count_run(counts, run, steps->tile_keys, lanes);
    int32_t done = 0;
    const tiled_run_bias_t bias = tiled_run_bias(block.view.strip, &rows, runs, r);
    if (run->mask < 0) {
      // The last run is followed by the first one, with which the next strip often begins.
      const attn_run_t *following = r + 1 < run_count ? run + 1 : runs;
      done = tiled_whole_tiles(&block, steps, &rows, run, following, bias, all_parts);
    }
    tiled_stage_keys(&block, steps, &rows, run, bias, done, valid);
  }
  for (uint32_t parts = 1; parts < TILED_PARTS; ++parts) {
    if (block.staged[parts].count > 0) tiled_emit(&block, steps, parts);
  }
  tiled_finish_block(&block, steps);
  tiled_bias(memory, NULL, NULL);
}

#endif
