// SPDX-License-Identifier: MIT
// Attention of a state to a range of keys, and the kernel table of one instruction set.
#ifndef DECODE_TABLE_H
#define DECODE_TABLE_H

#include "pack.h"
#include "values.h"

/// One tile against one block of keys from `first` on.
INLINE void attend_block(const int rows, const int format, const attn_decode_plan_t *plan,
                         tile_t *tile, const block_t *block, int32_t first, ahead_t *key_ahead,
                         ahead_t *value_ahead, attn_counts_t *counts) {
  _Alignas(64) float scores[TILE_ROWS * MOST_PAGE_KEYS];
  const int group = LANES / rows;
  const int32_t keys =
      format == ATTN_DECODE_INT8 ? MOST_PAGE_KEYS : (block->count + group - 1) / group * group;
  const int32_t floats = keys * rows;
  if (format == ATTN_DECODE_INT8) {
    int8_scores(rows, plan, tile, block, scores, key_ahead);
  } else {
    float_scores(rows, format, plan, tile, block, scores, key_ahead);
  }
  // Scores past the last key are masked through the rows' own limits, which lie below them.
  const int masked = tile->shortest < first + keys;
  const vf largest = largest_scores(rows, tile, scores, floats, first, masked);
  follow_maximum(tile, plan, largest, counts);
  if (format == ATTN_DECODE_INT8) {
    _Alignas(64) uint32_t words[TILE_ROWS * MOST_PAGE_KEYS / 4];
    _Alignas(64) float factors[LANES];
    int8_weights(rows, tile, largest, scores, words, factors);
    int8_values(rows, plan, tile, block, words, factors, value_ahead);
  } else {
    float_weights(tile, scores, floats);
    float_values(rows, format, plan, tile, block, scores, value_ahead);
  }
}

#define ATTEND_BLOCK(name, rows, format)                                                       \
  __attribute__((noinline)) static void name(                                                  \
      const attn_decode_plan_t *plan, tile_t *tile, const block_t *block, int32_t first,       \
      ahead_t *key_ahead, ahead_t *value_ahead, attn_counts_t *counts) {                       \
    attend_block(rows, format, plan, tile, block, first, key_ahead, value_ahead, counts);      \
  }

ATTEND_BLOCK(attend_f32_1, 1, ATTN_DECODE_FLOAT32)
ATTEND_BLOCK(attend_f32_2, 2, ATTN_DECODE_FLOAT32)
ATTEND_BLOCK(attend_f32_4, 4, ATTN_DECODE_FLOAT32)
ATTEND_BLOCK(attend_bf16_1, 1, ATTN_DECODE_BFLOAT16)
ATTEND_BLOCK(attend_bf16_2, 2, ATTN_DECODE_BFLOAT16)
ATTEND_BLOCK(attend_bf16_4, 4, ATTN_DECODE_BFLOAT16)
ATTEND_BLOCK(attend_int8_1, 1, ATTN_DECODE_INT8)
ATTEND_BLOCK(attend_int8_2, 2, ATTN_DECODE_INT8)
ATTEND_BLOCK(attend_int8_4, 4, ATTN_DECODE_INT8)

typedef void (*attend_block_t)(const attn_decode_plan_t *, tile_t *, const block_t *, int32_t,
                               ahead_t *, ahead_t *, attn_counts_t *);

static attend_block_t block_kernel(attn_decode_format_t format, int32_t rows) {
  static const attend_block_t kernels[3][3] = {
      {attend_f32_1, attend_f32_2, attend_f32_4},
      {attend_bf16_1, attend_bf16_2, attend_bf16_4},
      {attend_int8_1, attend_int8_2, attend_int8_4}};
  return kernels[format][rows == 4 ? 2 : rows - 1];
}

