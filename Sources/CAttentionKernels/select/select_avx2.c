// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include "attn_select.h"

#include <immintrin.h>
#include <math.h>

#include "soften.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

static void pool_mean(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
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

static void dot_rows(const float *x, const float *rows, ptrdiff_t stride, int32_t count,
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
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    scores[i] = _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
  }
}

static void pool_extrema(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
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

static void soften(float *scores, int32_t count, float scale) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  float top = -INFINITY;
  for (int32_t i = 0; i < count; i++) top = scores[i] > top ? scores[i] : top;
  const __m256 factor = _mm256_set1_ps(scale * SELECT_LOG2E);
  for (int32_t i = 0; i < count; i += 8) {
    const int32_t n = clamp8(count - i);
    const __m256 score = load_part(scores + i, n);
    const __m256 exponent = _mm256_mul_ps(_mm256_sub_ps(score, _mm256_set1_ps(top)), factor);
    const __m256 counts = _mm256_cmp_ps(exponent, _mm256_set1_ps(SELECT_LEAST), _CMP_GT_OQ);
    const __m256 power = power_of_two(_mm256_max_ps(exponent, _mm256_set1_ps(SELECT_LEAST)));
    _mm256_maskstore_ps(scores + i, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane),
                        _mm256_and_ps(power, counts));
  }
}

static void weigh_rows(const float *weights, const float *rows, ptrdiff_t stride, int32_t count,
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

static int32_t estimate_exceeds(const uint8_t *query, const int8_t *packed, int32_t width,
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

static void merge_row(float *o, float *lse, const float *part, float part_lse, int32_t width) {
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

#pragma clang attribute pop

const attn_select_kernels_t attn_select_avx2 = {
    pool_mean, dot_rows, pool_extrema, soften, weigh_rows, estimate_exceeds, merge_row,
};
// 512-bit vectors would not help: these kernels are bound by loads of short rows.
const attn_select_kernels_t attn_select_avx512 = {
    pool_mean, dot_rows, pool_extrema, soften, weigh_rows, estimate_exceeds, merge_row,
};
#endif
