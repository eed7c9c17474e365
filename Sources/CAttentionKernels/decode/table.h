// SPDX-License-Identifier: MIT
// Attention of a state to a range of keys, and the kernel table of one instruction set.
#ifndef DECODE_TABLE_H
#define DECODE_TABLE_H

#include "pack.h"
#include "pages.h"

/// One tile against one page of keys from `first` on.
#define ATTEND_BLOCK(name, rows, format)                                                       \
  __attribute__((noinline)) static void name(                                                  \
      const attn_decode_plan_t *plan, tile_t *tile, const block_t *block, int32_t first,       \
      attn_counts_t *counts) {                                                                 \
    attend_page(rows, format, plan, tile, block, first, counts);                               \
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
                               attn_counts_t *);

static attend_block_t block_kernel(attn_decode_format_t format, int32_t rows) {
  static const attend_block_t kernels[3][3] = {
      {attend_f32_1, attend_f32_2, attend_f32_4},
      {attend_bf16_1, attend_bf16_2, attend_bf16_4},
      {attend_int8_1, attend_int8_2, attend_int8_4}};
  return kernels[format][rows == 4 ? 2 : rows - 1];
}

static block_t block_at(const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                        int32_t first, int32_t last, int32_t page) {
  const int32_t count = last - first < page ? last - first : page;
  const size_t index = (size_t)(first / page);
  const char *at = (const char *)cache->pages + index * attn_decode_page_bytes(plan);
  const int int8 = plan->format == ATTN_DECODE_INT8;
  const char *keys = at + (int8 ? MOST_PAGE_KEYS * sizeof(float) : 0);
  const char *values = keys + (size_t)page * attn_decode_key_bytes(plan);
  return (block_t){keys, values, int8 ? (const float *)at : NULL, count};
}

static void count_pairs(const tile_t *tile, int32_t first, int32_t last, attn_counts_t *counts) {
  for (int row = 0; row < tile->valid; row++) {
    const int32_t end = tile->visible[row] < last ? tile->visible[row] : last;
    if (end <= first) continue;
    counts->pairs += (uint64_t)(end - first);
    counts->exponentials += (uint64_t)(end - first);
  }
}

static void attend(void *memory, const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                   int32_t first, int32_t last, attn_counts_t *counts) {
  state_t *state = memory;
  const int32_t page = attn_decode_page_keys(plan->format);
  attend_block_t kernels[MOST_TILES];
  for (int32_t i = 0; i < state->tile_count; i++) {
    kernels[i] = block_kernel(plan->format, state->tiles[i].rows);
    count_pairs(&state->tiles[i], first, last, counts);
  }
  for (int32_t key = first; key < last; key += page) {
    const block_t block = block_at(plan, cache, key, last, page);
    for (int32_t i = 0; i < state->tile_count; i++) {
      tile_t *tile = &state->tiles[i];
      if (tile->longest <= key) continue;
      kernels[i](plan, tile, &block, key, counts);
    }
  }
}

/// Reads four streams side by side, each announced to the second-level cache 2 KB ahead: of 1 to 8
/// streams, with leads of 0 to 16 KB to either cache, none is faster.
INLINE vi read_bytes(const char *at, size_t bytes) {
  enum { STREAMS = 4, STEP = 256, LEAD = 2048 };
  const size_t part = bytes / STREAMS / STEP * STEP;
  vi folded[4] = {all_i(0), all_i(0), all_i(0), all_i(0)};
  for (size_t i = 0; i < part; i += STEP) {
    UNROLL for (int stream = 0; stream < STREAMS; stream++) {
      const char *line = at + (size_t)stream * part + i;
      UNROLL for (int j = 0; j < STEP; j += 4 * LANES) {
        if (j % 64 == 0) {
          __builtin_prefetch((const void *)((uintptr_t)line + (uintptr_t)j + LEAD), 0, 2);
        }
        folded[j / (4 * LANES) % 4] ^= load_i(line + j);
      }
    }
  }
  for (size_t i = STREAMS * part; i + 4 * LANES <= bytes; i += 4 * LANES) {
    folded[0] ^= load_i(at + i);
  }
  return (folded[0] ^ folded[1]) ^ (folded[2] ^ folded[3]);
}

static int32_t read(const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                    int32_t first, int32_t last) {
  const int32_t page = attn_decode_page_keys(plan->format);
  const size_t bytes = attn_decode_page_bytes(plan);
  const vi folded = read_bytes((const char *)cache->pages + (size_t)(first / page) * bytes,
                               (size_t)((last + page - 1) / page - first / page) * bytes);
  int32_t all = 0;
  for (int lane = 0; lane < LANES; lane++) all ^= folded[lane];
  return all;
}

#define DECODE_TABLE                                                                       \
  {                                                                                        \
    .state_bytes = state_bytes, .value_scales = value_scales, .pack_page = pack_page,      \
    .load = load, .attend = attend, .store = store, .merge = merge, .read = read           \
  }

#endif
