// SPDX-License-Identifier: MIT
#ifndef TILED_QK_AVX512_H
#define TILED_QK_AVX512_H

#include "exp_avx512.h"
#include "fma_avx512.h"
#include "tile.h"

/// Accumulators of a score tile: a vector of 16 queries per key and part.
typedef __m512 tiled_scores_t[TILED_MAX_KEYS][2];

TILED_INLINE void tiled_score_step(tiled_scores_t sums, const float *queries,
                                   const float *const *rows, ptrdiff_t d, const int keys,
                                   const int vectors) {
  __m512 query[2];
  TILED_UNROLL for (int j = 0; j < vectors; ++j) {
    query[j] = _mm512_load_ps(queries + d * 32 + 16 * j);
  }
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    tiled_add_products(sums[i], rows[i] + d, query, i, 0, vectors);
  }
}

/// Adds biases to the sums, whose first vector holds lane `lane`.
TILED_INLINE void tiled_add_biases(const tiled_tile_t *tile, tiled_scores_t sums, const int lane,
                                   const int keys, const int vectors) {
  const int per_lane = tile->biased == TILED_LANE_BIASES;
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    TILED_UNROLL for (int j = 0; j < vectors; ++j) {
      const __m512 bias = per_lane ? _mm512_loadu_ps(tile->biases[i] + lane + 16 * j)
                                   : _mm512_set1_ps(*tile->biases[i]);
      sums[i][j] = _mm512_add_ps(sums[i][j], bias);
    }
  }
}

/// Adds biases, clears masked pairs and stores the scores.
TILED_INLINE void tiled_score_end(const tiled_tile_t *tile, tiled_scores_t sums, const int keys,
                                  const int vectors) {
  const int lane = vectors == 1 && tile->parts == 2 ? 16 : 0;
  if (tile->biased) tiled_add_biases(tile, sums, lane, keys, vectors);
  if (tile->masked) {
    const __m512 nothing = _mm512_set1_ps(-INFINITY);
    TILED_UNROLL for (int i = 0; i < keys; ++i) {
      const uint32_t word = tile->words[i] >> lane;
      sums[i][0] = _mm512_mask_mov_ps(nothing, (__mmask16)word, sums[i][0]);
      if (vectors == 2) {
        sums[i][1] = _mm512_mask_mov_ps(nothing, (__mmask16)(word >> 16), sums[i][1]);
      }
    }
  }
  float *scores = tile->scores + lane;
  TILED_UNROLL for (int i = 0; i < keys; ++i, scores += 32) {
    TILED_UNROLL for (int j = 0; j < vectors; ++j) _mm512_store_ps(scores + 16 * j, sums[i][j]);
  }
  if (vectors == 1 && keys % 2 == 1) {
    // Vectors of one part become weights in pairs: complete the last pair with a masked key.
    _mm512_store_ps(scores, _mm512_set1_ps(-INFINITY));
  }
}

enum { TILED_GROUP = 4 };  ///< steps between two chances for exponentials

/// Adds the products of `TILED_GROUP` channels from `d` on to the scores of `keys` keys.
TILED_INLINE void tiled_score_group(tiled_scores_t sums, const float *queries,
                                    const float *const *rows, ptrdiff_t d, const int keys,
                                    const int vectors) {
  TILED_UNROLL for (int i = 0; i < TILED_GROUP; ++i) {
    tiled_score_step(sums, queries, rows, d + i, keys, vectors);
  }
}

/// The last group of a whole tile without masks and biases, key by key, and the scores stored as they
/// are done: many stores at once cost two cycles each, single ones hide behind the products.
TILED_INLINE void tiled_score_last(const tiled_tile_t *tile, tiled_scores_t sums,
                                   const float *queries, const float *const *rows, ptrdiff_t d,
                                   tiled_raw_t *raw) {
  __m512 query[TILED_GROUP][2];
  TILED_UNROLL for (int i = 0; i < TILED_GROUP; ++i) {
    query[i][0] = _mm512_load_ps(queries + (d + i) * 32);
    query[i][1] = _mm512_load_ps(queries + (d + i) * 32 + 16);
  }
  float *scores = tile->scores;
  TILED_UNROLL for (int k = 0; k < TILED_MAX_KEYS; ++k, scores += 32) {
    TILED_UNROLL for (int i = 0; i < TILED_GROUP; ++i) {
      tiled_add_products(sums[k], rows[k] + d + i, query[i], k, 0, 2);
    }
    _mm512_store_ps(scores, sums[k][0]);
    _mm512_store_ps(scores + 16, sums[k][1]);
    if (k == TILED_MAX_KEYS / 2 - 1 && raw->pairs > 0) tiled_weigh_pair(raw);
  }
}

/// Scores of `keys` keys x `vectors` vectors of queries; constants, so that all sums stay in
/// registers. The exponentials of the pending tile are spread evenly over the head dimension, where
/// they fill the pipes that the multiply-adds leave idle.
TILED_INLINE int tiled_score_keys(const tiled_view_t *view, const tiled_tile_t *tile,
                                  const tiled_tile_t *pending, const int keys, const int vectors) {
  const float *rows[TILED_MAX_KEYS];
  tiled_scores_t sums;
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    rows[i] = tile->keys[i];
    sums[i][0] = sums[i][1] = _mm512_setzero_ps();
  }
  const float *queries = view->queries + (vectors == 1 && tile->parts == 2 ? 16 : 0);
  const int32_t head_dim = view->head_dim, groups = head_dim / TILED_GROUP;
  // Steps behind whole groups come last: before them they would cost every tile ten cycles.
  const int by_key = keys == TILED_MAX_KEYS && vectors == 2 && !tile->masked && !tile->biased &&
                     head_dim == groups * TILED_GROUP;
  tiled_raw_t raw = tiled_raw(view->strip, pending);
  const int32_t every = groups > raw.pairs && raw.pairs > 0 ? groups / raw.pairs : 1;
  const int32_t end = (groups - by_key) * TILED_GROUP;
  int32_t wait = 1;
  ptrdiff_t d = 0;
  for (; d < end; d += TILED_GROUP) {
    tiled_score_group(sums, queries, rows, d, keys, vectors);
    if (--wait == 0) {
      wait = every;
      if (raw.pairs > 0) tiled_weigh_pair(&raw);
    }
  }
  if (by_key) {
    tiled_score_last(tile, sums, queries, rows, d, &raw);
  } else {
    for (; d < head_dim; ++d) tiled_score_step(sums, queries, rows, d, keys, vectors);
    tiled_score_end(tile, sums, keys, vectors);
  }
  while (raw.pairs > 0) tiled_weigh_pair(&raw);
  return tiled_raw_end(&raw, view->strip);
}

#endif
