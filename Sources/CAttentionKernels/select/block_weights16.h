// SPDX-License-Identifier: MIT
#ifndef SELECT_BLOCKWEIGHTS16_H
#define SELECT_BLOCKWEIGHTS16_H

#include "panel16.h"

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

#include "../tiled/exp_avx512.h"

enum {
  /// Rows whose sums are kept in registers together.
  BLOCK_ROWS = 8,
  /// Vectors of keys that are scored together.
  BLOCK_VECTORS = 3,
  /// So many keys beyond the last whole vector are scored one by one.
  BLOCK_SINGLES = 8,
  BLOCK_STRIDE = ATTN_BLOCK_KEYS + 16,
  BLOCK_FETCHES = 64
};

/// Eight rows of a block: scores, then weights, of its keys.
typedef struct {
  _Alignas(64) float weights[BLOCK_ROWS * BLOCK_STRIDE];
  /// Of single keys, in the order of `block_lane`.
  _Alignas(64) float singles[BLOCK_SINGLES][16];
  _Alignas(64) float tops[16];
  _Alignas(64) float sums[16];
  _Alignas(64) int32_t visible[16];
} block_rows_t;

/// Where a row's number stands once `block_sums` or `block_maxima` have reduced eight vectors.
static inline int32_t block_lane(int32_t row) { return 4 * (row % 4) + 2 * (row / 4); }

#define BLOCK_REDUCE(name, combine)                                                           \
  PANEL_INLINE __m512 name(const __m512 x[BLOCK_ROWS]) {                                      \
    __m512 two[4], four[2];                                                                   \
    PANEL_UNROLL for (int i = 0; i < 4; i++) {                                                \
      two[i] = combine(_mm512_shuffle_f32x4(x[2 * i], x[2 * i + 1], 0x44),                    \
                       _mm512_shuffle_f32x4(x[2 * i], x[2 * i + 1], 0xee));                   \
    }                                                                                         \
    PANEL_UNROLL for (int i = 0; i < 2; i++) {                                                \
      four[i] = combine(_mm512_shuffle_f32x4(two[2 * i], two[2 * i + 1], 0x88),               \
                        _mm512_shuffle_f32x4(two[2 * i], two[2 * i + 1], 0xdd));              \
    }                                                                                         \
    const __m512d a = _mm512_castps_pd(four[0]), b = _mm512_castps_pd(four[1]);               \
    const __m512 pairs = combine(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),                  \
                                 _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));                 \
    return combine(pairs, _mm512_permute_ps(pairs, 0xb1));                                    \
  }
BLOCK_REDUCE(block_sums, _mm512_add_ps)
BLOCK_REDUCE(block_maxima, _mm512_max_ps)

/// How the keys of a block are cut: whole vectors, then singles.
typedef struct {
  int32_t vectors, singles;
} block_cut_t;

static inline block_cut_t block_cut(int32_t keys) {
  const int32_t rest = keys % 16;
  return rest <= BLOCK_SINGLES ? (block_cut_t){keys / 16, rest} : (block_cut_t){keys / 16 + 1, 0};
}

