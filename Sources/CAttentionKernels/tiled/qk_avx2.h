// SPDX-License-Identifier: MIT
#ifndef TILED_QK_AVX2_H
#define TILED_QK_AVX2_H

#include "exp_avx2.h"
#include "shape_avx2.h"
#include "tile.h"

/// Accumulators of a score tile: three vectors of 8 queries per key.
typedef __m256 tiled_scores_t[TILED_AVX2_KEYS][TILED_AVX2_VECTORS];

/// Adds the products of channel `d`, of which `query` holds all lanes.
TILED_INLINE void tiled_score_step(tiled_scores_t sums, const float *query,
                                   const float *const *rows, ptrdiff_t d, const int keys) {
  const __m256 q0 = _mm256_load_ps(query), q1 = _mm256_load_ps(query + 8);
  const __m256 q2 = _mm256_load_ps(query + 16);
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    const __m256 x = _mm256_broadcast_ss(rows[i] + d);
    sums[i][0] = _mm256_fmadd_ps(x, q0, sums[i][0]);
    sums[i][1] = _mm256_fmadd_ps(x, q1, sums[i][1]);
    sums[i][2] = _mm256_fmadd_ps(x, q2, sums[i][2]);
    TILED_PIN(sums[i]);
  }
}

/// All ones where bit 8 j + i of `word` is set in lane i.
TILED_INLINE __m256 tiled_word_mask(uint32_t word, int j) {
  const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i spread = _mm256_and_si256(_mm256_set1_epi32((int)(word >> (8 * j))), bits);
  return _mm256_castsi256_ps(_mm256_cmpeq_epi32(spread, bits));
}

TILED_INLINE void tiled_mask_scores(tiled_scores_t sums, const uint32_t *words, const int keys) {
  const __m256 nothing = _mm256_set1_ps(-INFINITY);
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
      sums[i][j] = _mm256_blendv_ps(nothing, sums[i][j], tiled_word_mask(words[i], j));
    }
  }
}

TILED_INLINE void tiled_add_biases(const tiled_tile_t *tile, tiled_scores_t sums, const int keys) {
  const int per_lane = tile->biased == TILED_LANE_BIASES;
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
      const __m256 bias = per_lane ? _mm256_loadu_ps(tile->biases[i] + 8 * j)
                                   : _mm256_broadcast_ss(tile->biases[i]);
      sums[i][j] = _mm256_add_ps(sums[i][j], bias);
    }
  }
}

/// Adds biases, clears masked pairs and stores the scores.
TILED_INLINE void tiled_score_end(const tiled_tile_t *tile, tiled_scores_t sums, const int keys) {
  if (tile->biased) tiled_add_biases(tile, sums, keys);
  if (tile->masked) tiled_mask_scores(sums, tile->words, keys);
  float *scores = tile->scores;
  TILED_UNROLL for (int i = 0; i < keys; ++i, scores += TILED_AVX2_LANES) {
    _mm256_store_ps(scores, sums[i][0]);
    _mm256_store_ps(scores + 8, sums[i][1]);
    _mm256_store_ps(scores + 16, sums[i][2]);
  }
}

/// Channels of a line of keys, a group of steps of the score tile.
enum { TILED_AVX2_GROUP = 16 };

/// Steps of a group before which the vectors of a key are split and joined.
enum { TILED_SPLIT_0 = 0, TILED_SPLIT_1 = 5, TILED_SPLIT_2 = 8 };
enum { TILED_JOIN_0 = 10, TILED_JOIN_1 = 13, TILED_JOIN_2 = 15 };

/// Adds a group of channels from `d` on, a line of every key, to the scores of a whole tile, and fetches
/// that line of the keys that come next, the first at `next` and `step` floats apart.
///
/// A key of `raw`, unless that is NULL, becomes weights meanwhile.
TILED_INLINE void tiled_score_group(tiled_scores_t sums, const float *queries,
                                    const float *const *rows, ptrdiff_t d, tiled_raw_t *raw,
                                    const float *next, ptrdiff_t step) {
  const float *query = queries + d * TILED_AVX2_LANES;
  __asm__("" : "+r"(query));  // an address to count from, not one to compute anew at every step
  TILED_UNROLL for (int i = 0; i < TILED_AVX2_GROUP; ++i, query += TILED_AVX2_LANES) {
    if (i % 4 == 1) __builtin_prefetch(next + i / 4 * step + d, 0, 3);
    if (raw) {
      if (i == TILED_SPLIT_0) tiled_weigh_split(raw, 0);
      if (i == TILED_SPLIT_1) tiled_weigh_split(raw, 1);
      if (i == TILED_SPLIT_2) tiled_weigh_split(raw, 2);
      if (i == TILED_JOIN_0) tiled_weigh_join(raw, 0);
      if (i == TILED_JOIN_1) tiled_weigh_join(raw, 1);
      if (i == TILED_JOIN_2) tiled_weigh_join(raw, 2);
    }
    tiled_score_step(sums, query, rows, d + i, TILED_AVX2_KEYS);
  }
  if (raw) tiled_weigh_advance(raw);
}

/// Adds all whole groups of channels; the keys of `raw` are spread evenly over them, where their
/// exponentials fill the pipes that the multiply-adds leave idle. Returns how many channels that was.
TILED_INLINE ptrdiff_t tiled_score_groups(const tiled_view_t *view, const tiled_tile_t *tile,
                                          tiled_scores_t sums, const float *const *rows,
                                          tiled_raw_t *raw) {
  const int32_t groups = view->head_dim / TILED_AVX2_GROUP;
  const int32_t every = groups > TILED_AVX2_KEYS ? groups / TILED_AVX2_KEYS : 1;
  const ptrdiff_t step = rows[1] - rows[0];
  int32_t wait = 1;
  ptrdiff_t d = 0;
  for (; d < groups * TILED_AVX2_GROUP; d += TILED_AVX2_GROUP) {
    if (--wait == 0 && raw->keys > 0) {
      wait = every;
      tiled_score_group(sums, view->queries, rows, d, raw, tile->next, step);
    } else {
      tiled_score_group(sums, view->queries, rows, d, NULL, tile->next, step);
    }
  }
  return d;
}

/// Scores of `keys` (a constant) keys. The pending tile becomes weights beside those of a whole tile.
TILED_INLINE int tiled_score_keys(const tiled_view_t *view, const tiled_tile_t *tile,
                                  const tiled_tile_t *pending, const int keys) {
  const float *rows[TILED_AVX2_KEYS];
  tiled_scores_t sums;
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    rows[i] = tile->keys[i];
    sums[i][0] = sums[i][1] = sums[i][2] = _mm256_setzero_ps();
  }
  tiled_raw_t raw = tiled_raw(view->strip, pending);
  ptrdiff_t d = 0;
  if (keys == TILED_AVX2_KEYS) d = tiled_score_groups(view, tile, sums, rows, &raw);
  for (; d < view->head_dim; ++d) {
    tiled_score_step(sums, view->queries + d * TILED_AVX2_LANES, rows, d, keys);
  }
  tiled_weigh_rest(&raw);
  tiled_score_end(tile, sums, keys);
  return tiled_raw_end(view->strip, pending);
}

#endif
