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

const attn_select_kernels_t attn_select_avx2 = {pool_mean, dot_rows, pool_extrema,
                                                      soften, merge_row};
// 512-bit vectors would not help: these kernels are bound by loads of short rows.
const attn_select_kernels_t attn_select_avx512 = {pool_mean, dot_rows, pool_extrema,
                                                        soften, merge_row};
#endif
