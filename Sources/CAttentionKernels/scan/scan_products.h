// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_PRODUCTS_H
#define ATTN_SCAN_PRODUCTS_H

#include "scan_features.h"

/// Multiply-add steps (tokens or features) between two feature steps.
enum { SCAN_UNROLL = 4 };

/// Rows of S, about, that a block of ready queries is multiplied with before the next ones: they
/// stay in the nearest cache.
enum { SCAN_SLICE = 64 };

/// Slices are of nearly equal length, in whole steps.
static inline int32_t scan_slice(int32_t features) {
  int32_t slices = features < SCAN_SLICE ? 1 : features / SCAN_SLICE;
  return scan_ceil(scan_ceil(features, slices), SCAN_UNROLL) * SCAN_UNROLL;
}

/// A tile of `rows` x `vectors` accumulators.
typedef struct {
  vec at[8][SCAN_PANEL];
} scan_tile_t;

/// What a product kernel carries along: the features of the next block, to be mapped in between.
typedef struct {
  ptrdiff_t feature_stride, state_stride;
  int32_t features;
  scan_cursor_t next;
} scan_work_t;

/// Whether the registers suffice for a map in between products.
SCAN_INLINE int scan_hides(scan_map_t map) {
  return SCAN_INTERLEAVED_EXP || map == SCAN_MAP_FLOOR || map == SCAN_MAP_READY;
}

/// Maps the next vector of features in between products.
SCAN_INLINE void scan_interleave(scan_cursor_t *next, scan_map_t map, int flags) {
  if (scan_hides(map)) scan_step(next, map, flags);
}

/// Rows of a tile of `vectors` columns: enough accumulators to cover the latency.
SCAN_INLINE int scan_tile_rows(int vectors) { return vectors <= SCAN_TALL ? 8 : 4; }

SCAN_INLINE void scan_tile_clear(scan_tile_t *tile, int rows, int vectors) {
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) tile->at[i][j] = vec_zero();
  }
}

/// Makes the compiler finish all products of a tile here; it would sink them below a feature step
/// and spill their operands.
SCAN_INLINE void scan_tile_pin(scan_tile_t *tile, int rows, int vectors) {
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) SCAN_PIN(tile->at[i][j]);
  }
}

/// tile += a b^T for a column `a` (one scalar per row, `a_stride` apart) and a row `b`.
SCAN_INLINE void scan_rank1(scan_tile_t *tile, const float *a, ptrdiff_t a_stride, const float *b,
                            int rows, int vectors) {
  vec row[SCAN_PANEL];
  SCAN_UNROLL_ALL
  for (int j = 0; j < vectors; ++j) row[j] = vec_load(b + j * SCAN_LANES);
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    vec scalar = vec_set1(a[i * a_stride]);
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) tile->at[i][j] = vec_fma(scalar, row[j], tile->at[i][j]);
  }
  SCAN_KEEP_ORDER;
}

/// S tile = factor * S tile + K'^T V over `tokens` tokens.
SCAN_INLINE void scan_update_tile(scan_work_t *w, float *s, const float *k, const float *v,
                                  ptrdiff_t v_stride, int32_t tokens, float factor, scan_map_t map,
                                  int flags, int rows, int vectors) {
  scan_tile_t tile;
  scan_tile_clear(&tile, rows, vectors);
  int32_t t = 0;
  for (; t + SCAN_UNROLL <= tokens; t += SCAN_UNROLL) {
    SCAN_UNROLL_ALL
    for (int u = 0; u < SCAN_UNROLL; ++u) {
      scan_rank1(&tile, k + u * w->feature_stride, 1, v + u * v_stride, rows, vectors);
    }
    scan_tile_pin(&tile, rows, vectors);
    k += SCAN_UNROLL * w->feature_stride;
    v += SCAN_UNROLL * v_stride;
    scan_interleave(&w->next, map, flags);
  }
  for (; t < tokens; ++t) {
    scan_rank1(&tile, k, 1, v, rows, vectors);
    k += w->feature_stride;
    v += v_stride;
  }
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      float *at = s + i * w->state_stride + j * SCAN_LANES;
      vec old = vec_load(at);
      vec_store(at, (flags & SCAN_DECAY) ? vec_fma(old, vec_set1(factor), tile.at[i][j])
                                         : vec_add(old, tile.at[i][j]));
    }
  }
}

/// One column panel of S = factor * S + K'^T V.
SCAN_INLINE void scan_update_panel(scan_work_t *work, float *s, const float *k, const float *v,
                                   ptrdiff_t v_stride, int32_t tokens, float factor,
                                   scan_map_t map, int flags, int vectors) {
  int rows = scan_tile_rows(vectors);
  scan_work_t w = *work;
  for (int32_t r = 0; r < w.features; r += rows) {
    scan_update_tile(&w, s + r * w.state_stride, k + r, v, v_stride, tokens, factor, map, flags,
                     rows, vectors);
  }
  work->next = w.next;
}

