// SPDX-License-Identifier: MIT
#ifndef ATTN_DIAGONAL_H
#define ATTN_DIAGONAL_H

#include "attn_types.h"

/// A neighborhood of stride 1 and dilation 1 without causal axes, on a grid of rank up to 3.
typedef struct {
  int32_t lengths[3];  ///< grid, outermost axis first; missing leading axes have length 1
  int32_t windows[3];  ///< keys per axis, 1 ... length; missing leading axes have window 1
  int32_t head_dim, value_dim;
  float scale;  ///< softmax scale times log2 e
} attn_diagonal_plan_t;

/// The query heads that share one key-value head. Rows of a head follow each other without gaps.
typedef struct {
  const float *q, *k, *v;
  float *o;
  ptrdiff_t q_head, o_head;  ///< floats between query heads
  int32_t heads;
} attn_diagonal_heads_t;

/// Float32 kernels for windows that slide with the query.
///
/// Lanes are consecutive queries of the last axis, and up to four grid rows of them form a block.
/// With keys transposed to [row][channel][position], the keys of one shift of the window are one
/// load at an offset, shared by the rows of the block: every lane meets exactly its own window.
/// Where the border stops some windows, a permutation of that load gives each lane its key.
typedef struct {
  int32_t lanes;

  /// Bytes of a 64-byte aligned scratch, which needs no initialisation.
  size_t (*scratch_bytes)(const attn_diagonal_plan_t *plan);

  /// Attends the queries at positions `first ..< last` of the outer axis: the first axis longer
  /// than 1 that is not the last one.
  ///
  /// Reads the keys and values of their windows once each, whatever the number of heads. Counts
  /// pairs and exponentials, a rescale per further part of a block's keys, and no tiles.
  void (*attend)(const attn_diagonal_plan_t *plan, const attn_diagonal_heads_t *heads,
                 int32_t first, int32_t last, void *scratch, attn_counts_t *counts);
} attn_diagonal_kernels_t;

extern const attn_diagonal_kernels_t attn_diagonal_scalar;
extern const attn_diagonal_kernels_t attn_diagonal_avx2;
extern const attn_diagonal_kernels_t attn_diagonal_avx512;

#endif
