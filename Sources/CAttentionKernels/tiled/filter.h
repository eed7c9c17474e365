// SPDX-License-Identifier: MIT
// Keys of one call that weigh nothing beside those of earlier calls.
#ifndef TILED_FILTER_H
#define TILED_FILTER_H

#include "strip.h"

TILED_INLINE void tiled_filter_begin(tiled_strip_t *strip) {
  strip->left_out = 0;
  for (int lane = 0; lane < TILED_MAX_LANES; ++lane) strip->highest[lane] = -INFINITY;
}

/// Notes the scores of `count` keys, `stride` floats apart, in the lanes `first ..< end`.
TILED_INLINE void tiled_filter_note(tiled_strip_t *strip, const float *scores, int32_t count,
                                    int32_t stride, const int first, const int end) {
  float highest[TILED_MAX_LANES];
  for (int lane = first; lane < end; ++lane) highest[lane] = strip->highest[lane];
  for (int32_t i = 0; i < count; ++i, scores += stride) {
    for (int lane = first; lane < end; ++lane) {
      const float score = scores[lane];
      // What is no number stays, so that its block is kept.
      highest[lane] = score > highest[lane] || score != score ? score : highest[lane];
    }
  }
  for (int lane = first; lane < end; ++lane) strip->highest[lane] = highest[lane];
}

/// Whether all keys of the call are negligible; otherwise their scores count for later calls.
TILED_INLINE int tiled_filter_end(tiled_strip_t *strip) {
  int keeps = 0;
  for (int lane = 0; lane < strip->count; ++lane) {
    const float highest = strip->highest[lane];
    if (highest == -INFINITY) continue;
    keeps |= !(highest - strip->reached[lane] + strip->left_out_below <= 0);
  }
  strip->left_out = !keeps;
  if (!keeps) return 1;
  for (int lane = 0; lane < strip->count; ++lane) {
    const float highest = strip->highest[lane], reached = strip->reached[lane];
    strip->reached[lane] = highest > reached ? highest : reached;
  }
  return 0;
}

#endif
