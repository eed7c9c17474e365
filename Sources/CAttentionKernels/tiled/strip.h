// SPDX-License-Identifier: MIT
#ifndef TILED_STRIP_H
#define TILED_STRIP_H

#include <math.h>
#include <string.h>

#include "attn_tiled.h"

#define TILED_INLINE static inline __attribute__((always_inline))
#define TILED_UNROLL _Pragma("clang loop unroll(full)")

enum {
  TILED_MAX_LANES = 32,
  TILED_MAX_KEYS = 8,     ///< keys of the largest key tile
  TILED_BLOCK_KEYS = ATTN_TILED_BLOCK_KEYS  ///< enough to amortise the accumulators, few enough for
                                            ///< the caches
};

/// Scores may exceed the maximum a lane was last rescaled to by this much (log2 units): weights
/// stay below 2^10, far from overflow, and rescaling becomes rare.
#define TILED_SLACK 10.0f

/// Maximum of a lane that has seen no key. Finite, so that a difference with a masked score (-inf)
/// is never NaN; far below any score, so that the first key rescales.
#define TILED_NO_MAXIMUM (-0x1p100f)

/// Head of a strip; the arrays of `tiled_view_t` follow it.
typedef struct {
  int32_t head_dim, value_dim;
  int32_t count;           ///< lanes that hold a query
  int32_t fetched;         ///< rows of `next` already fetched: queries with outputs, then keys
  int32_t announced;       ///< rows of `next`
  attn_tiled_next_t next;
  const float *bias_table;             ///< NULL unless the next `attend` adds biases
  const attn_bias_rows_t *bias_rows;
  float left_out_below;    ///< log2 units; 0 where no keys are left out
  int32_t left_out;        ///< the last `attend` left its keys out
  int32_t output_started;  ///< zero while the output accumulators hold garbage that means zero
  _Alignas(64) float maximum[TILED_MAX_LANES];      ///< log2 units
  _Alignas(64) float denominator[TILED_MAX_LANES];  ///< without the keys of the block at hand
  _Alignas(64) float block_denominator[TILED_MAX_LANES];
  _Alignas(64) float reached[TILED_MAX_LANES];  ///< largest scores of earlier calls, if filtered
  _Alignas(64) float highest[TILED_MAX_LANES];  ///< largest scores of the call at hand, if filtered
  _Alignas(64) float split[3][2][8];  ///< vectors of a key between the two halves of exponentials
} tiled_strip_t;

/// The arrays of one strip; rows are `lanes` floats long.
typedef struct {
  tiled_strip_t *strip;
  int32_t head_dim, value_dim;
  float *queries;  ///< [head_dim][lanes], scaled
  float *outputs;  ///< [value_dim][lanes]
  float *weights;  ///< [TILED_BLOCK_KEYS][lanes]
  float *scores;   ///< two tiles of [TILED_MAX_KEYS][lanes], small enough to stay in the L1 cache
} tiled_view_t;

// The transposes write groups of 16 rows.
TILED_INLINE size_t tiled_padded(int32_t dim) { return ((size_t)dim + 15) & ~(size_t)15; }

TILED_INLINE size_t tiled_strip_bytes(int32_t head_dim, int32_t value_dim, int32_t lanes) {
  const size_t keys = TILED_BLOCK_KEYS + 2 * TILED_MAX_KEYS;
  const size_t rows = tiled_padded(head_dim) + tiled_padded(value_dim) + keys;
  return sizeof(tiled_strip_t) + rows * (size_t)lanes * sizeof(float);
}

TILED_INLINE tiled_view_t tiled_view(void *memory, int32_t lanes) {
  tiled_strip_t *strip = memory;
  float *queries = (float *)(strip + 1);
  float *outputs = queries + tiled_padded(strip->head_dim) * (size_t)lanes;
  float *weights = outputs + tiled_padded(strip->value_dim) * (size_t)lanes;
  float *scores = weights + TILED_BLOCK_KEYS * lanes;
  return (tiled_view_t){strip,   strip->head_dim, strip->value_dim, queries,
                        outputs, weights,         scores};
}

TILED_INLINE tiled_view_t tiled_reset(void *memory, int32_t lanes, int32_t head_dim,
                                      int32_t value_dim, int32_t count) {
  tiled_strip_t *strip = memory;
  strip->head_dim = head_dim;
  strip->value_dim = value_dim;
  strip->count = count;
  strip->announced = strip->fetched = 0;
  strip->bias_table = NULL;
  strip->bias_rows = NULL;
  strip->output_started = 0;
  strip->left_out_below = 0;
  strip->left_out = 0;
  for (int lane = 0; lane < TILED_MAX_LANES; ++lane) {
    strip->maximum[lane] = TILED_NO_MAXIMUM;
    strip->denominator[lane] = 0;
    strip->block_denominator[lane] = 0;
  }
  return tiled_view(memory, lanes);
}

TILED_INLINE void tiled_announce(void *memory, const attn_tiled_next_t *next) {
  tiled_strip_t *strip = memory;
  strip->next = *next;
  strip->announced = next->count + next->key_count;
  strip->fetched = 0;
}

TILED_INLINE void tiled_bias(void *memory, const float *table, const attn_bias_rows_t *rows) {
  tiled_strip_t *strip = memory;
  strip->bias_table = table;
  strip->bias_rows = rows;
}

/// Natural log-sum-exp of a finished lane; -inf for one without any key.
TILED_INLINE float tiled_log_sum_exp(const tiled_strip_t *strip, int lane) {
  const float denominator = strip->denominator[lane];
  if (!(denominator > 0)) return -INFINITY;
  return (strip->maximum[lane] + log2f(denominator)) * 0x1.62e43p-1f;  // ln 2
}

#endif
