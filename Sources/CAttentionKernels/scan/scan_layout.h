// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_LAYOUT_H
#define ATTN_SCAN_LAYOUT_H

#include <stdint.h>

#include "attn_scan.h"

// Layout shared by the vector kernels of all widths. The includer provides `vec`, SCAN_LANES,
// SCAN_PANEL (vectors of one column panel of S), SCAN_ENDS (steps at the end of a tile of outputs that go
// row by row), SCAN_PROJECT_ROWS and SCAN_PROJECT_VECTORS.

/// Tokens per block of the non-causal kernels and upper limit of a causal block.
enum { SCAN_BLOCK = 64, SCAN_CAUSAL_BLOCK = 32 };

/// Rows ahead at which a step of the products fetches what it reads: a table beside rows, and a block
/// ahead, would have left the nearest cache again.
enum { SCAN_NEAR = 8 };

static inline int32_t scan_min(int32_t a, int32_t b) { return a < b ? a : b; }

static inline int32_t scan_ceil(int32_t a, int32_t b) { return (a + b - 1) / b; }

/// Floats between feature rows and between raw rows of a block.
static inline int32_t scan_feature_stride(const attn_scan_plan_t *plan) {
  if (plan->map == ATTN_SCAN_READY) return plan->ready_stride;
  int32_t panel = SCAN_LANES * SCAN_PROJECT_VECTORS;
  return attn_scan_stride(scan_ceil(plan->feature_dim, panel) * panel);
}

/// Buffers of a call inside its scratch; those of features exist twice, for the block at hand and
/// the next one, unless features are read where they stand.
typedef struct {
  float *keys[2], *queries[2];                               // [SCAN_BLOCK][feature stride]
  float *raw_keys, *raw_queries;                             // the same, only with a projection
  float *values, *output;                                    // [SCAN_BLOCK][stride of value_dim]
  float *normaliser;                                         // [feature stride]: z of one block
  float *sums, *masses, *maxima;                             // [SCAN_BLOCK][SCAN_LANES]
  float *key_shift, *query_shift, *key_factor, *row_factor;  // [SCAN_BLOCK]
} scan_scratch_t;

/// Lays the buffers out from `base` (may be NULL) and returns the bytes they take.
static inline size_t scan_scratch_layout(const attn_scan_plan_t *plan, char *base,
                                         scan_scratch_t *scratch) {
  size_t features = (size_t)scan_feature_stride(plan), block = features * SCAN_BLOCK;
  int ready = plan->map == ATTN_SCAN_READY;
  size_t queries = ready ? 0 : block, keys = ready && plan->decay == 1 ? 0 : block;
  size_t raw = plan->projection ? block : 0, lanes = SCAN_BLOCK * SCAN_LANES;
  size_t rows = (size_t)attn_scan_stride(plan->value_dim) * SCAN_BLOCK;
  struct {
    float **field;
    size_t size;
  } buffers[] = {
      {&scratch->keys[0], keys},            {&scratch->keys[1], keys},
      {&scratch->queries[0], queries},      {&scratch->queries[1], queries},
      {&scratch->raw_keys, raw},            {&scratch->raw_queries, raw},
      {&scratch->values, rows},             {&scratch->output, rows},
      {&scratch->normaliser, features},     {&scratch->sums, lanes},
      {&scratch->masses, raw > 0 ? lanes : 0},
      {&scratch->maxima, lanes},            {&scratch->key_shift, SCAN_BLOCK},
      {&scratch->query_shift, SCAN_BLOCK},  {&scratch->key_factor, SCAN_BLOCK},
      {&scratch->row_factor, SCAN_BLOCK},
  };
  size_t offset = 0;
  for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; ++i) {
    *buffers[i].field = base ? (float *)(void *)(base + offset) : NULL;
    offset += buffers[i].size * sizeof(float);
  }
  return offset;
}

static inline float *scan_normaliser(const attn_scan_plan_t *plan, float *state) {
  return state + attn_scan_normaliser_offset(plan);
}

static inline int32_t scan_exponentials(const attn_scan_plan_t *plan) {
  return plan->map == ATTN_SCAN_ELU1 || plan->map == ATTN_SCAN_EXP ? plan->feature_dim : 0;
}

/// Column panels of S are of nearly equal width and at most `limit` vectors.
static inline int32_t scan_panel_width(int32_t vectors, int32_t first, int32_t limit) {
  return scan_ceil(vectors - first, scan_ceil(vectors - first, limit));
}

#endif
