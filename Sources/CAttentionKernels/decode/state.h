// SPDX-License-Identifier: MIT
// The state of up to 64 query rows: tiles of 4, 2 or 1 rows against the same keys.
#ifndef DECODE_STATE_H
#define DECODE_STATE_H

#include <math.h>
#include <string.h>

#include "attn_decode.h"
#include "vector.h"

#pragma STDC FP_CONTRACT OFF

enum { TILE_ROWS = 4, MOST_TILES = ATTN_DECODE_ROWS / TILE_ROWS, MOST_PAGE_KEYS = 64 };

/// Where a block's keys and values lie.
typedef struct {
  const void *keys, *values;
  const float *key_scales;  ///< INT8
  int32_t count;    ///< keys that exist
} block_t;

/// Maximum (log2 units) and denominator of a tile. Lanes of maxima: row i mod rows; of denominators:
/// keys, still to be added up.
typedef struct {
  _Alignas(64) float maximum[LANES];
  _Alignas(64) float denominator[TILE_ROWS][LANES];
  _Alignas(64) int32_t visible[LANES];
  _Alignas(64) float query_scale[LANES];   ///< INT8
  _Alignas(64) int32_t query_offset[LANES];  ///< INT8: 128 x the sum of the row's codes
  int32_t rows;   ///< 1, 2 or 4
  int32_t valid;  ///< rows in use; the last of 4 may be zeros
  int32_t shortest, longest;  ///< least and most visible keys of the valid rows
  float *query;    ///< rows x query stride: floats, or pairs or codes in their place
  float *output;   ///< rows x value columns
} tile_t;

typedef struct {
  tile_t tiles[MOST_TILES];
  int32_t tile_count;
  int32_t row_count;
} state_t;

/// Floats between query rows.
INLINE ptrdiff_t query_stride(const attn_decode_plan_t *plan) {
  return ((ptrdiff_t)plan->head_dim + 63) / 64 * 64;
}

static size_t state_bytes(const attn_decode_plan_t *plan) {
  const size_t columns = (size_t)query_stride(plan) + (size_t)attn_decode_value_columns(plan);
  return (sizeof(state_t) + 63) / 64 * 64 + ATTN_DECODE_ROWS * columns * sizeof(float);
}

/// The nearest whole number, ties to even, of |x| < 2^22.
INLINE float nearest(float x) {
  const float magic = 0x1.8p23f;
  return (x + magic) - magic;
}

