// SPDX-License-Identifier: MIT
#ifndef SELECT_RANK16_H
#define SELECT_RANK16_H

#include "products16.h"
#include "rank.h"

#pragma clang attribute push(\
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

static inline int32_t count_above16(const float *scores, int32_t count, float cut) {
  const __m512 least = _mm512_set1_ps(cut);
  __m512i above = _mm512_setzero_si512();
  for (int32_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __mmask16 is_above = _mm512_mask_cmp_ps_mask(
        lanes, _mm512_maskz_loadu_ps(lanes, scores + i), least, _CMP_GT_OQ);
    above = _mm512_mask_add_epi32(above, is_above, above, _mm512_set1_epi32(1));
  }
  return _mm512_reduce_add_epi32(above);
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

static inline void top16(const float *scores, int32_t count, int32_t wanted, int32_t *ids) {
  if (wanted <= 0) return;
  const __m512i lane =
      _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  if (wanted == count) {
    for (int32_t i = 0; i < count; i++) ids[i] = i;
    return;
  }
  const float cut = lowest_cut(scores, count, wanted);
  int32_t equal = wanted - count_above16(scores, count, cut), kept = 0;
  for (int32_t i = 0; i < count; i += 16) {
    const __mmask16 lanes = first_lanes(count - i);
    const __m512 score = load_ranked16(scores + i, lanes);
    __mmask16 is_kept =
        _mm512_mask_cmp_ps_mask(lanes, score, _mm512_set1_ps(cut), _CMP_GT_OQ);
    uint32_t ties = equal > 0 ? _mm512_mask_cmp_ps_mask(lanes, score, _mm512_set1_ps(cut),
                                                        _CMP_EQ_OQ)
                              : 0;
    for (; ties != 0 && equal > 0; equal--, ties &= ties - 1) {
      is_kept |= (__mmask16)(ties & -ties);
    }
    const int32_t found = __builtin_popcount(is_kept);
    const __m512i index = _mm512_add_epi32(lane, _mm512_set1_epi32(i));
    _mm512_mask_storeu_epi32(
        ids + kept, first_lanes(found), _mm512_maskz_compress_epi32(is_kept, index));
    kept += found;
  }
}

#pragma clang attribute pop

#endif
