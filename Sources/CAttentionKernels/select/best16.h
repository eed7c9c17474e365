// SPDX-License-Identifier: MIT
#ifndef SELECT_BEST16_H
#define SELECT_BEST16_H

#include "panel16.h"

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

enum {
  QUAD = 4,
  /// Quads whose scores are computed before they are ranked: their scores stay in the first cache.
  BEST_QUADS = 16
};

/// The best of something so far, one lane per row of a panel, the best first, with its place.
typedef struct {
  __m512 score[ATTN_BEST_MOST];
  __m512i index[ATTN_BEST_MOST];
} best_t;

PANEL_INLINE best_t best_none(const int wanted) {
  best_t best;
  PANEL_UNROLL for (int r = 0; r < wanted; r++) {
    best.score[r] = _mm512_set1_ps(-INFINITY);
    best.index[r] = _mm512_setzero_si512();
  }
  return best;
}

/// Lets a score in each lane take its place; it stays behind equal ones that came before it.
PANEL_INLINE void best_insert(best_t *best, __m512 score, __m512i index, const int wanted) {
  __mmask16 is_better[ATTN_BEST_MOST];
  PANEL_UNROLL for (int r = 0; r < wanted; r++) {
    is_better[r] = _mm512_cmp_ps_mask(score, best->score[r], _CMP_GT_OQ);
  }
  PANEL_UNROLL for (int r = wanted - 1; r > 0; r--) {
    // The one before moves here where it is worse as well.
    const __m512 moved = _mm512_mask_mov_ps(score, is_better[r - 1], best->score[r - 1]);
    const __m512i place = _mm512_mask_mov_epi32(index, is_better[r - 1], best->index[r - 1]);
    best->score[r] = _mm512_mask_mov_ps(best->score[r], is_better[r], moved);
    best->index[r] = _mm512_mask_mov_epi32(best->index[r], is_better[r], place);
  }
  best->score[0] = _mm512_mask_mov_ps(best->score[0], is_better[0], score);
  best->index[0] = _mm512_mask_mov_epi32(best->index[0], is_better[0], index);
}

/// Sorts each lane by place.
PANEL_INLINE void best_sort(best_t *best, const int wanted) {
  PANEL_UNROLL for (int end = wanted - 1; end > 0; end--) {
    PANEL_UNROLL for (int r = 0; r < end; r++) {
      const __m512i a = best->index[r], b = best->index[r + 1];
      const __mmask16 swaps = _mm512_cmpgt_epi32_mask(a, b);
      best->index[r] = _mm512_min_epi32(a, b);
      best->index[r + 1] = _mm512_max_epi32(a, b);
      const __m512 x = best->score[r], y = best->score[r + 1];
      best->score[r] = _mm512_mask_mov_ps(x, swaps, y);
      best->score[r + 1] = _mm512_mask_mov_ps(y, swaps, x);
    }
  }
}

/// Ranks quads of keys by their largest scores; what is no number counts as -inf.
PANEL_INLINE void best_add_quads(best_t *total, const float *scores, int32_t first, int32_t end,
                                 const int wanted) {
  best_t best = *total;
  for (int32_t k = first; k < end; k += QUAD) {
    __m512 largest = _mm512_set1_ps(-INFINITY);
    PANEL_UNROLL for (int32_t j = 0; j < QUAD; j++) {
      largest = _mm512_max_ps(_mm512_load_ps(scores + PANEL_ROWS * (ptrdiff_t)(k + j)), largest);
    }
    best_insert(&best, largest, _mm512_set1_epi32(k), wanted);
  }
  *total = best;
}

/// The best keys are among the best quads: a key outside of them is behind one key of each.
PANEL_INLINE best_t best_of_quads(best_t *quads, const float *scores, const int wanted) {
  best_t best = best_none(wanted);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  best_sort(quads, wanted);
  for (int r = 0; r < wanted; r++) {
    for (int32_t j = 0; j < QUAD; j++) {
      const __m512i key = _mm512_add_epi32(quads->index[r], _mm512_set1_epi32(j));
      const __m512i at = _mm512_add_epi32(_mm512_slli_epi32(key, 4), lane);
      best_insert(&best, _mm512_i32gather_ps(at, scores, sizeof(float)), key, wanted);
    }
  }
  best_sort(&best, wanted);
  return best;
}

