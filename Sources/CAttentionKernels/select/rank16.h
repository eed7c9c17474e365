// SPDX-License-Identifier: MIT
#ifndef SELECT_RANK16_H
#define SELECT_RANK16_H

#include "products16.h"
#include "rank.h"

#pragma clang attribute push(\
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

static inline int32_t count_above16(const float *scores, int32_t count, float cut) {
  const __m512 least = _mm512_set1_ps(cut);
  __m512i above[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
  const __m512i one = _mm512_set1_epi32(1);
  int32_t i = 0;
  for (; i + 32 <= count; i += 32) {
    for (int32_t half = 0; half < 2; half++) {
      const __mmask16 is_above =
          _mm512_cmp_ps_mask(_mm512_loadu_ps(scores + i + 16 * half), least, _CMP_GT_OQ);
      above[half] = _mm512_mask_add_epi32(above[half], is_above, above[half], one);
    }
  }
  for (; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __mmask16 is_above = _mm512_mask_cmp_ps_mask(
        lanes, _mm512_maskz_loadu_ps(lanes, scores + i), least, _CMP_GT_OQ);
    above[0] = _mm512_mask_add_epi32(above[0], is_above, above[0], one);
  }
  return _mm512_reduce_add_epi32(_mm512_add_epi32(above[0], above[1]));
}

/// The scores in `lanes`, those that are no numbers as -inf.
static inline __m512 load_ranked16(const float *scores, __mmask16 lanes) {
  return _mm512_max_ps(_mm512_maskz_loadu_ps(lanes, scores), _mm512_set1_ps(-INFINITY));
}

/// The lowest cut above which at most `wanted` scores lie.
static inline float lowest_cut(const float *scores, int32_t count, int32_t wanted) {
  __m512 least = _mm512_set1_ps(INFINITY), most = _mm512_set1_ps(-INFINITY);
  for (int32_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 score = load_ranked16(scores + i, lanes);
    least = _mm512_mask_min_ps(least, lanes, least, score);
    most = _mm512_mask_max_ps(most, lanes, most, score);
  }
  return rank_cut(scores, count, wanted, _mm512_reduce_min_ps(least),
                  _mm512_reduce_max_ps(most), count_above16);
}

/// Scores that may be among the best, with their indices ascending.
enum { RANK_CANDIDATES = 64 };

/// Writes the `wanted` best of a few candidates: each is kept if fewer are better.
static inline void top_of_candidates(const float *scores, const int32_t *indices, int32_t count,
                                     int32_t wanted, int32_t *ids) {
  int32_t kept = 0;
  for (int32_t i = 0; i < count; i++) {
    const __m512 score = _mm512_set1_ps(scores[i]);
    int32_t better = 0;
    for (int32_t j = 0; j < count; j += 16) {
      const __mmask16 lanes = first_lanes(count - j), earlier = first_lanes(i - j);
      const __m512 other = _mm512_maskz_loadu_ps(lanes, scores + j);
      better += __builtin_popcount(_mm512_mask_cmp_ps_mask(lanes, other, score, _CMP_GT_OQ));
      better += __builtin_popcount(_mm512_mask_cmp_ps_mask(earlier, other, score, _CMP_EQ_OQ));
    }
    if (better < wanted) ids[kept++] = indices[i];
  }
}

/// `top16` for at most sixteen winners, or 0 where too many scores are alike.
///
/// The `wanted`th largest of sixteen lanes' maxima bounds the last winner from below, closely.
static inline int32_t top_few(const float *scores, int32_t count, int32_t wanted, int32_t *ids) {
  __m512 most = _mm512_set1_ps(-INFINITY);
  for (int32_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    most = _mm512_mask_max_ps(most, lanes, most, load_ranked16(scores + i, lanes));
  }
  __mmask16 left = 0xffff;
  float least = INFINITY;
  for (int32_t rank = 0; rank < wanted; rank++) {
    least = _mm512_mask_reduce_max_ps(left, most);
    const uint32_t equal = _mm512_mask_cmp_ps_mask(left, most, _mm512_set1_ps(least), _CMP_EQ_OQ);
    left &= (__mmask16)~(equal & -equal);
  }
  float found[RANK_CANDIDATES + 16];
  int32_t indices[RANK_CANDIDATES + 16], candidates = 0;
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int32_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 score = load_ranked16(scores + i, lanes);
    const __mmask16 is_candidate =
        _mm512_mask_cmp_ps_mask(lanes, score, _mm512_set1_ps(least), _CMP_GE_OQ);
    if (__builtin_expect(is_candidate == 0, 1)) continue;
    const __m512i index = _mm512_add_epi32(lane, _mm512_set1_epi32(i));
    _mm512_storeu_ps(found + candidates, _mm512_maskz_compress_ps(is_candidate, score));
    _mm512_storeu_epi32(
        indices + candidates, _mm512_maskz_compress_epi32(is_candidate, index));
    candidates += __builtin_popcount(is_candidate);
    if (candidates > RANK_CANDIDATES) return 0;
  }
  top_of_candidates(found, indices, candidates, wanted, ids);
  return 1;
}

