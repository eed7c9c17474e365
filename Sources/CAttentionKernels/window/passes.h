// SPDX-License-Identifier: MIT
//
// The passes over a window, for the kernels of the file that includes this: LANES, gather,
// score_single, score_tile, output_tile, window_soften and WINDOW_SWITCH.
#ifndef WINDOW_PASSES_H
#define WINDOW_PASSES_H

#include "layout.h"

// A product for a number of rows and vectors.
#define WINDOW_CASE(call, rows, vectors) \
  case rows * 8 + vectors - 8:           \
    call(rows, vectors);                 \
    break;

static size_t scratch_bytes(int32_t head_dim, int32_t value_dim) {
  return window_scratch_bytes(head_dim, value_dim, LANES);
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
                         (window_round_up(keys, panel) / panel) *
                         (view->head_dim / WINDOW_CHUNK);
  const int32_t outputs = window_products(queries, window_vectors(channels)) *
                          (window_round_up(channels, panel) / panel) *
                          (window->key_count / WINDOW_CHUNK);
  return scores + outputs > 0 ? scores + outputs : 1;
}

static void attend(void *scratch, const attn_window_t *window, int32_t head_dim,
                   int32_t value_dim, float scale, const attn_window_t *next) {
  const window_view_t view = window_view(scratch, window, head_dim, value_dim, scale, LANES);
  const float *rows[WINDOW_MOST_ROWS];
  window_fetch_t fetch = window_fetch(next, rows, head_dim > value_dim ? head_dim : value_dim,
                                      chunk_count(&view, window));
  gather(&view, window);
  score(&view, window, &fetch);
  weigh(&view, window);
  output(&view, window, &fetch);
}

#endif
