// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include "attn_select.h"

#include <immintrin.h>
#include <math.h>

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

const attn_select_kernels_t attn_select_avx2 = {pool_mean, dot_rows, merge_row};
// 512-bit vectors would not help: these kernels are bound by loads of short rows.
const attn_select_kernels_t attn_select_avx512 = {pool_mean, dot_rows, merge_row};
#endif
