// SPDX-License-Identifier: MIT
#ifndef SELECT_FEW16_H
#define SELECT_FEW16_H

#include <string.h>

#include "panel16.h"
#include "sums16.h"

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

enum {
  FEW_QUERIES = 8,
  /// Keys whose weights wait for their values.
  FEW_KEYS = 64,
  /// Keys per tile in which work is counted, as in the tiled kernels.
  FEW_TILE = 8,
  FEW_WIDTH = ATTN_FEW_WIDTH
};

/// Maxima are raised only where scores exceed them by this much, log2 units.
#define FEW_SLACK 10.0f

/// One vector holds two keys: query q stands in lane 4 (q / 2) + q mod 2, for the second key two
/// lanes further. Queries hold two elements side by side, so that eight of them fill a vector and a
/// key's two elements come by one broadcast.
typedef struct {
  _Alignas(64) float queries[FEW_WIDTH * FEW_QUERIES];
  _Alignas(64) float outputs[FEW_WIDTH * FEW_QUERIES];
  _Alignas(64) float weights[FEW_KEYS * FEW_QUERIES];
  __m512 maximum, denominator;
} few_strip_t;

static inline int32_t few_lane(int32_t query) { return query / 2 * 4 + query % 2; }

/// Of two keys' lanes, those of the other one.
static inline __m512 few_other(__m512 x) { return _mm512_shuffle_ps(x, x, 0x4e); }

static inline void few_load(few_strip_t *strip, const attn_few_t *few) {
  for (int32_t q = 0; q < FEW_QUERIES; q++) {
    const float *row =
        few->queries + few->query_ids[least_of(q, few->query_count - 1)] * few->query_stride;
    for (int32_t e = 0; e < few->head_dim; e++) {
      strip->queries[e / 2 * 16 + 2 * q + e % 2] = row[e] * few->scale;
    }
  }
  memset(strip->outputs, 0, sizeof(float) * FEW_QUERIES * (size_t)few->value_dim);
  strip->maximum = _mm512_set1_ps(-0x1p100f);
  strip->denominator = _mm512_setzero_ps();
}

/// Brings elements `first ..< first + 32` of a key and of its value closer, whether they exist or
/// not: no branch, so that sums stay in registers.
PANEL_INLINE void few_fetch(const attn_few_t *few, int32_t key, int32_t first) {
  const ptrdiff_t id = few->key_ids[least_of(key, few->key_count - 1)];
  const float *k = few->keys + id * few->key_stride + first;
  const float *v = few->values + id * few->value_stride + first;
  _mm_prefetch((const char *)k, _MM_HINT_T1);
  _mm_prefetch((const char *)(k + 16), _MM_HINT_T1);
  _mm_prefetch((const char *)v, _MM_HINT_T1);
  _mm_prefetch((const char *)(v + 16), _MM_HINT_T1);
}

/// Two elements of a key, once per query.
PANEL_INLINE __m512 few_pair(const float *elements) {
  double pair;
  memcpy(&pair, elements, sizeof pair);
  return _mm512_castpd_ps(_mm512_set1_pd(pair));
}

/// Scores of the `count` keys from `first` on; returns their maxima. Lanes without a key get -inf.
PANEL_INLINE __m512 few_score(few_strip_t *strip, const attn_few_t *few, int32_t first,
                              int32_t count, int32_t head_dim) {
  __m512 most = _mm512_set1_ps(-INFINITY);
  for (int32_t k = 0; k < count; k += 8) {
    const float *rows[8];
    __m512 sums[8];
    PANEL_UNROLL for (int32_t i = 0; i < 8; i++) {
      const int32_t key = least_of(first + k + i, few->key_count - 1);
      rows[i] = few->keys + few->key_ids[key] * few->key_stride;
      sums[i] = _mm512_setzero_ps();
    }
    int32_t e = 0;
    for (; e + 4 <= head_dim; e += 4) {
      const __m512 low = _mm512_load_ps(strip->queries + 8 * e);
      const __m512 high = _mm512_load_ps(strip->queries + 8 * e + 16);
      // A load and two moves for two pairs, or two loads: half of each keeps both pipes below the
      // multiply-adds.
      PANEL_UNROLL for (int32_t i = 0; i < 8; i += 2) {
        const __m512d four = _mm512_castps_pd(_mm512_broadcast_f32x4(_mm_loadu_ps(rows[i] + e)));
        sums[i] = _mm512_fmadd_ps(low, _mm512_castpd_ps(_mm512_movedup_pd(four)), sums[i]);
        sums[i] = _mm512_fmadd_ps(high, _mm512_castpd_ps(_mm512_permute_pd(four, 0xff)), sums[i]);
        sums[i + 1] = _mm512_fmadd_ps(low, few_pair(rows[i + 1] + e), sums[i + 1]);
        sums[i + 1] = _mm512_fmadd_ps(high, few_pair(rows[i + 1] + e + 2), sums[i + 1]);
      }
    }
    for (; e < head_dim; e += 2) {
      const __m512 x = _mm512_load_ps(strip->queries + 8 * e);
      PANEL_UNROLL for (int32_t i = 0; i < 8; i++) {
        sums[i] = _mm512_fmadd_ps(x, few_pair(rows[i] + e), sums[i]);
      }
    }
    PANEL_UNROLL for (int32_t i = 0; i < 8; i += 2) {
      const __m512 scores = _mm512_add_ps(_mm512_shuffle_ps(sums[i], sums[i + 1], 0x88),
                                          _mm512_shuffle_ps(sums[i], sums[i + 1], 0xdd));
      const int32_t left = count - k - i;
      const __mmask16 lanes = left > 1 ? 0xffff : left == 1 ? 0x3333 : 0;
      const __m512 valid = _mm512_mask_mov_ps(_mm512_set1_ps(-INFINITY), lanes, scores);
      _mm512_store_ps(strip->weights + 8 * (k + i), valid);
      most = _mm512_max_ps(most, valid);
    }
  }
  return most;
}