/// The last SCAN_ENDS steps of a tile of outputs, row by row: a row is scaled and stored beside the
/// products of those after it.
SCAN_INLINE void scan_end_tile(const scan_work_t *w, scan_tile_t *tile, float *o,
                               ptrdiff_t o_stride, const float *q, const float *s,
                               const float *factor, int rows, int vectors) {
  vec last[SCAN_ENDS > 0 ? SCAN_ENDS : 1][SCAN_PANEL];
  SCAN_UNROLL_ALL
  for (int u = 0; u < SCAN_ENDS; ++u) {
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      last[u][j] = vec_load(s + u * w->state_stride + j * SCAN_LANES);
    }
  }
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    vec *row = tile->at[i], scale = vec_set1(factor ? factor[i] : 1);
    SCAN_UNROLL_ALL
    for (int u = 0; u < SCAN_ENDS; ++u) {
      vec scalar = vec_set1(q[i * w->feature_stride + u]);
      SCAN_UNROLL_ALL
      for (int j = 0; j < vectors; ++j) row[j] = vec_fma(scalar, last[u][j], row[j]);
    }
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors && SCAN_ENDS > 0; ++j) SCAN_PIN(row[j]);
    SCAN_UNROLL_ALL
    for (int j = 0; j < vectors; ++j) {
      vec_store(o + i * o_stride + j * SCAN_LANES, vec_mul(row[j], scale));
    }
  }
}

/// `rows` rows of one panel of O = (O +) Q' S, times a factor per row (if there is one).
SCAN_INLINE void scan_output_tile(scan_work_t *w, float *o, ptrdiff_t o_stride, const float *q,
                                  const float *s, const float *factor, int adds, scan_map_t map,
                                  int flags, int rows, int vectors) {
  scan_tile_t tile;
  scan_tile_clear(&tile, rows, vectors);
  if (adds) {
    SCAN_UNROLL_ALL
    for (int i = 0; i < rows; ++i) {
      SCAN_UNROLL_ALL
      for (int j = 0; j < vectors; ++j) {
        tile.at[i][j] = vec_load(o + i * o_stride + j * SCAN_LANES);
      }
    }
  }
  // S and the features are zero up to a multiple of SCAN_UNROLL.
  for (int32_t r = SCAN_ENDS > 0 ? SCAN_UNROLL : 0; r < w->features; r += SCAN_UNROLL) {
    SCAN_UNROLL_ALL
    for (int u = 0; u < SCAN_UNROLL; ++u) {
      scan_rank1(&tile, q + u, w->feature_stride, s, rows, vectors);
      s += w->state_stride;
    }
    scan_tile_pin(&tile, rows, vectors);
    q += SCAN_UNROLL;
    scan_interleave(&w->next, map, flags);
  }
  if (SCAN_ENDS > 0) {
    SCAN_UNROLL_ALL
    for (int u = 0; u < SCAN_UNROLL - SCAN_ENDS; ++u, ++q, s += w->state_stride) {
      scan_rank1(&tile, q, w->feature_stride, s, rows, vectors);
    }
    scan_tile_pin(&tile, rows, vectors);
    scan_interleave(&w->next, map, flags);
  }
  scan_end_tile(w, &tile, o, o_stride, q, s, factor, rows, vectors);
}

/// One column panel of O = Q' S for `tokens` rows, times a factor per row.
SCAN_INLINE void scan_output_panel(scan_work_t *work, float *o, ptrdiff_t o_stride, const float *q,
                                   const float *s, const float *factor, int32_t tokens,
                                   scan_map_t map, int flags, int vectors) {
  int rows = scan_tile_rows(vectors);
  scan_work_t w = *work;
  if (map == SCAN_MAP_READY && tokens % rows == 0) {
    int32_t slice = scan_slice(work->features);
    for (int32_t r = 0; r < work->features; r += slice) {
      int last = r + slice >= work->features;
      w.features = scan_min(work->features - r, slice);
      for (int32_t t = 0; t < tokens; t += rows) {
        scan_output_tile(&w, o + t * o_stride, o_stride, q + t * w.feature_stride + r,
                         s + r * w.state_stride, last ? factor + t : NULL, r > 0, map, flags, rows,
                         vectors);
          }
    }
    work->next = w.next;
    return;
  }
  // The last tile is moved up to end with the block: some rows are computed twice, all alike.
  for (int32_t next = 0; next < tokens && tokens >= rows;) {
    int32_t t = scan_min(next, tokens - rows);
    scan_output_tile(&w, o + t * o_stride, o_stride, q + t * w.feature_stride, s, factor + t, 0,
                     map, flags, rows, vectors);
    next = t + rows;
  }
  for (int32_t t = 0; t < tokens && tokens < rows; ++t) {
    scan_output_tile(&w, o + t * o_stride, o_stride, q + t * w.feature_stride, s, factor + t, 0,
                     map, flags, 1, vectors);
  }
  work->next = w.next;
}

#endif
