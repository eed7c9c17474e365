// SPDX-License-Identifier: MIT
#ifndef WINDOW_FETCH_H
#define WINDOW_FETCH_H

#include "attn_window.h"

#define WINDOW_INLINE static inline __attribute__((always_inline))
#define WINDOW_UNROLL _Pragma("clang loop unroll(full)")

/// Depth of the products between two looks at what there is to fetch.
enum { WINDOW_CHUNK = 16, WINDOW_LINE = 16, WINDOW_MOST_ROWS = 640 };

/// Rows of the next window, fetched evenly while this one is at work.
typedef struct {
  const float *const *rows;  ///< queries, outputs, keys and values
  int32_t lines;             ///< cache lines of the longest row
  int32_t left;              ///< rows
  int32_t credit, most, chunks;
} window_fetch_t;

/// Lists the rows of `next`; `chunks` looks will be taken.
WINDOW_INLINE window_fetch_t window_fetch(const attn_window_t *next, const float **rows,
                                          int32_t width, int32_t chunks) {
  int32_t count = 0;
  if (next) {
    for (int32_t i = 0; i < next->query_count; ++i) {
      rows[count++] = next->q + next->query_ids[i] * next->q_stride;
      rows[count++] = next->o + next->query_ids[i] * next->o_stride;
    }
    for (int32_t i = 0; i < next->key_count; ++i) {
      rows[count++] = next->k + next->key_ids[i] * next->k_stride;
      rows[count++] = next->v + next->key_ids[i] * next->v_stride;
    }
  }
  return (window_fetch_t){rows, (width + WINDOW_LINE - 1) / WINDOW_LINE, count, 0, count, chunks};
}

/// Fetches the share of one chunk. Inline: a call would put all sums into memory.
WINDOW_INLINE void window_fetch_share(window_fetch_t *fetch) {
  if (fetch->left == 0) return;
  fetch->credit += fetch->most;
  while (fetch->credit >= fetch->chunks && fetch->left > 0) {
    fetch->credit -= fetch->chunks;
    const float *row = fetch->rows[--fetch->left];
    for (int32_t line = 0; line < fetch->lines; ++line) {
      __builtin_prefetch(row + line * WINDOW_LINE, 0, 2);
    }
  }
}

#endif
