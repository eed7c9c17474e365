// SPDX-License-Identifier: MIT
#ifndef ATTN_SELECT_H
#define ATTN_SELECT_H

#include "attn_types.h"

/// Floats of the widest row that `attend_few` takes.
#define ATTN_FEW_WIDTH 256

/// A few queries and the rows of keys and values, anywhere, that all of them attend to.
///
/// Rows `query_ids` of `queries` and `outputs` and rows `key_ids` of `keys` and `values`, strides
/// in floats; `scale` is the softmax scale times log2 e.
typedef struct {
  const float *queries, *keys, *values;
  float *outputs;
  ptrdiff_t query_stride, key_stride, value_stride, output_stride;
  const int32_t *query_ids, *key_ids;
  int32_t query_count, key_count, head_dim, value_dim;
  float scale;
} attn_few_t;

/// The most winners that `best_rows` finds.
#define ATTN_BEST_MOST 8

/// A few rows x and the rows of keys of which each wants the best.
///
/// Row i of `x_count` (1 to 16) rows takes its `wanted` (1 to `ATTN_BEST_MOST`) largest products
/// with the first `counts[i]` rows of `rows`. Their places go to `ids`, ascending, and the products
/// to `best`, if that is not NULL, both `best_stride` elements from row to row. `scores` is memory
/// for 16 times the largest count, rounded up to 4, aligned to 64 bytes.
typedef struct {
  const float *x, *rows;
  ptrdiff_t x_stride, stride;
  const int32_t *counts;
  int32_t x_count, width, wanted;
  float *scores;
  int32_t *ids;
  float *best;
  ptrdiff_t best_stride;
} attn_best_t;

/// The most keys of a block that `attend_block` takes.
#define ATTN_BLOCK_KEYS 128

/// The most past blocks of a row whose scores `attend_block` turns into weights.
#define ATTN_BLOCK_PAST 16

/// Rows of queries, anywhere, that attend to the keys of one block, and what the block weighs.
///
/// Rows `rows[0 ..< count]` of `queries` and `outputs`; `keys` and `values` begin with the block's
/// first row; strides in floats; `scale` is the softmax scale times log2 e. Row i sees the first
/// `visible[i]` keys, or all of them where `visible` is NULL.
///
/// With `weights`, the softmax of the block times `weights[i]` is added to row i of the outputs.
/// Without, the row is written, and `past`, whose row i holds the raw scores of `past_counts[i]`
/// (at most `ATTN_BLOCK_PAST`) other blocks, `past_stride` floats from row to row, becomes what they weigh beside the keys at
/// hand: one softmax of those scores and of these keys.
///
/// The `next_count` rows that follow in `rows` and the block at `next_keys` and `next_values`, as
/// large as this one, or NULL, are fetched meanwhile. `memory` has room for `head_dim` times
/// `key_count` floats, rounded up to 16, and is aligned to 64 bytes.
typedef struct {
  const float *queries, *keys, *values;
  float *outputs;
  ptrdiff_t query_stride, key_stride, value_stride, output_stride;
  const int32_t *rows, *visible;
  const float *weights;
  float *past;
  ptrdiff_t past_stride;
  const int32_t *past_counts;
  int32_t count, next_count, key_count, head_dim, value_dim;
  float scale;
  float *memory;
  const float *next_keys, *next_values;
} attn_block_t;

