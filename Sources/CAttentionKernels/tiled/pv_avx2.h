// SPDX-License-Identifier: MIT
#ifndef TILED_PV_AVX2_H
#define TILED_PV_AVX2_H

#include "shape_avx2.h"
#include "tile.h"

enum { TILED_AVX2_PANEL = 4 };  ///< channels

/// Accumulators of an output panel: up to 4 value channels x three vectors of 8 queries.
typedef __m256 tiled_panel_t[TILED_AVX2_PANEL][3];

/// The line of values that a panel fetches of every tile: of which key, from which channel on.
typedef struct {
  int key;
  ptrdiff_t channel;
} tiled_panel_fetch_t;

TILED_INLINE void tiled_panel_key(tiled_panel_t sums, const float *weights, const float *value,
                                  const int channels) {
  const __m256 w0 = _mm256_load_ps(weights), w1 = _mm256_load_ps(weights + 8);
  const __m256 w2 = _mm256_load_ps(weights + 16);
  TILED_UNROLL for (int c = 0; c < channels; ++c) {
    const __m256 x = _mm256_broadcast_ss(value + c);
    sums[c][0] = _mm256_fmadd_ps(x, w0, sums[c][0]);
    sums[c][1] = _mm256_fmadd_ps(x, w1, sums[c][1]);
    sums[c][2] = _mm256_fmadd_ps(x, w2, sums[c][2]);
    TILED_PIN(sums[c]);
  }
}

/// Adds a tile and, meanwhile, fetches what `fetch` says of it.
TILED_INLINE void tiled_panel_add(tiled_panel_t sums, const tiled_tile_t *tile, ptrdiff_t channel,
                                  const tiled_panel_fetch_t *fetch, const int channels) {
  const float *weights = tile->weights;
  if (__builtin_expect(tile->count == TILED_AVX2_KEYS, 1)) {
    __builtin_prefetch(tile->values[fetch->key] + fetch->channel, 0, 3);
    TILED_UNROLL for (int i = 0; i < TILED_AVX2_KEYS; ++i) {
      tiled_panel_key(sums, weights + i * 24, tile->values[i] + channel, channels);
    }
    return;
  }
  for (int32_t i = 0; i < tile->count; ++i) {
    tiled_panel_key(sums, weights + i * 24, tile->values[i] + channel, channels);
  }
}

/// Adds a block of tiles to `channels` (a constant) value channels of the output.
TILED_INLINE void tiled_panel(const tiled_view_t *view, const tiled_tile_t *tiles, int32_t count,
                              ptrdiff_t channel, const int channels) {
  tiled_panel_t sums;
  TILED_UNROLL for (int c = 0; c < channels; ++c) {
    sums[c][0] = sums[c][1] = sums[c][2] = _mm256_setzero_ps();
  }
  // The four panels of a line of values fetch the next one, a key of every tile each.
  const tiled_panel_fetch_t fetch = {(int)(channel / TILED_AVX2_PANEL % TILED_AVX2_KEYS),
                                     channel / TILED_LINE * TILED_LINE + TILED_LINE};
  for (int32_t t = 0; t < count; ++t) tiled_panel_add(sums, &tiles[t], channel, &fetch, channels);
  float *output = view->outputs + channel * 24;
  const int started = view->strip->output_started;
  TILED_UNROLL for (int c = 0; c < channels; ++c) {
    TILED_UNROLL for (int j = 0; j < 3; ++j) {
      if (started) sums[c][j] = _mm256_add_ps(sums[c][j], _mm256_load_ps(output + 8 * j));
      _mm256_store_ps(output + 8 * j, sums[c][j]);
    }
    output += 24;
  }
}

#endif