/// Scores of the keys `first ..< end`, a lane per row of the panel; -inf from a lane's count on.
PANEL_INLINE void best_scores(const attn_best_t *of, const panel_t *panel, __m512i counts,
                              int32_t least, int32_t most, int32_t first, int32_t end,
                              const int32_t width) {
  for (int32_t k = first; k < end; k += QUAD) {
    const float *keys[QUAD];
    PANEL_UNROLL for (int32_t j = 0; j < QUAD; j++) {
      keys[j] = of->rows + least_of(k + j, most - 1) * of->stride;
    }
    key_quad_t quad = quad_products(panel, keys, width);
    if (__builtin_expect(k + QUAD > least, 0)) {
      PANEL_UNROLL for (int32_t j = 0; j < QUAD; j++) {
        const __mmask16 sees = _mm512_cmpgt_epi32_mask(counts, _mm512_set1_epi32(k + j));
        quad.key[j] = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), sees, quad.key[j]);
      }
    }
    PANEL_UNROLL for (int32_t j = 0; j < QUAD; j++) {
      _mm512_store_ps(of->scores + PANEL_ROWS * (ptrdiff_t)(k + j), quad.key[j]);
    }
  }
}

static inline __attribute__((noinline)) void best_scores_any(
    const attn_best_t *of, const panel_t *panel, __m512i counts, int32_t least, int32_t most,
    int32_t first, int32_t end) {
  switch (of->width) {
    case 64: return best_scores(of, panel, counts, least, most, first, end, 64);
    case 128: return best_scores(of, panel, counts, least, most, first, end, 128);
    default: return best_scores(of, panel, counts, least, most, first, end, of->width);
  }
}

static inline __attribute__((always_inline)) int32_t best_wanted(const attn_best_t *of,
                                                                 const int wanted) {
  panel_t panel;
  fill_panel(&panel, of->x, of->x_stride, of->x_count, of->width);
  int32_t counts[PANEL_ROWS], least = INT32_MAX, most = 0;
  for (int32_t i = 0; i < PANEL_ROWS; i++) {
    counts[i] = of->counts[least_of(i, of->x_count - 1)];
    least = least_of(least, counts[i]);
    most = counts[i] > most ? counts[i] : most;
  }
  const __m512i limits = _mm512_loadu_si512(counts);
  best_t quads = best_none(wanted);
  for (int32_t k = 0; k < most; k += BEST_QUADS * QUAD) {
    const int32_t end = least_of(k + BEST_QUADS * QUAD, (most + QUAD - 1) / QUAD * QUAD);
    best_scores_any(of, &panel, limits, least, most, k, end);
    best_add_quads(&quads, of->scores, k, end, wanted);
  }
  const __m512 last = quads.score[wanted - 1];
  if (_mm512_cmp_ps_mask(last, _mm512_set1_ps(-INFINITY), _CMP_EQ_OQ)) return 0;
  const best_t best = best_of_quads(&quads, of->scores, wanted);
  float scores[ATTN_BEST_MOST][PANEL_ROWS];
  int32_t ids[ATTN_BEST_MOST][PANEL_ROWS];
  PANEL_UNROLL for (int r = 0; r < wanted; r++) {
    _mm512_storeu_ps(scores[r], best.score[r]);
    _mm512_storeu_si512(ids[r], best.index[r]);
  }
  for (int32_t i = 0; i < of->x_count; i++) {
    for (int r = 0; r < wanted; r++) {
      of->ids[i * of->best_stride + r] = ids[r][i];
      if (of->best) of->best[i * of->best_stride + r] = scores[r][i];
    }
  }
  return 1;
}

static inline int32_t best_rows16(const attn_best_t *of) {
  if (of->width > PANEL_WIDTH || of->x_count > PANEL_ROWS) return 0;
  switch (of->wanted) {
    case 1: return best_wanted(of, 1);
    case 2: return best_wanted(of, 2);
    case 3: return best_wanted(of, 3);
    case 4: return best_wanted(of, 4);
    case 5: return best_wanted(of, 5);
    case 6: return best_wanted(of, 6);
    case 7: return best_wanted(of, 7);
    case 8: return best_wanted(of, 8);
    default: return 0;
  }
}

#pragma clang attribute pop

#endif
