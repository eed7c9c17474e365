// SPDX-License-Identifier: MIT
#ifndef TILED_PV_AVX512_H
#define TILED_PV_AVX512_H

#include "fma_avx512.h"
#include "tile.h"

/// Accumulators of an output panel: up to 8 value channels x the two parts of the lanes.
typedef __m512 tiled_panel_t[8][2];

/// Adds one tile to the parts `first ..< first + vectors` of a panel.
TILED_INLINE void tiled_panel_add(tiled_panel_t sums, const tiled_tile_t *tile, ptrdiff_t channel,
                                  const int channels, const int first, const int vectors) {
  const float *weights = tile->weights;
  for (int32_t i = 0; i < tile->count; ++i, weights += 32) {
    const float *value = tile->values[i] + channel;
    __m512 weight[2];
    TILED_UNROLL for (int j = first; j < first + vectors; ++j) {
      weight[j] = _mm512_load_ps(weights + 16 * j);
    }
    TILED_UNROLL for (int c = 0; c < channels; ++c) {
      tiled_add_products(sums[c], value + c, weight, c, first, vectors);
    }
  }
}

/// Adds a block of tiles to `channels` (a constant) value channels of the output.
TILED_INLINE void tiled_panel(const tiled_view_t *view, const tiled_tile_t *tiles, int32_t count,
                              ptrdiff_t channel, const int channels) {
  tiled_panel_t sums;
  TILED_UNROLL for (int c = 0; c < channels; ++c) sums[c][0] = sums[c][1] = _mm512_setzero_ps();
  for (int32_t t = 0; t < count; ++t) {
    const tiled_tile_t *tile = &tiles[t];
    if (tile->parts == 3) {
      tiled_panel_add(sums, tile, channel, channels, 0, 2);
    } else if (tile->parts == 1) {
      tiled_panel_add(sums, tile, channel, channels, 0, 1);
    } else {
      tiled_panel_add(sums, tile, channel, channels, 1, 1);
    }
  }
  float *output = view->outputs + channel * 32;
  const int started = view->strip->output_started;
  TILED_UNROLL for (int c = 0; c < channels; ++c) {
    TILED_UNROLL for (int j = 0; j < 2; ++j) {
      if (started) sums[c][j] = _mm512_add_ps(sums[c][j], _mm512_load_ps(output + 16 * j));
      _mm512_store_ps(output + 16 * j, sums[c][j]);
    }
    output += 32;
  }
}

#endif
