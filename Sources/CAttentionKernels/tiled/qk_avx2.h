// SPDX-License-Identifier: MIT
#ifndef TILED_QK_AVX2_H
#define TILED_QK_AVX2_H

#include "exp_avx2.h"
#include "shape_avx2.h"
#include "tile.h"

/// Accumulators of a score tile: three vectors of 8 queries per key.
typedef __m256 tiled_scores_t[TILED_AVX2_KEYS][TILED_AVX2_VECTORS];

TILED_INLINE void tiled_score_step(tiled_scores_t sums, const float *queries,
                                   const float *const *rows, ptrdiff_t d, const int keys) {
  const float *query = queries + d * TILED_AVX2_LANES;
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
  if (keys % 2 == 1) {
    // Keys become weights in pairs: complete the last pair with a masked one.
    const __m256 nothing = _mm256_set1_ps(-INFINITY);
    TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
      _mm256_store_ps(scores + 8 * j, nothing);
    }
  }
}

/// Scores of `keys` (a constant) keys. The exponentials of the pending tile are spread evenly over
/// the head dimension, where they fill the pipes that the multiply-adds leave idle.
TILED_INLINE int tiled_score_keys(const tiled_view_t *view, const tiled_tile_t *tile,
                                  const tiled_tile_t *pending, const int keys) {
  enum { GROUP = 2 };
  const float *rows[TILED_AVX2_KEYS];
  tiled_scores_t sums;
  TILED_UNROLL for (int i = 0; i < keys; ++i) {
    rows[i] = tile->keys[i];
    sums[i][0] = sums[i][1] = sums[i][2] = _mm256_setzero_ps();
  }
  const float *queries = view->queries;
  const int32_t head_dim = view->head_dim, groups = head_dim / GROUP;
  tiled_raw_t raw = tiled_raw(view->strip, pending);
  const int32_t rate = raw.halves;
  int32_t due = 0;
  ptrdiff_t d = 0;
  for (; d < groups * GROUP; d += GROUP) {
    TILED_UNROLL for (int i = 0; i < GROUP; ++i) {
      tiled_score_step(sums, queries, rows, d + i, keys);
    }
    due += rate;
    if (due >= groups && raw.halves > 0) {
      due -= groups;
      tiled_weigh_half(&raw);
    }
  }
  for (; d < head_dim; ++d) tiled_score_step(sums, queries, rows, d, keys);
  while (raw.halves > 0) tiled_weigh_half(&raw);
  tiled_score_end(tile, sums, keys);
  return tiled_raw_end(&raw);
}

#endif
