// SPDX-License-Identifier: MIT
#ifndef SELECT_RANK8_H
#define SELECT_RANK8_H

#include "products8.h"
#include "rank.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static inline float largest8(__m256 x) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline void raise_blocks(const float *scores, int32_t count, int32_t size, float scale,
                                float *best) {
  for (int32_t b = 0; b * size < count; b++) {
    const int32_t end = (b + 1) * size < count ? (b + 1) * size : count;
    __m256 top8 = _mm256_set1_ps(-INFINITY);
    int32_t i = b * size;
    for (; i + 8 <= end; i += 8) top8 = _mm256_max_ps(top8, _mm256_loadu_ps(scores + i));
    float most = largest8(top8);
    for (; i < end; i++) most = scores[i] > most ? scores[i] : most;
    // Rounding keeps the order, so that one product after the search is enough.
    most *= scale;
    best[b] = most > best[b] ? most : best[b];
  }
}

/// How many of `count` scores exceed `cut`.
static inline int32_t count_above(const float *scores, int32_t count, float cut) {
  int32_t above = 0, i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 is_above =
        _mm256_cmp_ps(_mm256_loadu_ps(scores + i), _mm256_set1_ps(cut), _CMP_GT_OQ);
    above += __builtin_popcount((unsigned)_mm256_movemask_ps(is_above));
  }
  for (; i < count; i++) above += scores[i] > cut;
  return above;
}

/// Eight scores, those that are no numbers as -inf.
static inline __m256 load_ranked(const float *scores) {
  return _mm256_max_ps(_mm256_loadu_ps(scores), _mm256_set1_ps(-INFINITY));
}

static inline void top(const float *scores, int32_t count, int32_t wanted, int32_t *ids) {
  if (wanted <= 0) return;
  __m256 least8 = _mm256_set1_ps(INFINITY), most8 = _mm256_set1_ps(-INFINITY);
  int32_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 score = load_ranked(scores + i);
    least8 = _mm256_min_ps(least8, score);
    most8 = _mm256_max_ps(most8, score);
  }
  float least = -largest8(_mm256_sub_ps(_mm256_setzero_ps(), least8)), most = largest8(most8);
  for (; i < count; i++) {
    const float score = rank_number(scores[i]);
    least = score < least ? score : least;
    most = score > most ? score : most;
  }
  const float cut = rank_cut(scores, count, wanted, least, most, count_above);
  int32_t equal = wanted - count_above(scores, count, cut), kept = 0;
  for (i = 0; i < count; i++) {
    const float score = rank_number(scores[i]);
    if (score > cut || (score == cut && equal-- > 0)) ids[kept++] = i;
  }
}

#pragma clang attribute pop

#endif
