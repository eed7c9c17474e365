// SPDX-License-Identifier: MIT
#ifndef SELECT_SUMS16_H
#define SELECT_SUMS16_H

#include "products16.h"
#include "soften.h"

#pragma clang attribute push(\
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

/// 2^x for x of at most a few tens; 0 in lanes outside of `lanes`, where x may be anything.
static inline __m512 power_of_two16(__mmask16 lanes, __m512 x) {
  const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, whole);
  __m512 p = _mm512_set1_ps(SELECT_C6);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(SELECT_C5));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(SELECT_C4));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(SELECT_C3));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(SELECT_C2));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(SELECT_C1));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  // As exact as the product with a power of two is in the other tables: nothing is denormal.
  return _mm512_maskz_scalef_ps(lanes, p, whole);
}

/// 2^x for x of at most a few tens; below 2^-40 it is 0.
static inline __m512 exponential_of_two16(__m512 x) {
  return power_of_two16(_mm512_cmp_ps_mask(x, _mm512_set1_ps(SELECT_LEAST), _CMP_GT_OQ), x);
}

/// The exponentials of one vector of scores.
static inline __m512 soften_vector16(__m512 score, __m512 top, __m512 factor) {
  return exponential_of_two16(_mm512_mul_ps(_mm512_sub_ps(score, top), factor));
}

static inline float soften16(float *scores, int32_t count, float scale) {
  const int32_t whole = count & ~15;
  const __mmask16 rest = first_lanes(count - whole);
  const __m512 nothing = _mm512_set1_ps(-INFINITY);
  __m512 top = _mm512_mask_loadu_ps(nothing, rest, scores + whole), other = nothing;
  int32_t i = 0;
  for (; i + 32 <= whole; i += 32) {
    top = _mm512_max_ps(top, _mm512_loadu_ps(scores + i));
    other = _mm512_max_ps(other, _mm512_loadu_ps(scores + i + 16));
  }
  if (i < whole) other = _mm512_max_ps(other, _mm512_loadu_ps(scores + i));
  top = _mm512_set1_ps(_mm512_reduce_max_ps(_mm512_max_ps(top, other)));
  const __m512 factor = _mm512_set1_ps(scale * SELECT_LOG2E);
  __m512 partial = _mm512_setzero_ps();
  // Stores under a mask are slow: only the last vector has one.
  for (i = 0; i < whole; i += 16) {
    const __m512 power = soften_vector16(_mm512_loadu_ps(scores + i), top, factor);
    _mm512_storeu_ps(scores + i, power);
    partial = _mm512_add_ps(partial, power);
  }
  if (rest) {
    const __m512 score = _mm512_maskz_loadu_ps(rest, scores + whole);
    const __m512 power = _mm512_maskz_mov_ps(rest, soften_vector16(score, top, factor));
    _mm512_mask_storeu_ps(scores + whole, rest, power);
    partial = _mm512_add_ps(partial, power);
  }
  return sum_partials(_mm512_castps512_ps256(partial), _mm512_extractf32x8_ps(partial, 1));
}

static inline void weigh_rows16(const float *weights, const float *rows, ptrdiff_t stride,
                                int32_t count, int32_t width, float *sum) {
  for (int32_t c = 0; c < width; c += 64) {
    __m512 total[4];
    __mmask16 lanes[4];
    for (int32_t v = 0; v < 4; v++) {
      total[v] = _mm512_setzero_ps();
      lanes[v] = first_lanes(width - c - 16 * v);
    }
    for (int32_t i = 0; i < count; i++) {
      const __m512 weight = _mm512_set1_ps(weights[i]);
      for (int32_t v = 0; v < 4; v++) {
        const __m512 row = _mm512_maskz_loadu_ps(lanes[v], rows + i * stride + c + 16 * v);
        total[v] = _mm512_fmadd_ps(weight, row, total[v]);
      }
    }
    for (int32_t v = 0; v < 4; v++) _mm512_mask_storeu_ps(sum + c + 16 * v, lanes[v], total[v]);
  }
}

/// e^x for x up to 0; below e^-27 it is 0.
static inline __m512 exponential16(__m512 x) {
  return exponential_of_two16(_mm512_mul_ps(x, _mm512_set1_ps(SELECT_LOG2E)));
}

static inline void merge_rows16(float *o, float *tops, float *sums, const int32_t *ids,
                                const float *part, const float *part_lse, int32_t count,
                                int32_t width) {
  for (int32_t first = 0; first < count; first += 16) {
    const int32_t rows = least_of(16, count - first);
    const __m512i id = _mm512_maskz_loadu_epi32(first_lanes(rows), ids + first);
    const __m512 lse = _mm512_maskz_loadu_ps(first_lanes(rows), part_lse + first);
    // Rows that saw no key change nothing.
    const __mmask16 lanes = _mm512_mask_cmp_ps_mask(
        first_lanes(rows), lse, _mm512_set1_ps(-INFINITY), _CMP_NEQ_OQ);
    const __m512 before =
        _mm512_mask_i32gather_ps(_mm512_setzero_ps(), lanes, id, tops, sizeof(float));
    const __m512 top = _mm512_max_ps(before, lse);
    const __m512 own = exponential16(_mm512_sub_ps(before, top));
    const __m512 other = exponential16(_mm512_sub_ps(lse, top));
    const __m512 sum =
        _mm512_mask_i32gather_ps(_mm512_setzero_ps(), lanes, id, sums, sizeof(float));
    _mm512_mask_i32scatter_ps(tops, lanes, id, top, sizeof(float));
    _mm512_mask_i32scatter_ps(sums, lanes, id, _mm512_fmadd_ps(own, sum, other), sizeof(float));
    float kept[16], added[16];
    _mm512_storeu_ps(kept, own);
    _mm512_storeu_ps(added, other);
    for (int32_t i = 0; i < rows; i++) {
      if (!(lanes >> i & 1)) continue;
      const float *from = part + (ptrdiff_t)(first + i) * width;
      float *row = o + (ptrdiff_t)ids[first + i] * width;
      for (int32_t c = 0; c < width; c += 16) {
        const __mmask16 valid = first_lanes(width - c);
        const __m512 scaled =
            _mm512_mul_ps(_mm512_set1_ps(kept[i]), _mm512_maskz_loadu_ps(valid, row + c));
        _mm512_mask_storeu_ps(row + c, valid,
                              _mm512_fmadd_ps(_mm512_set1_ps(added[i]),
                                              _mm512_maskz_loadu_ps(valid, from + c), scaled));
      }
    }
  }
}

static inline void add_rows16(float *o, const int32_t *ids, const float *part,
                              const float *weights, int32_t count, int32_t width) {
  const int32_t whole = width & ~15;
  const __mmask16 rest = first_lanes(width - whole);
  for (int32_t i = 0; i < count; i++) {
    const float *from = part + (ptrdiff_t)i * width;
    float *row = o + (ptrdiff_t)ids[i] * width;
    const __m512 weight = _mm512_set1_ps(weights[i]);
    // Stores under a mask are slow: only the last vector has one.
    for (int32_t c = 0; c < whole; c += 16) {
      _mm512_storeu_ps(
          row + c, _mm512_fmadd_ps(weight, _mm512_loadu_ps(from + c), _mm512_loadu_ps(row + c)));
    }
    if (rest == 0) continue;
    _mm512_mask_storeu_ps(row + whole, rest,
                          _mm512_fmadd_ps(weight, _mm512_maskz_loadu_ps(rest, from + whole),
                                          _mm512_maskz_loadu_ps(rest, row + whole)));
  }
}

#pragma clang attribute pop

#endif
