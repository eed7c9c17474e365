// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_PROJECT_H
#define ATTN_SCAN_PROJECT_H

#include "scan_products.h"

enum { SCAN_PROJECT_PANEL = SCAN_PROJECT_VECTORS * SCAN_LANES };

/// Floats of a packed projection: panels of [input_dim][SCAN_PROJECT_PANEL]. Padding repeats the
/// first row of `omega`, so that it never decides a maximum.
static inline size_t scan_projection_floats(int32_t input_dim, int32_t feature_dim) {
  return (size_t)scan_ceil(feature_dim, SCAN_PROJECT_PANEL) * SCAN_PROJECT_PANEL
         * (size_t)input_dim;
}

static inline void scan_pack_projection(const attn_scan_plan_t *plan, const float *omega,
                                        float *packed) {
  float scale = plan->input_scale * (plan->map == ATTN_SCAN_EXP ? 0x1.715476p+0f : 1.0f);
  for (int32_t first = 0; first < plan->feature_dim; first += SCAN_PROJECT_PANEL) {
    for (int32_t c = 0; c < plan->input_dim; ++c) {
      for (int32_t r = first; r < first + SCAN_PROJECT_PANEL; ++r) {
        int32_t row = r < plan->feature_dim ? r : 0;
        *packed++ = omega[(ptrdiff_t)row * plan->input_dim + c] * scale;
      }
    }
  }
}

/// `rows` rows of one panel of U = X Omega^T; raises the lane maxima of each row.
SCAN_INLINE void scan_project_tile(const float *x, ptrdiff_t x_stride, const float *omega,
                                   int32_t depth, float *u, ptrdiff_t u_stride, float *maxima,
                                   int store, int rows) {
  scan_tile_t tile;
  scan_tile_clear(&tile, rows, SCAN_PROJECT_VECTORS);
  for (int32_t c = 0; c < depth; ++c) {
    scan_rank1(&tile, x + c, x_stride, omega, rows, SCAN_PROJECT_VECTORS);
    omega += SCAN_PROJECT_PANEL;
  }
  SCAN_UNROLL_ALL
  for (int i = 0; i < rows; ++i) {
    vec largest = vec_load(maxima + i * SCAN_LANES);
    SCAN_UNROLL_ALL
    for (int j = 0; j < SCAN_PROJECT_VECTORS; ++j) {
      if (store) vec_store(u + i * u_stride + j * SCAN_LANES, tile.at[i][j]);
      largest = vec_max(largest, tile.at[i][j]);
    }
    vec_store(maxima + i * SCAN_LANES, largest);
  }
}

/// U = X Omega^T for one block; `maxima` [tokens][SCAN_LANES] gets lane maxima of every row.
///
/// Without `store` only the maxima are wanted.
SCAN_INLINE void scan_project_block(const attn_scan_plan_t *plan, const float *x,
                                    ptrdiff_t x_stride, int32_t tokens, float *u,
                                    ptrdiff_t u_stride, float *maxima, int store) {
  const float *omega = plan->projection;
  vec least = vec_set1(-__builtin_inff());
  for (int32_t t = 0; t < tokens; ++t) vec_store(maxima + t * SCAN_LANES, least);
  for (int32_t first = 0; first < plan->feature_dim; first += SCAN_PROJECT_PANEL) {
    // The last tile is moved up to end with the block: some rows are computed twice, all alike.
    for (int32_t next = 0; next < tokens && tokens >= SCAN_PROJECT_ROWS;) {
      int32_t t = scan_min(next, tokens - SCAN_PROJECT_ROWS);
      scan_project_tile(x + t * x_stride, x_stride, omega, plan->input_dim,
                        u + t * u_stride + first, u_stride, maxima + t * SCAN_LANES, store,
                        SCAN_PROJECT_ROWS);
      next = t + SCAN_PROJECT_ROWS;
    }
    for (int32_t t = 0; t < tokens && tokens < SCAN_PROJECT_ROWS; ++t) {
      scan_project_tile(x + t * x_stride, x_stride, omega, plan->input_dim,
                        u + t * u_stride + first, u_stride, maxima + t * SCAN_LANES, store, 1);
    }
    omega += (ptrdiff_t)SCAN_PROJECT_PANEL * plan->input_dim;
  }
}

/// Largest of the lane maxima of a block.
static inline float scan_block_maximum(const float *maxima, int32_t tokens) {
  vec largest = vec_set1(-__builtin_inff());
  for (int32_t t = 0; t < tokens; ++t) {
    largest = vec_max(largest, vec_load(maxima + t * SCAN_LANES));
  }
  return vec_largest(largest);
}

/// Half the squared norms of scaled rows, in log2 units.
static inline void scan_half_norms(const attn_scan_plan_t *plan, const float *x,
                                   ptrdiff_t x_stride, int32_t tokens, float *norms) {
  float scale = 0.5f * 0x1.715476p+0f * plan->input_scale * plan->input_scale;
  for (int32_t t = 0; t < tokens; ++t) {
    vec sum = vec_zero();
    for (int32_t c = 0; c < plan->input_dim; c += SCAN_LANES) {
      vec part = vec_load_first(x + t * x_stride + c, plan->input_dim - c);
      sum = vec_fma(part, part, sum);
    }
    norms[t] = vec_sum(sum) * scale;
  }
}

/// Projects a block of keys; the exponentials' shifts are relative to `maximum`, or, if that is
/// -inf, to the larger of `*running` and the block's own, which `*running` becomes.
static __attribute__((noinline)) void scan_raw_keys(const attn_scan_plan_t *plan, const float *k,
                                                    ptrdiff_t k_stride, int32_t tokens,
                                                    float maximum, float *running,
                                                    const scan_scratch_t *scratch) {
  scan_project_block(plan, k, k_stride, tokens, scratch->raw_keys, scan_feature_stride(plan),
                     scratch->maxima, 1);
  if (plan->map != ATTN_SCAN_EXP) return;
  if (maximum == -__builtin_inff()) {
    float largest = scan_block_maximum(scratch->maxima, tokens);
    maximum = *running = largest > *running ? largest : *running;
  }
  scan_half_norms(plan, k, k_stride, tokens, scratch->key_shift);
  for (int32_t t = 0; t < tokens; ++t) scratch->key_shift[t] += maximum;
}

/// Projects a block of queries; the exponentials' shifts are relative to each row's maximum.
static __attribute__((noinline)) void scan_raw_queries(const attn_scan_plan_t *plan,
                                                       const float *q, ptrdiff_t q_stride,
                                                       int32_t tokens,
                                                       const scan_scratch_t *scratch) {
  scan_project_block(plan, q, q_stride, tokens, scratch->raw_queries, scan_feature_stride(plan),
                     scratch->maxima, 1);
  if (plan->map != ATTN_SCAN_EXP) return;
  scan_half_norms(plan, q, q_stride, tokens, scratch->query_shift);
  for (int32_t t = 0; t < tokens; ++t) {
    scratch->query_shift[t] += vec_largest(vec_load(scratch->maxima + t * SCAN_LANES));
  }
}

#endif
