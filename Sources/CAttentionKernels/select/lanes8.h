// SPDX-License-Identifier: MIT
#ifndef SELECT_LANES8_H
#define SELECT_LANES8_H

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "attn_select.h"
#include "rank.h"
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

/// The first `n` (0 to 8) of eight floats, the rest 0.
static inline __m256 load_part(const float *p, int32_t n) {
  __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}

static inline int32_t clamp8(int32_t n) { return n < 0 ? 0 : n > 8 ? 8 : n; }

/// Sum of sixteen partial sums, the first eight in `low`: pairwise 8, 4, 2 and 1 apart.
static inline float sum_partials(__m256 low, __m256 high) {
  const __m256 eight = _mm256_add_ps(low, high);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline void dot_rows(const float *x, const float *rows, ptrdiff_t stride, int32_t count,
                     int32_t width, float *scores) {
  for (int32_t i = 0; i < count; i++) {
    const float *row = rows + i * stride;
    __m256 low = _mm256_setzero_ps(), high = low;
    int32_t e = 0;
    for (; e + 16 <= width; e += 16) {
      low = _mm256_fmadd_ps(_mm256_loadu_ps(x + e), _mm256_loadu_ps(row + e), low);
      high = _mm256_fmadd_ps(_mm256_loadu_ps(x + e + 8), _mm256_loadu_ps(row + e + 8), high);
    }
    int32_t n_low = clamp8(width - e), n_high = clamp8(width - e - 8);
    // A partial that no element reaches keeps its bits: fma(0, 0, p) == p.
    low = _mm256_fmadd_ps(load_part(x + e, n_low), load_part(row + e, n_low), low);
    high = _mm256_fmadd_ps(load_part(x + e + 8, n_high), load_part(row + e + 8, n_high), high);
    scores[i] = sum_partials(low, high);
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

static inline void dot_block(const float *x, ptrdiff_t x_stride, int32_t x_count,
                             const float *rows, ptrdiff_t stride, int32_t count, int32_t width,
                             float *scores, ptrdiff_t score_stride) {
  for (int32_t i = 0; i < x_count; i++) {
    dot_rows(x + i * x_stride, rows, stride, count, width, scores + i * score_stride);
  }
}

static inline void raise_products(const float *x, ptrdiff_t x_stride, int32_t x_count,
                                  const float *rows, ptrdiff_t stride, const int32_t *first,
                                  int32_t count, int32_t size, int32_t width, float *best) {
  enum { AT_ONCE = 16 };
  for (int32_t b = 0; b < count; b++) {
    for (int32_t j = 0; j < size; j += AT_ONCE) {
      const int32_t n = size - j < AT_ONCE ? size - j : AT_ONCE;
      for (int32_t i = 0; i < x_count; i++) {
        float scores[AT_ONCE];
        dot_rows(x + i * x_stride, rows + (first[b] + j) * stride, stride, n, width, scores);
        for (int32_t s = 0; s < n; s++) best[b] = scores[s] > best[b] ? scores[s] : best[b];
      }
    }
  }
}

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

/// Bisects between the least and the largest score for the lowest cut with at most `wanted` above.
static inline void top(const float *scores, int32_t count, int32_t wanted, int32_t *ids) {
  if (wanted <= 0) return;
  float least = INFINITY, most = -INFINITY;
  for (int32_t i = 0; i < count; i++) {
    least = scores[i] < least ? scores[i] : least;
    most = scores[i] > most ? scores[i] : most;
  }
  int32_t low = rank_bits(least), high = rank_bits(most), above = 0;
  if (wanted == count) {
    for (int32_t i = 0; i < count; i++) ids[i] = i;
    return;
  }
  while (low < high && above != wanted) {
    const int32_t middle = rank_between(low, high);
    above = count_above(scores, count, rank_score(middle));
    if (above <= wanted) high = middle; else low = middle + 1;
  }
  const float cut = rank_score(high);
  int32_t equal = wanted - count_above(scores, count, cut), kept = 0;
  for (int32_t i = 0; i < count; i++) {
    if (scores[i] > cut || (scores[i] == cut && equal-- > 0)) ids[kept++] = i;
  }
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

static inline int32_t estimates_exceed(const uint8_t *queries, ptrdiff_t query_stride,
                                       int32_t query_count, const int8_t *packed, int32_t width,
                                       int32_t keys, const int32_t *sums, const float *key_scales,
                                       const float *offsets, const float *scales,
                                       const float *thresholds) {
  int32_t i = 0;
  for (; i + 4 <= query_count; i += 4) {
    __m256i dots[4][2];
    estimate_dots(queries + i * query_stride, query_stride, packed, width, dots);
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

#pragma clang attribute pop

#endif