INLINE float largest_magnitude(const float *x, int32_t count) {
  float largest = 0;
  for (int32_t i = 0; i < count; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  return largest;
}

/// Symmetric codes round(x * (127 / largest)); zeros give zeros.
INLINE void quantise_row(const float *x, int32_t count, float largest, int8_t *codes) {
  const float inverse = largest > 0 ? 127 / largest : 0;
  for (int32_t i = 0; i < count; i++) codes[i] = (int8_t)nearest(x[i] * inverse);
}

/// The upper half of a float, nearest, ties to even; NaN stays NaN.
INLINE uint16_t bfloat16(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if (x != x) return 0x7fc0;
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// Rounds a row to bfloat16: pairs in 32-bit words where there are products of pairs, else floats.
INLINE void round_row(const float *x, int32_t count, float *to) {
  for (int32_t i = 0; i < count; i++) {
    const uint32_t rounded = bfloat16(x[i]);
#if BFLOAT16_DOTS
    ((uint16_t *)to)[i] = (uint16_t)rounded;
#else
    const uint32_t bits = rounded << 16;
    memcpy(to + i, &bits, sizeof bits);
#endif
  }
}

static void load_row(tile_t *tile, const attn_decode_plan_t *plan, const float *q, int row,
                     int32_t visible) {
  float *to = tile->query + row * query_stride(plan);
  memset(to, 0, (size_t)query_stride(plan) * sizeof(float));
  float scale = 0;
  int32_t sum = 0;
  if (q && plan->format == ATTN_DECODE_BFLOAT16) {
    round_row(q, plan->head_dim, to);
  } else if (q) {
    for (int32_t i = 0; i < plan->head_dim; i++) to[i] = q[i] * plan->scale;
    if (plan->format == ATTN_DECODE_INT8) {
      const float largest = largest_magnitude(to, plan->head_dim);
      int8_t *codes = (int8_t *)to;
      // Codes move down into the row's own floats, always behind the one being read.
      quantise_row(to, plan->head_dim, largest, codes);
      memset(codes + plan->head_dim, 0,
             (size_t)query_stride(plan) * sizeof(float) - (size_t)plan->head_dim);
      for (int32_t i = 0; i < plan->head_dim; i++) sum += codes[i];
      scale = largest / 127;
    }
  }
  memset(tile->denominator[row], 0, sizeof tile->denominator[row]);
  for (int lane = row; lane < LANES; lane += tile->rows) {
    tile->maximum[lane] = -INFINITY;
    tile->visible[lane] = visible;
    tile->query_scale[lane] = scale;
    tile->query_offset[lane] = 128 * sum;
  }
}

static void load(void *memory, const attn_decode_plan_t *plan,
                 const attn_decode_queries_t *queries, int32_t first, int32_t count) {
  state_t *state = memory;
  float *floats = (float *)((char *)memory + (sizeof(state_t) + 63) / 64 * 64);
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  state->tile_count = 0;
  state->row_count = count;
  for (int32_t start = 0; start < count; start += TILE_ROWS) {
    tile_t *tile = &state->tiles[state->tile_count++];
    tile->valid = count - start < TILE_ROWS ? count - start : TILE_ROWS;
    tile->rows = tile->valid == 3 ? 4 : tile->valid;
    tile->query = floats;
    floats += tile->rows * query_stride(plan);
    tile->output = floats;
    floats += tile->rows * columns;
    tile->shortest = INT32_MAX;
    tile->longest = 0;
    for (int row = 0; row < tile->rows; row++) {
      if (row >= tile->valid) {
        load_row(tile, plan, NULL, row, INT32_MAX);
        continue;
      }
      const int32_t index = first + start + row;
      const int32_t query = index / queries->group;
      const int32_t visible = queries->visible[query];
      if (visible < tile->shortest) tile->shortest = visible;
      if (visible > tile->longest) tile->longest = visible;
      load_row(tile, plan,
               queries->q + index % queries->group * queries->head_stride
                   + query * queries->query_stride,
               row, visible);
    }
    memset(tile->output, 0, (size_t)(tile->rows * columns) * sizeof(float));
  }
}

static void store(void *memory, const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                  float *o, ptrdiff_t o_stride, float *sums) {
  const state_t *state = memory;
  for (int32_t index = 0; index < state->row_count; index++) {
    const tile_t *tile = &state->tiles[index / TILE_ROWS];
    const int row = index % TILE_ROWS;
    const float *from = tile->output + row * (ptrdiff_t)attn_decode_value_columns(plan);
    float sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += tile->denominator[row][lane];
    sums[2 * index] = tile->maximum[row];
    sums[2 * index + 1] = sum;
    for (int32_t i = 0; i < plan->value_dim; i++) {
      o[index * o_stride + i] =
          plan->format == ATTN_DECODE_INT8 ? from[i] * cache->value_scales[i] : from[i];
    }
  }
}

static void merge(const float *parts, ptrdiff_t part_stride, const float *sums,
                  ptrdiff_t sum_stride, int32_t count, int32_t width, float *o) {
  float maximum = -INFINITY, total = 0;
  for (int32_t part = 0; part < count; part++) {
    const float own = sums[part * sum_stride];
    maximum = own > maximum ? own : maximum;
  }
  memset(o, 0, (size_t)width * sizeof(float));
  for (int32_t part = 0; part < count; part++) {
    const float weight =
        sums[part * sum_stride + 1] > 0 ? exp2f(sums[part * sum_stride] - maximum) : 0;
    if (weight == 0) continue;
    total += weight * sums[part * sum_stride + 1];
    for (int32_t i = 0; i < width; i++) o[i] += weight * parts[part * part_stride + i];
  }
  if (total > 0) {
    for (int32_t i = 0; i < width; i++) o[i] /= total;
  }
}

#endif
