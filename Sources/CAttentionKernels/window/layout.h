// SPDX-License-Identifier: MIT
#ifndef WINDOW_LAYOUT_H
#define WINDOW_LAYOUT_H

#include "fetch.h"

enum { WINDOW_MOST_QUERIES = 64, WINDOW_MOST_KEYS = 256 };

WINDOW_INLINE int32_t window_round_up(int32_t count, int32_t to) {
  return (count + to - 1) / to * to;
}

/// The scratch of one window for vectors of `lanes` floats.
typedef struct {
  int32_t head_dim, value_dim;
  int32_t key_lanes;   ///< keys that vectors hold; one more may be treated by itself
  int32_t row_stride;  ///< floats of a row of weights
  ptrdiff_t block;     ///< floats of a pair of vectors of transposed keys
  float *keys;         ///< [key_lanes / (2 lanes)][head_dim][2 lanes], scaled
  float *values;       ///< [keys][value_dim padded to vectors]
  float *weights;      ///< [queries][row_stride]
  float *shares;       ///< [queries]: 1 / sum of the row's weights
  float scale;
} window_view_t;

WINDOW_INLINE size_t window_scratch_bytes(int32_t head_dim, int32_t value_dim, int32_t lanes) {
  const size_t keys = (size_t)WINDOW_MOST_KEYS * (size_t)window_round_up(head_dim, lanes);
  const size_t values = (size_t)WINDOW_MOST_KEYS * (size_t)window_round_up(value_dim, lanes);
  const size_t rows = (size_t)WINDOW_MOST_QUERIES * (WINDOW_MOST_KEYS + 1);
  return (keys + values + rows) * sizeof(float);
}

WINDOW_INLINE window_view_t window_view(void *scratch, const attn_window_t *window,
                                        int32_t head_dim, int32_t value_dim, float scale,
                                        int32_t lanes) {
  // A single key beyond whole vectors takes dot products, not a vector of its own.
  const int32_t keys = window->key_count;
  const int32_t single = keys > lanes && keys % lanes == 1;
  const ptrdiff_t block = (ptrdiff_t)window_round_up(head_dim, lanes) * 2 * lanes;
  float *transposed = scratch;
  float *values = transposed + block * (WINDOW_MOST_KEYS / (2 * lanes));
  float *weights = values + (ptrdiff_t)WINDOW_MOST_KEYS * window_round_up(value_dim, lanes);
  return (window_view_t){.head_dim = head_dim,
                         .value_dim = value_dim,
                         .key_lanes = keys - single,
                         .row_stride = window_round_up(keys, lanes),
                         .block = block,
                         .keys = transposed,
                         .values = values,
                         .weights = weights,
                         .shares = weights + WINDOW_MOST_QUERIES * WINDOW_MOST_KEYS,
                         .scale = scale};
}

#endif