/// Keys of a block: a page. Natural rows: a vector of scores of a tile of one row holds 16 keys.
static int32_t block_keys(const attn_decode_plan_t *plan, const state_t *state) {
  const int32_t page = attn_decode_page_keys(plan->format);
  const int single = state->tiles[state->tile_count - 1].rows == 1;
  return single && page < 16 ? 16 : page;
}

static block_t block_at(const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                        int32_t first, int32_t last, int32_t page) {
  const int32_t count = last - first < page ? last - first : page;
  if (plan->format == ATTN_DECODE_FLOAT32) {
    return (block_t){cache->k + first * cache->k_stride, cache->v + first * cache->v_stride, NULL,
                     4 * cache->k_stride, 4 * cache->v_stride, count};
  }
  const size_t index = (size_t)(first / page);
  const char *at = (const char *)cache->pages + index * attn_decode_page_bytes(plan);
  const int int8 = plan->format == ATTN_DECODE_INT8;
  const char *keys = at + (int8 ? MOST_PAGE_KEYS * sizeof(float) : 0);
  const ptrdiff_t key_bytes = (ptrdiff_t)attn_decode_key_bytes(plan);
  const ptrdiff_t value_bytes = (ptrdiff_t)attn_decode_value_columns(plan) * (int8 ? 4 : 2);
  return (block_t){keys,      keys + page * key_bytes, int8 ? (const float *)at : NULL,
                   key_bytes, value_bytes,             count};
}

static void count_pairs(const tile_t *tile, int32_t first, int32_t last, attn_counts_t *counts) {
  for (int row = 0; row < tile->valid; row++) {
    const int32_t end = tile->visible[row] < last ? tile->visible[row] : last;
    if (end <= first) continue;
    counts->pairs += (uint64_t)(end - first);
    counts->exponentials += (uint64_t)(end - first);
  }
}

/// Where fetching starts while keys are read, and while values are. Natural rows: the values of the
/// block, the keys of the next. Pages follow each other, so a fixed lead crosses from one to the
/// next; INT8 is read so fast that a longer one would outgrow the miss buffers.
static void look_ahead(const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                       const block_t *block, int32_t next_key, ahead_t *key_ahead,
                       ahead_t *value_ahead) {
  if (plan->format == ATTN_DECODE_FLOAT32) {
    *key_ahead = (ahead_t){(uintptr_t)block->values, 1};
    *value_ahead = (ahead_t){(uintptr_t)(cache->k + next_key * cache->k_stride), 1};
    return;
  }
  const uintptr_t lead = plan->format == ATTN_DECODE_BFLOAT16 ? 8192 : 2048;
  *key_ahead = (ahead_t){(uintptr_t)block->keys + lead, 1};
  *value_ahead = (ahead_t){(uintptr_t)block->values + lead, 1};
}

static void attend(void *memory, const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                   int32_t first, int32_t last, attn_counts_t *counts) {
  state_t *state = memory;
  const int32_t page = block_keys(plan, state);
  attend_block_t kernels[MOST_TILES];
  for (int32_t i = 0; i < state->tile_count; i++) {
    kernels[i] = block_kernel(plan->format, state->tiles[i].rows);
    count_pairs(&state->tiles[i], first, last, counts);
  }
  for (int32_t key = first; key < last; key += page) {
    const block_t block = block_at(plan, cache, key, last, page);
    ahead_t key_ahead, value_ahead;
    look_ahead(plan, cache, &block, key + page < last ? key + page : last, &key_ahead,
               &value_ahead);
    for (int32_t i = 0; i < state->tile_count; i++) {
      tile_t *tile = &state->tiles[i];
      if (tile->longest <= key) continue;
      kernels[i](plan, tile, &block, key, &key_ahead, &value_ahead, counts);
      key_ahead.step = value_ahead.step = 0;
    }
  }
}

#define DECODE_TABLE                                                                       \
  {                                                                                        \
    .state_bytes = state_bytes, .value_scales = value_scales, .pack_page = pack_page,      \
    .load = load, .attend = attend, .store = store, .merge = merge                         \
  }

#endif
