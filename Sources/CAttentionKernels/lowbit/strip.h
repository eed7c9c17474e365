// SPDX-License-Identifier: MIT
// Memory of a strip and the forms its products take in this instruction set.
#ifndef ATTN_LOWBIT_STRIP_H
#define ATTN_LOWBIT_STRIP_H

#include "vector.h"

/// Element forms of one product step: what a 32-bit lane holds and how many terms a step adds.
enum { DOT_F32 = 0, DOT_S16 = 1, DOT_U8 = 2, DOT_BF16 = 3 };

enum {
  INT8_DOT = HAS_DOT_U8 ? DOT_U8 : DOT_S16,
  BF16_DOT = HAS_DOT_BF16 ? DOT_BF16 : DOT_F32,
  /// Keys whose weights are held before they meet the values (F32 and BF16 weights).
  WEIGHT_KEYS = 128,
};

/// A running maximum that no key has reached.
#define NO_MAXIMUM (-1e30f)

INLINE int dot_form(attn_lowbit_t type) {
  return type == ATTN_LOWBIT_INT8 ? INT8_DOT : type == ATTN_LOWBIT_BF16 ? BF16_DOT : DOT_F32;
}

/// Terms a 32-bit lane holds in a form.
INLINE int dot_terms(int form) { return form == DOT_U8 ? 4 : form == DOT_F32 ? 1 : 2; }

INLINE int32_t round_up(int32_t x, int32_t unit) { return (x + unit - 1) / unit * unit; }

/// 32-bit words of a packed key row.
INLINE int32_t key_dwords(const attn_lowbit_plan_t *plan) {
  return plan->qk == ATTN_LOWBIT_INT8 ? (plan->head_dim + 3) / 4 : (plan->head_dim + 1) / 2;
}

/// Channels of a packed value row.
INLINE int32_t value_channels(const attn_lowbit_plan_t *plan) {
  return round_up(plan->value_dim, CHANNEL_TILE);
}

/// Keys of a packed array: a tile that starts at any multiple of 4 may be read whole.
INLINE int32_t packed_keys(int32_t keys) { return round_up(keys, KEY_TILE) + KEY_TILE; }

/// Up to KEY_TILE consecutive keys; `masked` when some pair of the full tile does not count.
typedef struct {
  const uint32_t *words;  // lane masks of the keys, NULL when every lane sees them
  int32_t first_key;
  int32_t count;
  int32_t block;  // first_key / key_block for INT8 weights
  int32_t masked;
} tile_t;

typedef struct {
  int32_t lanes;  // queries loaded
} strip_head_t;

/// A strip seen through its plan.
typedef struct {
  strip_head_t *head;
  int32_t steps;       // steps of a score in the table's form
  int32_t dwords;      // dwords of a packed key row
  int32_t channels;    // padded value channels
  int32_t slots;       // keys the weight buffer holds
  float *maximum;      // [lane], log2 units
  float *denominator;  // [lane]
  float *query_scale;  // [lane]
  vi *queries;         // [step][lane]
  float *output;       // [channel][lane]
  vi *weights;         // [slot / terms][lane]
  vf *scores[2];       // [slot][lane] (INT8 weights) or [KEY_TILE][lane]
  tile_t *tiles[2];    // tiles of a key block
  dword *row;          // [dwords], a query row while it is loaded
  dword *wide_keys;    // [KEY_TILE][steps], keys in the table's form
  dword *wide_values;  // [slot][TILE_ROWS], a panel of values in the table's form
} strip_t;

INLINE void *take(char **cursor, size_t bytes) {
  void *start = *cursor;
  *cursor += (bytes + 63) / 64 * 64;
  return start;
}

/// Lays a strip out from `base`; `*bytes` is its size.
INLINE strip_t strip_view(void *base, const attn_lowbit_plan_t *plan, size_t *bytes) {
  const int block_max = plan->pv == ATTN_LOWBIT_INT8;
  const int wide = dot_form(plan->qk) == DOT_F32 || dot_form(plan->qk) == DOT_S16;
  const size_t row = STRIP_LANES * 4;
  strip_t s;
  s.dwords = key_dwords(plan);
  s.steps = wide ? 2 * s.dwords : s.dwords;
  s.channels = value_channels(plan);
  // Tiles of fewer than KEY_TILE keys occupy whole slots: runs start at multiples of 4.
  s.slots = block_max ? 2 * plan->key_block : WEIGHT_KEYS;
  const size_t slots = (size_t)s.slots;
  char *cursor = base;
  s.head = take(&cursor, sizeof(strip_head_t));
  s.maximum = take(&cursor, row);
  s.denominator = take(&cursor, row);
  s.query_scale = take(&cursor, row);
  s.queries = take(&cursor, (size_t)s.steps * row);
  s.output = take(&cursor, (size_t)s.channels * row);
  s.weights = take(&cursor, slots / (size_t)dot_terms(dot_form(plan->pv)) * row);
  for (int i = 0; i < 2; i++) {
    // Scores of a key block take the places of those of the block before, tile by tile.
    s.scores[i] =
        block_max && i > 0 ? s.scores[0] : take(&cursor, (block_max ? slots : KEY_TILE) * row);
    s.tiles[i] = take(&cursor, slots / KEY_TILE * sizeof(tile_t));
  }
  s.row = take(&cursor, (size_t)s.dwords * 4);
  // Widening writes whole vectors.
  s.wide_keys = take(&cursor, wide ? (KEY_TILE * (size_t)s.steps + VECTOR_LANES) * 4 : 0);
  s.wide_values = take(&cursor, slots * TILE_ROWS * 4);
  *bytes = (size_t)(cursor - (char *)base);
  return s;
}

static size_t strip_bytes(const attn_lowbit_plan_t *plan) {
  size_t bytes;
  char base[1];
  strip_view(base, plan, &bytes);
  return bytes;
}

#endif