/// Makes weights of scores; `scale` is above 0. Scores beyond what a row sees weigh nothing.
PANEL_INLINE void block_weigh(block_rows_t *at, block_cut_t cut, int32_t keys, int32_t rows,
                              int is_masked, float scale) {
  const __m512 nothing = _mm512_set1_ps(-INFINITY);
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512 most[BLOCK_ROWS];
  for (int r = 0; r < BLOCK_ROWS; r++) most[r] = nothing;
  for (int r = 0; r < rows; r++) {
    float *scores = at->weights + r * BLOCK_STRIDE;
    const __m512i seen =
        _mm512_set1_epi32(is_masked ? least_of(keys, at->visible[block_lane(r)]) : keys);
    for (int32_t v = 0; v < cut.vectors; v++) {
      __m512 score = _mm512_load_ps(scores + 16 * v);
      if (is_masked || 16 * v + 16 > keys) {
        const __mmask16 sees =
            _mm512_cmpgt_epi32_mask(seen, _mm512_add_epi32(lane, _mm512_set1_epi32(16 * v)));
        score = _mm512_mask_mov_ps(nothing, sees, score);
        _mm512_store_ps(scores + 16 * v, score);
      }
      most[r] = _mm512_max_ps(most[r], score);
    }
  }
  __m512 top = block_maxima(most);
  for (int32_t j = 0; j < cut.singles; j++) {
    __m512 score = _mm512_load_ps(at->singles[j]);
    if (is_masked) {
      const __mmask16 sees = _mm512_cmpgt_epi32_mask(_mm512_load_si512(at->visible),
                                                     _mm512_set1_epi32(16 * cut.vectors + j));
      score = _mm512_mask_mov_ps(nothing, sees, score);
      _mm512_store_ps(at->singles[j], score);
    }
    top = _mm512_max_ps(top, score);
  }
  const __m512 factor = _mm512_set1_ps(scale);
  top = _mm512_max_ps(_mm512_mul_ps(top, factor), _mm512_set1_ps(TILED_NO_MAXIMUM));
  _mm512_store_ps(at->tops, top);
  const tiled_exp_constants_t *constants = &tiled_exp_constants;
  __m512 sums[BLOCK_ROWS];
  for (int r = 0; r < BLOCK_ROWS; r++) sums[r] = _mm512_setzero_ps();
  for (int r = 0; r < rows; r++) {
    float *scores = at->weights + r * BLOCK_STRIDE;
    const __m512 own = _mm512_set1_ps(at->tops[block_lane(r)]);
    for (int32_t v = 0; v < cut.vectors; v++) {
      const __m512 x = _mm512_fmsub_ps(_mm512_load_ps(scores + 16 * v), factor, own);
      const __m512 weight = tiled_exp2_avx512(x, constants);
      _mm512_store_ps(scores + 16 * v, weight);
      sums[r] = _mm512_add_ps(sums[r], weight);
    }
  }
  __m512 sum = block_sums(sums);
  for (int32_t j = 0; j < cut.singles; j++) {
    const __m512 x = _mm512_fmsub_ps(_mm512_load_ps(at->singles[j]), factor, top);
    const __m512 weight = tiled_exp2_avx512(x, constants);
    sum = _mm512_add_ps(sum, weight);
    _mm512_store_ps(at->singles[j], weight);
    for (int r = 0; r < rows; r++) {
      at->weights[r * BLOCK_STRIDE + 16 * cut.vectors + j] = at->singles[j][block_lane(r)];
    }
  }
  _mm512_store_ps(at->sums, sum);
}

/// Shares weight among the past blocks of each row and its own, whose keys weigh `sums` times
/// 2^`tops`; `factors` are those of weighted values.
static inline void block_share(const attn_block_t *of, int32_t first, int32_t rows,
                               const block_rows_t *at, float *factors) {
  _Alignas(64) int32_t offsets[16] = {0}, counts[16] = {0};
  int32_t most = 0;
  for (int32_t r = 0; r < rows; r++) {
    const int32_t count = of->past_counts[first + r];
    offsets[block_lane(r)] = (int32_t)(r * of->past_stride);
    counts[block_lane(r)] = count;
    most = count > most ? count : most;
  }
  float *past = of->past + first * of->past_stride;
  const __m512i places = _mm512_load_si512(offsets), ends = _mm512_load_si512(counts);
  const __m512 scale = _mm512_set1_ps(of->scale), own = _mm512_load_ps(at->tops);
  __m512 scores[ATTN_BLOCK_PAST], highest = own;
  for (int32_t j = 0; j < most; j++) {
    const __mmask16 lanes = _mm512_cmpgt_epi32_mask(ends, _mm512_set1_epi32(j));
    const __m512 x = _mm512_mask_i32gather_ps(_mm512_set1_ps(-INFINITY), lanes, places, past + j,
                                              sizeof(float));
    scores[j] = _mm512_mul_ps(x, scale);
    highest = _mm512_max_ps(highest, scores[j]);
  }
  const tiled_exp_constants_t *constants = &tiled_exp_constants;
  const __m512 part = tiled_exp2_avx512(_mm512_sub_ps(own, highest), constants);
  __m512 sum = _mm512_mul_ps(part, _mm512_load_ps(at->sums));
  for (int32_t j = 0; j < most; j++) {
    scores[j] = tiled_exp2_avx512(_mm512_sub_ps(scores[j], highest), constants);
    sum = _mm512_add_ps(sum, scores[j]);
  }
  const __mmask16 any = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_GT_OQ);
  const __m512 share = _mm512_maskz_div_ps(any, _mm512_set1_ps(1), sum);
  for (int32_t j = 0; j < most; j++) {
    const __mmask16 lanes = _mm512_cmpgt_epi32_mask(ends, _mm512_set1_epi32(j));
    _mm512_mask_i32scatter_ps(past + j, lanes, places, _mm512_mul_ps(scores[j], share),
                              sizeof(float));
  }
  _mm512_store_ps(factors, _mm512_mul_ps(part, share));
}

#pragma clang attribute pop

#endif