/// Kernels of the selection engine. Every table gives the same bits: sums have one fixed order, so
/// that selections are the same on every machine.
typedef struct {
  /// Mean of `count` rows: added in row order in float32, then multiplied by 1 / count.
  void (*pool_mean)(const float *x, ptrdiff_t stride, int32_t count, int32_t width, float *mean);

  /// scores[i] = x . rows[i] for `count` rows of `width` floats (row stride `stride`).
  ///
  /// Sixteen partial sums, element e into partial e mod 16 by fused multiply-add in ascending
  /// order; partials are then added pairwise: 8 apart, 4 apart, 2 apart, 1 apart.
  void (*dot_rows)(const float *x, const float *rows, ptrdiff_t stride, int32_t count,
                   int32_t width, float *scores);

  /// Largest and smallest element of each column of `count` rows.
  void (*pool_extrema)(const float *x, ptrdiff_t stride, int32_t count, int32_t width,
                       float *largest, float *smallest);

  /// Replaces each of `count` scores by `e^(scale (s - max))`, max the largest of them; -inf and
  /// results below 2^-40 become 0. Relative error below 2^-21, scale above 0.
  ///
  /// Returns the sum of the results: sixteen partial sums as in `dot_rows`, without products.
  float (*soften)(float *scores, int32_t count, float scale);

  /// sum = weights[0] rows[0] + ...: `count` rows added in order by fused multiply-add from 0.
  void (*weigh_rows)(const float *weights, const float *rows, ptrdiff_t stride, int32_t count,
                     int32_t width, float *sum);

  /// Whether `((dot - sums[j]) * scale) * key_scales[j] + offsets[j] > threshold` for any of `keys`
  /// (at most 32) keys. `query` holds `width` codes of 1...15, `packed` codes of -7...7 of 32 keys as
  /// [width / 2][32][2]; width is even and at most 256, so that 16 bits hold every dot product.
  int32_t (*estimate_exceeds)(const uint8_t *query, const int8_t *packed, int32_t width,
                              int32_t keys, const int32_t *sums, const float *key_scales,
                              const float *offsets, float scale, float threshold);

  /// Merges the partial result `(part, part_lse)` of one row into `(o, *lse)` by log-sum-exp.
  void (*merge_row)(float *o, float *lse, const float *part, float part_lse, int32_t width);

  /// scores[i * score_stride + j] = x[i] . rows[j] for `x_count` by `count` rows: the bits of
  /// `dot_rows`, in tiles.
  void (*dot_block)(const float *x, ptrdiff_t x_stride, int32_t x_count, const float *rows,
                    ptrdiff_t stride, int32_t count, int32_t width, float *scores,
                    ptrdiff_t score_stride);

  /// best[b] = the largest of itself and the products of the `size` rows from row `first[b]` on
  /// with any of `x_count` rows x; `size` rows lie side by side.
  void (*raise_products)(const float *x, ptrdiff_t x_stride, int32_t x_count, const float *rows,
                         ptrdiff_t stride, const int32_t *first, int32_t count, int32_t size,
                         int32_t width, float *best);

  /// best[b] = the largest of itself and scale times each of the `size` scores from b * size on;
  /// the last block may be shorter. Scale above 0.
  void (*raise_blocks)(const float *scores, int32_t count, int32_t size, float scale, float *best);

  /// Writes the indices of the `wanted` highest of `count` scores, ascending; of equal scores the
  /// lower indices. -0 equals 0; scores that are no numbers lie behind all others, beside -inf.
  /// `wanted` is in 0...count.
  void (*top)(const float *scores, int32_t count, int32_t wanted, int32_t *ids);

  /// `estimate_exceeds` for `query_count` queries (codes `query_stride` bytes apart), each with a
  /// scale and a threshold of its own: whether it holds for any of them.
  int32_t (*estimates_exceed)(const uint8_t *queries, ptrdiff_t query_stride, int32_t query_count,
                              const int8_t *packed, int32_t width, int32_t keys,
                              const int32_t *sums, const float *key_scales, const float *offsets,
                              const float *scales, const float *thresholds);

  /// Adds `count` partial rows, each weighing e^part_lse, to the rows `ids` of `o`; rows of `part`
  /// lie side by side. A row of `o` is a weighted sum that weighs `sums` times e^`tops`: it begins
  /// as 0, 0 and -inf, and is an output row once it is divided by its sum. Ids are distinct.
  void (*merge_rows)(float *o, float *tops, float *sums, const int32_t *ids, const float *part,
                     const float *part_lse, int32_t count, int32_t width);

  /// importance[b] += scale times each of `count` weights as often as one of the `steps` steps from
  /// the weight's own on lies in b, blocks being `per_block` steps; weight by weight, step by step.
  void (*spread)(const float *weights, int32_t count, float scale, int32_t steps,
                 int32_t per_block, float *importance, int32_t blocks);

  /// sums[16 * blocks[j] + i] += weights[i * stride + j] for `rows` (at most 16) rows of `count`
  /// weights, j ascending.
  void (*add_to_blocks)(const float *weights, ptrdiff_t stride, int32_t rows, int32_t count,
                        const int32_t *blocks, float *sums);

  /// Softmax attention of 1 to 8 queries to rows that are read where they lie; NULL in tables that
  /// have none. `head_dim` is even, `value_dim` a multiple of 32, both at most `ATTN_FEW_WIDTH`.
  /// Without keys a row is zero. Counts as one run of keys does in the tiled kernels.
  void (*attend_few)(const attn_few_t *few, attn_counts_t *counts);

  /// `dot_block` and `top` in one: the same choice, the same bits of products. Returns 0, with
  /// nothing of use written, where rows are too wide or have too few keys, or where few products
  /// are numbers above -inf; NULL in tables that have none.
  int32_t (*best_rows)(const attn_best_t *best);

  /// Row `ids[i]` of `o` += weights[i] times row i of `part`, for `count` rows of `width` floats
  /// that lie side by side.
  void (*add_rows)(float *o, const int32_t *ids, const float *part, const float *weights,
                   int32_t count, int32_t width);

  /// Softmax attention of any rows to one block, weighed; NULL in tables that have none.
  /// `head_dim` is a multiple of 16, `value_dim` of 32, both at most `ATTN_FEW_WIDTH`;
  /// `key_count` is in 1...`ATTN_BLOCK_KEYS`. Not the bits of the tiled kernels.
  void (*attend_block)(const attn_block_t *block);
} attn_select_kernels_t;

extern const attn_select_kernels_t attn_select_scalar;
extern const attn_select_kernels_t attn_select_avx2;
extern const attn_select_kernels_t attn_select_avx512;

#endif
