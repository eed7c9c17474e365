// SPDX-License-Identifier: MIT
#ifndef SELECT_SUMS8_H
#define SELECT_SUMS8_H

#include "products8.h"
#include "soften.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static inline void pool_mean(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
                      float *mean) {
  float scale = 1.0f / (float)count;
  int32_t c = 0;
  for (; c + 8 <= width; c += 8) {
    __m256 sum = _mm256_setzero_ps();
    for (int32_t i = 0; i < count; i++) {
      sum = _mm256_add_ps(sum, _mm256_loadu_ps(x + i * stride + c));
    }
    _mm256_storeu_ps(mean + c, _mm256_mul_ps(sum, _mm256_set1_ps(scale)));
  }
  for (; c < width; c++) {
    float sum = 0.0f;
    for (int32_t i = 0; i < count; i++) sum += x[i * stride + c];
    mean[c] = sum * scale;
  }
}

static inline void pool_extrema(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
                         float *largest, float *smallest) {
  for (int32_t c = 0; c < width; c += 8) {
    const int32_t n = clamp8(width - c);
    __m256 high = load_part(x + c, n), low = high;
    for (int32_t i = 1; i < count; i++) {
      const __m256 row = load_part(x + i * stride + c, n);
      high = _mm256_max_ps(row, high);
      low = _mm256_min_ps(row, low);
    }
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i valid = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
    _mm256_maskstore_ps(largest + c, valid, high);
    _mm256_maskstore_ps(smallest + c, valid, low);
  }
}

static inline __m256 power_of_two(__m256 exponent) {
  const __m256 whole = _mm256_round_ps(exponent, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m256 f = _mm256_sub_ps(exponent, whole);
  __m256 p = _mm256_set1_ps(SELECT_C6);
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(SELECT_C5));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(SELECT_C4));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(SELECT_C3));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(SELECT_C2));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(SELECT_C1));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(1.0f));
  const __m256i bits = _mm256_slli_epi32(
      _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127)), 23);
  return _mm256_mul_ps(p, _mm256_castsi256_ps(bits));
}

static inline float soften(float *scores, int32_t count, float scale) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256 partial[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  float top = -INFINITY;
  for (int32_t i = 0; i < count; i++) top = scores[i] > top ? scores[i] : top;
  const __m256 factor = _mm256_set1_ps(scale * SELECT_LOG2E);
  for (int32_t i = 0; i < count; i += 8) {
    const int32_t n = clamp8(count - i);
    const __m256 score = load_part(scores + i, n);
    const __m256 exponent = _mm256_mul_ps(_mm256_sub_ps(score, _mm256_set1_ps(top)), factor);
    const __m256 counts = _mm256_cmp_ps(exponent, _mm256_set1_ps(SELECT_LEAST), _CMP_GT_OQ);
    const __m256 power = power_of_two(_mm256_max_ps(exponent, _mm256_set1_ps(SELECT_LEAST)));
    const __m256i valid = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane);
    const __m256 result = _mm256_and_ps(_mm256_and_ps(power, counts), _mm256_castsi256_ps(valid));
    _mm256_maskstore_ps(scores + i, valid, result);
    partial[i / 8 % 2] = _mm256_add_ps(partial[i / 8 % 2], result);
  }
  return sum_partials(partial[0], partial[1]);
}

static inline void weigh_rows(const float *weights, const float *rows, ptrdiff_t stride, int32_t count,
                       int32_t width, float *sum) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  for (int32_t c = 0; c < width; c += 8) {
    const int32_t n = clamp8(width - c);
    __m256 total = _mm256_setzero_ps();
    for (int32_t i = 0; i < count; i++) {
      const __m256 row = load_part(rows + i * stride + c, n);
      total = _mm256_fmadd_ps(_mm256_set1_ps(weights[i]), row, total);
    }
    _mm256_maskstore_ps(sum + c, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane), total);
  }
}

static inline void merge_row(float *o, float *lse, const float *part, float part_lse, int32_t width) {
  if (part_lse == -INFINITY) return;
  float top = fmaxf(*lse, part_lse);
  float own = expf(*lse - top), other = expf(part_lse - top);
  float scale = 1.0f / (own + other);
  own *= scale;
  other *= scale;
  int32_t c = 0;
  for (; c + 8 <= width; c += 8) {
    __m256 sum = _mm256_mul_ps(_mm256_set1_ps(own), _mm256_loadu_ps(o + c));
    sum = _mm256_fmadd_ps(_mm256_set1_ps(other), _mm256_loadu_ps(part + c), sum);
    _mm256_storeu_ps(o + c, sum);
  }
  for (; c < width; c++) o[c] = own * o[c] + other * part[c];
  *lse = top - logf(scale);
}

static inline void merge_rows(float *o, float *tops, float *sums, const int32_t *ids,
                              const float *part, const float *part_lse, int32_t count,
                              int32_t width) {
  for (int32_t i = 0; i < count; i++) {
    if (part_lse[i] == -INFINITY) continue;
    const float *from = part + (ptrdiff_t)i * width;
    float *row = o + (ptrdiff_t)ids[i] * width;
    const float top = fmaxf(tops[ids[i]], part_lse[i]);
    const float own = expf(tops[ids[i]] - top), other = expf(part_lse[i] - top);
    tops[ids[i]] = top;
    sums[ids[i]] = fmaf(own, sums[ids[i]], other);
    int32_t c = 0;
    for (; c + 8 <= width; c += 8) {
      const __m256 sum = _mm256_mul_ps(_mm256_set1_ps(own), _mm256_loadu_ps(row + c));
      _mm256_storeu_ps(
          row + c, _mm256_fmadd_ps(_mm256_set1_ps(other), _mm256_loadu_ps(from + c), sum));
    }
    for (; c < width; c++) row[c] = fmaf(other, from[c], own * row[c]);
  }
}

static inline void add_rows(float *o, const int32_t *ids, const float *part, const float *weights,
                            int32_t count, int32_t width) {
  for (int32_t i = 0; i < count; i++) {
    const float *from = part + (ptrdiff_t)i * width;
    float *row = o + (ptrdiff_t)ids[i] * width;
    const __m256 weight = _mm256_set1_ps(weights[i]);
    int32_t c = 0;
    for (; c + 8 <= width; c += 8) {
      _mm256_storeu_ps(
          row + c, _mm256_fmadd_ps(weight, _mm256_loadu_ps(from + c), _mm256_loadu_ps(row + c)));
    }
    for (; c < width; c++) row[c] = fmaf(weights[i], from[c], row[c]);
  }
}

#pragma clang attribute pop

#endif
