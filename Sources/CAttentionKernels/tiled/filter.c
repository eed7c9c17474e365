// SPDX-License-Identifier: MIT
#include "strip.h"

void attn_tiled_leave_out(void *memory, float below) {
  tiled_strip_t *strip = memory;
  strip->left_out_below = below;
  for (int lane = 0; lane < TILED_MAX_LANES; ++lane) strip->reached[lane] = TILED_NO_MAXIMUM;
}

int32_t attn_tiled_left_out(const void *memory) {
  const tiled_strip_t *strip = memory;
  return strip->left_out;
}