/// Raises the maxima that scores exceed by more than the slack and shrinks what was added so far.
static inline void few_rescale(few_strip_t *strip, __m512 most, int32_t value_dim) {
  most = _mm512_max_ps(most, few_other(most));
  const __m512 limit = _mm512_add_ps(strip->maximum, _mm512_set1_ps(FEW_SLACK));
  const __mmask16 exceeds = _mm512_cmp_ps_mask(most, limit, _CMP_GT_OQ);
  if (exceeds == 0) return;
  const __m512 maximum = _mm512_mask_mov_ps(strip->maximum, exceeds, most);
  const __m512 factor = exponential_of_two16(_mm512_sub_ps(strip->maximum, maximum));
  float factors[16];
  _mm512_storeu_ps(factors, factor);
  for (int32_t q = 0; q < FEW_QUERIES; q++) {
    const __m512 by = _mm512_set1_ps(factors[few_lane(q)]);
    float *row = strip->outputs + q * value_dim;
    for (int32_t c = 0; c < value_dim; c += 16) {
      _mm512_storeu_ps(row + c, _mm512_mul_ps(_mm512_loadu_ps(row + c), by));
    }
  }
  strip->denominator = _mm512_mul_ps(strip->denominator, factor);
  strip->maximum = maximum;
}

/// Turns the scores of `count` keys, an odd one with a neighbour of -inf, into weights.
static inline void few_weigh(few_strip_t *strip, int32_t count) {
  __m512 denominator = strip->denominator;
  for (int32_t k = 0; k < count; k += 2) {
    const __m512 score = _mm512_load_ps(strip->weights + 8 * k);
    const __m512 weight = exponential_of_two16(_mm512_sub_ps(score, strip->maximum));
    _mm512_store_ps(strip->weights + 8 * k, weight);
    denominator = _mm512_add_ps(denominator, weight);
  }
  strip->denominator = denominator;
}

/// Adds the weighted values of the `count` keys from `first` on, 32 channels at a time.
static inline void few_accumulate(few_strip_t *strip, const attn_few_t *few, int32_t first,
                                  int32_t count) {
  const int32_t value_dim = few->value_dim;
  for (int32_t c = 0; c < value_dim; c += 32) {
    __m512 sums[FEW_QUERIES][2];
    PANEL_UNROLL for (int32_t q = 0; q < FEW_QUERIES; q++) {
      sums[q][0] = _mm512_loadu_ps(strip->outputs + q * value_dim + c);
      sums[q][1] = _mm512_loadu_ps(strip->outputs + q * value_dim + c + 16);
    }
    for (int32_t k = 0; k < count; k++) {
      // Products of scores leave no room for fetches, these do.
      few_fetch(few, first + k + FEW_KEYS, c);
      const float *row = few->values + few->key_ids[first + k] * few->value_stride + c;
      const __m512 low = _mm512_loadu_ps(row), high = _mm512_loadu_ps(row + 16);
      const float *weights = strip->weights + k / 2 * 16 + k % 2 * 2;
      PANEL_UNROLL for (int32_t q = 0; q < FEW_QUERIES; q++) {
        const __m512 weight = _mm512_set1_ps(weights[few_lane(q)]);
        sums[q][0] = _mm512_fmadd_ps(weight, low, sums[q][0]);
        sums[q][1] = _mm512_fmadd_ps(weight, high, sums[q][1]);
      }
    }
    PANEL_UNROLL for (int32_t q = 0; q < FEW_QUERIES; q++) {
      _mm512_storeu_ps(strip->outputs + q * value_dim + c, sums[q][0]);
      _mm512_storeu_ps(strip->outputs + q * value_dim + c + 16, sums[q][1]);
    }
  }
}

static inline void few_store(const few_strip_t *strip, const attn_few_t *few) {
  const __m512 sum = _mm512_add_ps(strip->denominator, few_other(strip->denominator));
  const __mmask16 any = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_GT_OQ);
  float inverse[16];
  _mm512_storeu_ps(inverse, _mm512_maskz_div_ps(any, _mm512_set1_ps(1), sum));
  for (int32_t q = 0; q < few->query_count; q++) {
    const __m512 by = _mm512_set1_ps(inverse[few_lane(q)]);
    const float *row = strip->outputs + q * few->value_dim;
    float *target = few->outputs + few->query_ids[q] * few->output_stride;
    for (int32_t c = 0; c < few->value_dim; c += 16) {
      _mm512_storeu_ps(target + c, _mm512_mul_ps(_mm512_loadu_ps(row + c), by));
    }
  }
}

static inline void attend_few16(const attn_few_t *few, attn_counts_t *counts) {
  few_strip_t strip;
  few_load(&strip, few);
  for (int32_t first = 0; first < few->key_count; first += FEW_KEYS) {
    const int32_t count = least_of(FEW_KEYS, few->key_count - first);
    const __m512 most = few->head_dim == 64
                            ? few_score(&strip, few, first, count, 64)
                            : few_score(&strip, few, first, count, few->head_dim);
    few_rescale(&strip, most, few->value_dim);
    few_weigh(&strip, count);
    few_accumulate(&strip, few, first, count);
  }
  few_store(&strip, few);
  const uint64_t pairs = (uint64_t)few->key_count * (uint64_t)few->query_count;
  counts->tiles_full += (uint64_t)((few->key_count + FEW_TILE - 1) / FEW_TILE);
  counts->pairs += pairs;
  counts->exponentials += pairs;
}

#pragma clang attribute pop

#endif
