// SPDX-License-Identifier: MIT
#ifndef ATTN_WINDOW_H
#define ATTN_WINDOW_H

#include "attn_types.h"

/// A window: queries and the keys that every one of them sees, as rows of whole heads.
///
/// Strides are in floats; `bias`, if not NULL, holds a row of `bias_stride` terms (log2 units) per
/// query, one for each key in order of `key_ids`.
typedef struct {
  const float *q, *k, *v;
  float *o;
  ptrdiff_t q_stride, k_stride, v_stride, o_stride;
  const int32_t *query_ids, *key_ids;
  int32_t query_count, key_count;
  const float *bias;
  ptrdiff_t bias_stride;
} attn_window_t;

/// Float32 kernel of short windows: all scores of a window are held, softmax takes one pass.
///
/// Keys sit in the vector lanes of the scores, channels in those of the outputs, queries are
/// broadcast from their natural rows: a window has as many rows as it has queries, with no lanes
/// left empty. Keys are transposed and values gathered into the scratch once per window.
typedef struct {
  /// Largest window.
  int32_t most_queries, most_keys;

  size_t (*scratch_bytes)(int32_t head_dim, int32_t value_dim);

  /// Writes the rows `query_ids` of `window->o`; `scale` is the softmax scale times log2 e.
  ///
  /// `next`, if not NULL, is what the next call will touch; it is fetched into the caches
  /// meanwhile. `scratch` is 64-byte aligned. Counts of tiles are the caller's.
  void (*attend)(void *scratch, const attn_window_t *window, int32_t head_dim, int32_t value_dim,
                 float scale, const attn_window_t *next);
} attn_window_kernels_t;

extern const attn_window_kernels_t attn_window_avx2;
extern const attn_window_kernels_t attn_window_avx512;

#endif
