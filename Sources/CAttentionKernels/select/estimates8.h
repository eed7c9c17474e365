// SPDX-License-Identifier: MIT
#ifndef SELECT_ESTIMATES8_H
#define SELECT_ESTIMATES8_H

#include <string.h>

#include "products8.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

/// Whether any of the first `count` of eight keys exceeds the threshold.
static inline int32_t any_above(__m256i dots, int32_t count, const int32_t *sums,
                                const float *key_scales, const float *offsets, float scale,
                                float threshold) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i valid = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
  const __m256i sum = _mm256_maskload_epi32(sums, valid);
  const __m256 product =
      _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(dots, sum)), _mm256_set1_ps(scale));
  const __m256 scaled = _mm256_mul_ps(product, _mm256_maskload_ps(key_scales, valid));
  const __m256 estimate = _mm256_add_ps(scaled, _mm256_maskload_ps(offsets, valid));
  const __m256 above = _mm256_cmp_ps(estimate, _mm256_set1_ps(threshold), _CMP_GT_OQ);
  return _mm256_movemask_ps(_mm256_and_ps(above, _mm256_castsi256_ps(valid))) != 0;
}

static inline int32_t estimate_exceeds(const uint8_t *query, const int8_t *packed, int32_t width,
                                int32_t keys, const int32_t *sums, const float *key_scales,
                                const float *offsets, float scale, float threshold) {
  __m256i low = _mm256_setzero_si256(), high = low;
  for (int32_t c = 0; c < width; c += 2, packed += 64) {
    const __m256i pair = _mm256_set1_epi16((int16_t)(query[c] | query[c + 1] << 8));
    low = _mm256_add_epi16(
        low, _mm256_maddubs_epi16(pair, _mm256_loadu_si256((const __m256i *)packed)));
    high = _mm256_add_epi16(
        high, _mm256_maddubs_epi16(pair, _mm256_loadu_si256((const __m256i *)(packed + 32))));
  }
  const __m128i parts[4] = {_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1),
                            _mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1)};
  for (int32_t part = 0; part < 4 && 8 * part < keys; part++) {
    const int32_t first = 8 * part;
    if (any_above(_mm256_cvtepi16_epi32(parts[part]), clamp8(keys - first), sums + first,
                  key_scales + first, offsets + first, scale, threshold)) {
      return 1;
    }
  }
  return 0;
}

/// Dots of four queries with 32 packed keys; `width` pairs of codes.
static inline void estimate_dots(const uint8_t *queries, ptrdiff_t query_stride,
                                 const int8_t *packed, int32_t width, __m256i dots[4][2]) {
  for (int32_t i = 0; i < 4; i++) dots[i][0] = dots[i][1] = _mm256_setzero_si256();
  for (int32_t c = 0; c < width; c += 2, packed += 64) {
    const __m256i low = _mm256_loadu_si256((const __m256i *)packed);
    const __m256i high = _mm256_loadu_si256((const __m256i *)(packed + 32));
    for (int32_t i = 0; i < 4; i++) {
      int16_t codes;
      memcpy(&codes, queries + i * query_stride + c, sizeof codes);
      const __m256i pair = _mm256_set1_epi16(codes);
      dots[i][0] = _mm256_add_epi16(dots[i][0], _mm256_maddubs_epi16(pair, low));
      dots[i][1] = _mm256_add_epi16(dots[i][1], _mm256_maddubs_epi16(pair, high));
    }
  }
}

/// Whether any of 32 keys exceeds the threshold of any of four queries.
static inline int32_t any_of_four(__m256i dots[4][2], const int32_t *sums, const float *key_scales,
                                  const float *offsets, const float *scales,
                                  const float *thresholds) {
  __m256 above = _mm256_setzero_ps();
  for (int32_t part = 0; part < 4; part++) {
    const __m256i sum = _mm256_loadu_si256((const __m256i *)(sums + 8 * part));
    const __m256 key_scale = _mm256_loadu_ps(key_scales + 8 * part);
    const __m256 offset = _mm256_loadu_ps(offsets + 8 * part);
    for (int32_t q = 0; q < 4; q++) {
      const __m256i half = dots[q][part / 2];
      const __m128i eight =
          part % 2 ? _mm256_extracti128_si256(half, 1) : _mm256_castsi256_si128(half);
      const __m256i dot = _mm256_sub_epi32(_mm256_cvtepi16_epi32(eight), sum);
      const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(dot), _mm256_set1_ps(scales[q]));
      const __m256 estimate = _mm256_add_ps(_mm256_mul_ps(product, key_scale), offset);
      above = _mm256_or_ps(
          above, _mm256_cmp_ps(estimate, _mm256_set1_ps(thresholds[q]), _CMP_GT_OQ));
    }
  }
  return _mm256_movemask_ps(above) != 0;
}

static inline int32_t estimates_exceed(const uint8_t *queries, ptrdiff_t query_stride,
                                       int32_t query_count, const int8_t *packed, int32_t width,
                                       int32_t keys, const int32_t *sums, const float *key_scales,
                                       const float *offsets, const float *scales,
                                       const float *thresholds) {
  int32_t i = 0;
  for (; i + 4 <= query_count; i += 4) {
    __m256i dots[4][2];
    estimate_dots(queries + i * query_stride, query_stride, packed, width, dots);
    if (keys == 32) {
      if (any_of_four(dots, sums, key_scales, offsets, scales + i, thresholds + i)) return 1;
      continue;
    }
    for (int32_t q = 0; q < 4; q++) {
      for (int32_t part = 0; part < 4 && 8 * part < keys; part++) {
        const __m256i half = dots[q][part / 2];
        const __m128i eight =
            part % 2 ? _mm256_extracti128_si256(half, 1) : _mm256_castsi256_si128(half);
        if (any_above(_mm256_cvtepi16_epi32(eight), clamp8(keys - 8 * part), sums + 8 * part,
                      key_scales + 8 * part, offsets + 8 * part, scales[i + q],
                      thresholds[i + q])) {
          return 1;
        }
      }
    }
  }
  for (; i < query_count; i++) {
    if (estimate_exceeds(queries + i * query_stride, packed, width, keys, sums, key_scales,
                         offsets, scales[i], thresholds[i])) {
      return 1;
    }
  }
  return 0;
}

#pragma clang attribute pop

#endif
