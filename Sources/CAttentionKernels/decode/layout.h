// SPDX-License-Identifier: MIT
// Where the elements of a page lie. Every table reads only pages that it wrote itself.
//
// Keys: runs of as many keys as their scores stay in registers, in a run channel by channel: a
// 32-bit word holds 1, 2 or 4 channels of a key, and the words of a run's keys lie side by side.
// Values: panels of columns. In a panel, rows of floats lie key by key, in bfloat16 column c of a
// vector beside column c of the next; INT8 words hold 4 keys of a column.
#ifndef DECODE_LAYOUT_H
#define DECODE_LAYOUT_H

#include "state.h"

/// Vectors of keys whose scores are summed at once.
INLINE int score_vectors(const int format) {
  return format == ATTN_DECODE_INT8 ? INT8_SCORE_VECTORS : FLOAT_SCORE_VECTORS;
}

/// Value columns come in multiples of 32; those beyond the whole panels form narrower ones.
#define TAIL_PANEL (32 / LANES < PANEL ? 32 / LANES : PANEL)

/// Columns of the panel that begins at `column`.
INLINE int32_t panel_width(int32_t column, int32_t columns) {
  return (column + PANEL * LANES <= columns ? PANEL : TAIL_PANEL) * LANES;
}

/// Where channel `channel` of key `key` lies in the page's keys [byte].
INLINE ptrdiff_t key_place(const attn_decode_plan_t *plan, int32_t key, int32_t channel) {
  const int32_t run = score_vectors(plan->format) * LANES;
  const int32_t channels = attn_decode_word_channels(plan->format);
  const ptrdiff_t words = (ptrdiff_t)attn_decode_key_bytes(plan) / 4;
  return 4 * ((key / run * words + channel / channels) * run + key % run)
         + channel % channels * (4 / channels);
}

/// Where the value of key `key` in column `c` of a panel lies in the panel [element].
INLINE ptrdiff_t value_place(int format, int32_t width, int32_t key, int32_t c) {
  if (format == ATTN_DECODE_INT8) return (key / 4 * (ptrdiff_t)width + c) * 4 + key % 4;
  if (format == ATTN_DECODE_FLOAT32) return key * (ptrdiff_t)width + c;
  const int32_t vector = c / LANES;
  return key * (ptrdiff_t)width + vector / 2 * 2 * LANES + c % LANES * 2 + vector % 2;
}

#endif
