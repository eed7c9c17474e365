// SPDX-License-Identifier: MIT
#include "attn_window.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../tiled/transpose_avx512.h"
#include "layout.h"
#include "products_avx512.h"
#include "softmax_avx512.h"

enum { LANES = 16, PAIR = 32 };

/// Transposes the keys, and gathers the values into rows of whole vectors.
static void gather(const window_view_t *view, const attn_window_t *window) {
  const int32_t keys = window->key_count;
  for (int32_t first = 0; first < view->key_lanes; first += LANES) {
    const float *rows[LANES];
    for (int32_t i = 0; i < LANES; ++i) {
      // Lanes without a key read a row that exists and are cleared.
      rows[i] = window->k + window->key_ids[first + i < keys ? first + i : 0] * window->k_stride;
    }
    const int32_t left = view->key_lanes - first;
    const __mmask16 lanes = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
    float *to = view->keys + first / PAIR * view->block + first % PAIR;
    tiled_load_rows(to, rows, view->head_dim, lanes, view->scale);
  }
  float *to = view->values;
  for (int32_t i = 0; i < keys; ++i) {
    const float *value = window->v + window->key_ids[i] * window->v_stride;
    int32_t channel = 0;
    for (; channel + LANES <= view->value_dim; channel += LANES, to += LANES) {
      _mm512_store_ps(to, _mm512_loadu_ps(value + channel));
    }
    if (channel < view->value_dim) {
      const __mmask16 rest = (__mmask16)((1u << (view->value_dim - channel)) - 1);
      _mm512_store_ps(to, _mm512_maskz_loadu_ps(rest, value + channel));
      to += LANES;
    }
  }
}

/// Scores of up to 16 queries with the key that no vector holds.
static void score_single(const window_view_t *view, const attn_window_t *window, int32_t first) {
  const int32_t key = view->key_lanes;
  const float *row = window->k + window->key_ids[key] * window->k_stride;
  const int32_t count =
      window->query_count - first < LANES ? window->query_count - first : LANES;
  __m512 sums[LANES];
  for (int32_t i = 0; i < LANES; ++i) {
    const int32_t query = first + (i < count ? i : 0);
    const float *q = window->q + window->query_ids[query] * window->q_stride;
    __m512 sum = _mm512_setzero_ps();
    for (int32_t d = 0; d < view->head_dim; d += LANES) {
      const int32_t left = view->head_dim - d;
      const __mmask16 inside = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
      sum = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(inside, q + d),
                            _mm512_maskz_loadu_ps(inside, row + d), sum);
    }
    sums[i] = sum;
  }
  _Alignas(64) float scores[LANES];
  _mm512_store_ps(scores, _mm512_mul_ps(window_sum_rows(sums), _mm512_set1_ps(view->scale)));
  for (int32_t i = 0; i < count; ++i) {
    view->weights[(first + i) * view->row_stride + key] = scores[i];
  }
}

/// Scores of `rows` queries with a panel of 16 times `vectors` keys.
WINDOW_INLINE void score_tile(const window_view_t *view, const float *const *queries,
                              int32_t first_key, float *scores, window_fetch_t *fetch,
                              const int rows, const int vectors) {
  window_sums_t sums;
  const window_panel_t panel = {view->keys + first_key / PAIR * view->block, PAIR, view->block};
  window_multiply(sums, queries, panel, view->head_dim, fetch, rows, vectors);
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) {
      _mm512_store_ps(scores + i * view->row_stride + first_key + LANES * j, sums[i][j]);
    }
  }
}

/// Outputs of `rows` queries, 16 times `vectors` channels from `channel` on.
WINDOW_INLINE void output_tile(const window_view_t *view, const attn_window_t *window,
                               int32_t first, int32_t channel, window_fetch_t *fetch,
                               const int rows, const int vectors) {
  const float *weights[WINDOW_ROWS];
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    weights[i] = view->weights + (first + i) * view->row_stride;
  }
  window_sums_t sums;
  const ptrdiff_t stride = window_round_up(view->value_dim, LANES);
  const window_panel_t panel = {view->values + channel, stride, PAIR};
  window_multiply(sums, weights, panel, window->key_count, fetch, rows, vectors);
  const int32_t left = view->value_dim - channel - LANES * (vectors - 1);
  const __mmask16 inside = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
  WINDOW_UNROLL for (int i = 0; i < rows; ++i) {
    float *o = window->o + window->query_ids[first + i] * window->o_stride + channel;
    const __m512 share = _mm512_set1_ps(view->shares[first + i]);
    WINDOW_UNROLL for (int j = 0; j < vectors; ++j) {
      _mm512_mask_storeu_ps(o + LANES * j, j == vectors - 1 ? inside : 0xffff,
                            _mm512_mul_ps(sums[i][j], share));
    }
  }
}

// Every number of rows and vectors that fits the registers.
#define WINDOW_CASES(call, rows)                                                          \
  WINDOW_CASE(call, rows, 1) WINDOW_CASE(call, rows, 2) WINDOW_CASE(call, rows, 3)
#define WINDOW_SWITCH(call, rows, vectors)                                                \
  switch ((rows)*8 + (vectors)-8) {                                                       \
    WINDOW_CASES(call, 1) WINDOW_CASES(call, 2) WINDOW_CASES(call, 3)                     \
    WINDOW_CASES(call, 4) WINDOW_CASES(call, 5) WINDOW_CASES(call, 6)                     \
    WINDOW_CASES(call, 7) WINDOW_CASES(call, 8)                                           \
    WINDOW_CASE(call, 1, 4) WINDOW_CASE(call, 2, 4) WINDOW_CASE(call, 3, 4)               \
    WINDOW_CASE(call, 4, 4) WINDOW_CASE(call, 5, 4) WINDOW_CASE(call, 6, 4)               \
  }

#include "passes.h"

const attn_window_kernels_t attn_window_avx512 = {
    .most_queries = WINDOW_MOST_QUERIES,
    .most_keys = WINDOW_MOST_KEYS,
    .scratch_bytes = scratch_bytes,
    .attend = attend,
};

#pragma clang attribute pop

#else

const attn_window_kernels_t attn_window_avx512 = {0};

#endif
