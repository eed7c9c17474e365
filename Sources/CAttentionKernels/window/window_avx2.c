// SPDX-License-Identifier: MIT
#include "attn_window.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "../tiled/transpose_avx2.h"
#include "layout.h"
#include "products_avx2.h"
#include "softmax_avx2.h"

enum { LANES = 8, PAIR = 16 };

/// Transposes the keys, and gathers the values into rows of whole vectors.
static void gather(const window_view_t *view, const attn_window_t *window) {
  const int32_t keys = window->key_count;
  for (int32_t first = 0; first < view->key_lanes; first += LANES) {
    const float *rows[LANES];
    for (int32_t i = 0; i < LANES; ++i) {
      // Lanes without a key read a row that exists and are cleared.
      rows[i] = window->k + window->key_ids[first + i < keys ? first + i : 0] * window->k_stride;
    }
    const __m256 lanes = _mm256_castsi256_ps(window_lanes(view->key_lanes - first));
    float *to = view->keys + first / PAIR * view->block + first % PAIR;
    tiled_load_rows(to, PAIR, rows, view->head_dim, lanes, view->scale);
  }
  float *to = view->values;
  for (int32_t i = 0; i < keys; ++i) {
    const float *value = window->v + window->key_ids[i] * window->v_stride;
    int32_t channel = 0;
    for (; channel + LANES <= view->value_dim; channel += LANES, to += LANES) {
      _mm256_store_ps(to, _mm256_loadu_ps(value + channel));
    }
    if (channel < view->value_dim) {
      const __m256i rest = window_lanes(view->value_dim - channel);
      _mm256_store_ps(to, _mm256_maskload_ps(value + channel, rest));
      to += LANES;
    }
  }
}

/// Scores of up to 8 queries with the key that no vector holds.
static void score_single(const window_view_t *view, const attn_window_t *window, int32_t first) {
  const int32_t key = view->key_lanes;
  const float *row = window->k + window->key_ids[key] * window->k_stride;
  const int32_t count =
      window->query_count - first < LANES ? window->query_count - first : LANES;
  __m256 sums[LANES];
  for (int32_t i = 0; i < LANES; ++i) {
    const int32_t query = first + (i < count ? i : 0);
    const float *q = window->q + window->query_ids[query] * window->q_stride;
    __m256 sum = _mm256_setzero_ps();
    int32_t d = 0;
    for (; d + LANES <= view->head_dim; d += LANES) {
      sum = _mm256_fmadd_ps(_mm256_loadu_ps(q + d), _mm256_loadu_ps(row + d), sum);
    }
    if (d < view->head_dim) {
      const __m256i inside = window_lanes(view->head_dim - d);
      sum = _mm256_fmadd_ps(_mm256_maskload_ps(q + d, inside), _mm256_maskload_ps(row + d, inside),
                            sum);
    }
    sums[i] = sum;
  }
  _Alignas(32) float scores[LANES];
  _mm256_store_ps(scores, _mm256_mul_ps(window_sum_rows(sums), _mm256_set1_ps(view->scale)));
  for (int32_t i = 0; i < count; ++i) {
    view->weights[(first + i) * view->row_stride + key] = scores[i];
  }
}

/// Scores of `rows` queries with a panel of 8 times `vectors` keys.
WINDOW_INLINE void score_tile(const window_view_t *view, const float *const *queries,
                              int32_t first_key, float *scores, window_fetch_t *fetch,
                              const int rows, const int vectors) {
  window_sums_t sums;
  const window_panel_t panel = {view->keys + first_key / PAIR * view->block, PAIR};
  window_multiply(sums, queries, panel, view->head_dim, fetch, rows, vectors);
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) {
      _mm256_store_ps(scores + i * view->row_stride + first_key + LANES * j, sums[i][j]);
    }
  }
}

/// Outputs of `rows` queries, 8 times `vectors` channels from `channel` on.
WINDOW_INLINE void output_tile(const window_view_t *view, const attn_window_t *window,
                               int32_t first, int32_t channel, window_fetch_t *fetch,
                               const int rows, const int vectors) {
  const float *weights[WINDOW_ROWS];
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    weights[i] = view->weights + (first + i) * view->row_stride;
  }
  window_sums_t sums;
  const ptrdiff_t stride = window_round_up(view->value_dim, LANES);
  const window_panel_t panel = {view->values + channel, stride};
  window_multiply(sums, weights, panel, window->key_count, fetch, rows, vectors);
  const __m256i inside = window_lanes(view->value_dim - channel - LANES * (vectors - 1));
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    float *o = window->o + window->query_ids[first + i] * window->o_stride + channel;
    const __m256 share = _mm256_broadcast_ss(view->shares + first + i);
    WINDOW_UNROLL for (int j = 0; j < vectors - 1; ++j) {
      _mm256_storeu_ps(o + LANES * j, _mm256_mul_ps(sums[i][j], share));
    }
    _mm256_maskstore_ps(o + LANES * (vectors - 1), inside,
                        _mm256_mul_ps(sums[i][vectors - 1], share));
  }
}

// Every number of rows and vectors that fits the registers.
#define WINDOW_SWITCH(call, rows, vectors)                                            \
  switch ((rows)*8 + (vectors)-8) {                                                   \
    WINDOW_CASE(call, 1, 1) WINDOW_CASE(call, 2, 1) WINDOW_CASE(call, 3, 1)           \
    WINDOW_CASE(call, 4, 1) WINDOW_CASE(call, 5, 1) WINDOW_CASE(call, 6, 1)           \
    WINDOW_CASE(call, 7, 1) WINDOW_CASE(call, 8, 1)                                   \
    WINDOW_CASE(call, 1, 2) WINDOW_CASE(call, 2, 2) WINDOW_CASE(call, 3, 2)           \
    WINDOW_CASE(call, 4, 2) WINDOW_CASE(call, 5, 2) WINDOW_CASE(call, 6, 2)           \
  }

#include "passes.h"

const attn_window_kernels_t attn_window_avx2 = {
    .most_queries = WINDOW_MOST_QUERIES,
    .most_keys = WINDOW_MOST_KEYS,
    .scratch_bytes = scratch_bytes,
    .attend = attend,
};

#pragma clang attribute pop

#else

const attn_window_kernels_t attn_window_avx2 = {0};

#endif
