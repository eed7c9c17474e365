// SPDX-License-Identifier: MIT
#include "attn_window.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../tiled/transpose_avx512.h"
#include "products_avx512.h"
#include "softmax_avx512.h"

enum { MOST_QUERIES = 64, MOST_KEYS = 256, LANES = 16, PAIR = 32 };

WINDOW_INLINE int32_t round_up(int32_t count, int32_t to) { return (count + to - 1) / to * to; }

/// The scratch of one window.
typedef struct {
  int32_t head_dim, value_dim;
  int32_t key_lanes;   ///< keys that vectors hold; one more may be treated by itself
  int32_t row_stride;  ///< floats of a row of weights
  ptrdiff_t block;     ///< floats of 32 transposed keys
  float *keys;         ///< [key_lanes / 32][head_dim][32], scaled
  float *values;       ///< [keys][value_dim padded to 16]
  float *weights;      ///< [queries][row_stride]
  float *shares;       ///< [queries]: 1 / sum of the row's weights
  float scale;
} window_view_t;

static size_t scratch_bytes(int32_t head_dim, int32_t value_dim) {
  const size_t keys = (size_t)MOST_KEYS * (size_t)round_up(head_dim, LANES);
  const size_t values = (size_t)MOST_KEYS * (size_t)round_up(value_dim, LANES);
  return (keys + values + (size_t)MOST_QUERIES * (MOST_KEYS + 1)) * sizeof(float);
}

static window_view_t view_of(void *scratch, const attn_window_t *window, int32_t head_dim,
                             int32_t value_dim, float scale) {
  // A single key beyond whole vectors takes dot products, not a vector of its own.
  const int32_t keys = window->key_count;
  const int32_t single = keys > LANES && keys % LANES == 1;
  const ptrdiff_t block = (ptrdiff_t)round_up(head_dim, LANES) * PAIR;
  float *transposed = scratch;
  float *values = transposed + block * (MOST_KEYS / PAIR);
  float *weights = values + (ptrdiff_t)MOST_KEYS * round_up(value_dim, LANES);
  return (window_view_t){.head_dim = head_dim,
                         .value_dim = value_dim,
                         .key_lanes = keys - single,
                         .row_stride = round_up(keys, LANES),
                         .block = block,
                         .keys = transposed,
                         .values = values,
                         .weights = weights,
                         .shares = weights + MOST_QUERIES * MOST_KEYS,
                         .scale = scale};
}

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
  const window_panel_t panel = {view->values + channel, round_up(view->value_dim, LANES), PAIR};
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

// A product for every number of rows and vectors that fits the registers.
#define WINDOW_CASE(call, rows, vectors) \
  case rows * 8 + vectors - 8:           \
    call(rows, vectors);                 \
    break;
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

static void score(const window_view_t *view, const attn_window_t *window, window_fetch_t *fetch) {
  const int32_t panel = LANES * WINDOW_VECTORS;
  const int32_t products = window_products(window->query_count, window_vectors(view->key_lanes));
  for (int32_t product = 0; product < products; ++product) {
    const int32_t first = window->query_count * product / products;
    const int32_t rows = window->query_count * (product + 1) / products - first;
    const float *queries[WINDOW_ROWS];
    for (int32_t i = 0; i < rows; ++i) {
      queries[i] = window->q + window->query_ids[first + i] * window->q_stride;
    }
    float *scores = view->weights + first * view->row_stride;
    for (int32_t key = 0; key < view->key_lanes; key += panel) {
      const int32_t keys = view->key_lanes - key < panel ? view->key_lanes - key : panel;
      const int32_t vectors = window_vectors(keys);
#define SCORE(r, v) score_tile(view, queries, key, scores, fetch, r, v)
      WINDOW_SWITCH(SCORE, rows, vectors)
    }
  }
}

static void weigh(const window_view_t *view, const attn_window_t *window) {
  if (view->key_lanes < window->key_count) {
    for (int32_t first = 0; first < window->query_count; first += LANES) {
      score_single(view, window, first);
    }
  }
  for (int32_t query = 0; query < window->query_count; ++query) {
    const float *bias = window->bias ? window->bias + query * window->bias_stride : NULL;
    view->shares[query] =
        window_soften(view->weights + query * view->row_stride, window->key_count, bias);
  }
}

static void output(const window_view_t *view, const attn_window_t *window, window_fetch_t *fetch) {
  const int32_t panel = LANES * WINDOW_VECTORS;
  for (int32_t channel = 0; channel < view->value_dim; channel += panel) {
    const int32_t vectors = window_vectors(view->value_dim - channel);
    const int32_t products = window_products(window->query_count, vectors);
    for (int32_t product = 0; product < products; ++product) {
      const int32_t first = window->query_count * product / products;
      const int32_t rows = window->query_count * (product + 1) / products - first;
#define OUTPUT(r, v) output_tile(view, window, first, channel, fetch, r, v)
      WINDOW_SWITCH(OUTPUT, rows, vectors)
    }
  }
}

/// Whole chunks of depth of all products of a window.
static int32_t chunk_count(const window_view_t *view, const attn_window_t *window) {
  const int32_t panel = LANES * WINDOW_VECTORS, queries = window->query_count;
  const int32_t keys = view->key_lanes, channels = view->value_dim;
  const int32_t scores = window_products(queries, window_vectors(keys)) *
                         (round_up(keys, panel) / panel) * (view->head_dim / WINDOW_CHUNK);
  const int32_t outputs = window_products(queries, window_vectors(channels)) *
                          (round_up(channels, panel) / panel) * (window->key_count / WINDOW_CHUNK);
  return scores + outputs > 0 ? scores + outputs : 1;
}

static void attend(void *scratch, const attn_window_t *window, int32_t head_dim,
                   int32_t value_dim, float scale, const attn_window_t *next) {
  const window_view_t view = view_of(scratch, window, head_dim, value_dim, scale);
  const float *rows[WINDOW_MOST_ROWS];
  window_fetch_t fetch = window_fetch(next, rows, head_dim > value_dim ? head_dim : value_dim,
                                      chunk_count(&view, window));
  gather(&view, window);
  score(&view, window, &fetch);
  weigh(&view, window);
  output(&view, window, &fetch);
}

const attn_window_kernels_t attn_window_avx512 = {
    .most_queries = MOST_QUERIES,
    .most_keys = MOST_KEYS,
    .scratch_bytes = scratch_bytes,
    .attend = attend,
};

#pragma clang attribute pop

#else

const attn_window_kernels_t attn_window_avx512 = {0};

#endif