/// The lowest cut above which at most `wanted` scores lie, and how many lie above it.
typedef struct {
  float score;
  int32_t above;
} rank_cut_t;

static inline rank_cut_t rank_cut16(const float *scores, int32_t count, int32_t wanted) {
  rank_cut_t cut;
  cut.score = lowest_cut(scores, count, wanted);
  cut.above = count_above16(scores, count, cut.score);
  return cut;
}

/// Writes the `wanted` scores above the cut, or at it as long as there is room: their indices, or
/// their places where `indices` is NULL.
static inline __attribute__((always_inline)) void write_top16(const float *scores,
                                                              const int32_t *indices,
                                                              int32_t count, int32_t wanted,
                                                              rank_cut_t cut, int32_t *ids) {
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  int32_t equal = wanted - cut.above, kept = 0;
  for (int32_t i = 0; i < count && kept < wanted; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 score = load_ranked16(scores + i, lanes);
    __mmask16 is_kept =
        _mm512_mask_cmp_ps_mask(lanes, score, _mm512_set1_ps(cut.score), _CMP_GT_OQ);
    uint32_t ties = equal > 0 ? _mm512_mask_cmp_ps_mask(
                                    lanes, score, _mm512_set1_ps(cut.score), _CMP_EQ_OQ)
                              : 0;
    for (; ties != 0 && equal > 0; equal--, ties &= ties - 1) {
      is_kept |= (__mmask16)(ties & -ties);
    }
    const int32_t found = __builtin_popcount(is_kept);
    const __m512i all = indices ? _mm512_maskz_loadu_epi32(lanes, indices + i)
                                : _mm512_add_epi32(lane, _mm512_set1_epi32(i));
    const __m512i index = _mm512_maskz_compress_epi32(is_kept, all);
    if (__builtin_expect(kept + 16 <= wanted, 1)) {
      _mm512_storeu_epi32(ids + kept, index);
    } else {
      _mm512_mask_storeu_epi32(ids + kept, first_lanes(found), index);
    }
    kept += found;
  }
}

enum { RANK_SAMPLE = 1024, RANK_LEFT = 4096 };

/// `top16` of many scores: a sample gives a score that a little more than `wanted` exceed; only
/// those are ranked. Returns 0 where the sample misled or too many are left.
static inline int32_t top_sampled(const float *scores, int32_t count, int32_t wanted,
                                  int32_t *ids) {
  float sample[RANK_SAMPLE], left[RANK_LEFT + 16];
  int32_t indices[RANK_LEFT + 16], candidates = 0;
  // Neighbours are alike, so single scores are drawn, at places without a period.
  const int32_t step = count / RANK_SAMPLE;
  uint32_t state = 1;
  for (int32_t i = 0; i < RANK_SAMPLE; i++) {
    state = state * 1664525u + 1013904223u;
    sample[i] = rank_number(scores[i * step + (int32_t)((state >> 16) * (uint32_t)step >> 16)]);
  }
  // Four standard deviations of a count of independent draws.
  const int32_t expected = (int32_t)((int64_t)wanted * RANK_SAMPLE / count);
  const int32_t reach = expected + 8 + (int32_t)(4.0f * sqrtf((float)expected));
  if ((int64_t)reach * count / RANK_SAMPLE > RANK_LEFT) return 0;
  const __m512 low = _mm512_set1_ps(lowest_cut(sample, RANK_SAMPLE, reach));
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  for (int32_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 score = _mm512_maskz_loadu_ps(lanes, scores + i);
    const __mmask16 is_left = _mm512_mask_cmp_ps_mask(lanes, score, low, _CMP_GT_OQ);
    const __m512i index = _mm512_add_epi32(lane, _mm512_set1_epi32(i));
    _mm512_storeu_ps(left + candidates, _mm512_maskz_compress_ps(is_left, score));
    _mm512_storeu_epi32(indices + candidates, _mm512_maskz_compress_epi32(is_left, index));
    candidates += __builtin_popcount(is_left);
    if (candidates > RANK_LEFT) return 0;
  }
  if (candidates < wanted) return 0;
  write_top16(left, indices, candidates, wanted, rank_cut16(left, candidates, wanted), ids);
  return 1;
}

static inline void top16(const float *scores, int32_t count, int32_t wanted, int32_t *ids) {
  if (wanted <= 0) return;
  if (wanted == count) {
    for (int32_t i = 0; i < count; i++) ids[i] = i;
    return;
  }
  if (wanted <= 16 && top_few(scores, count, wanted, ids)) return;
  if (count >= 4 * RANK_SAMPLE && top_sampled(scores, count, wanted, ids)) return;
  write_top16(scores, NULL, count, wanted, rank_cut16(scores, count, wanted), ids);
}

#pragma clang attribute pop

#endif
