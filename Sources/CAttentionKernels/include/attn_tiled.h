// SPDX-License-Identifier: MIT
#ifndef ATTN_TILED_H
#define ATTN_TILED_H

#include "attn_types.h"

/// What the strip after the one at hand will touch: rows `query_ids[0 ..< count]` of the queries,
/// rows `output_ids[0 ..< count]` of the outputs and rows `key_ids[0 ..< key_count]` of keys and
/// values, strides in floats. Everything stays valid until the next `load`.
typedef struct {
  const float *queries, *keys, *values, *outputs;
  ptrdiff_t query_stride, key_stride, value_stride, output_stride;
  const int32_t *query_ids, *output_ids, *key_ids;
  int32_t count, key_count;
} attn_tiled_next_t;

/// Where the biases of one run of keys lie: row i, for the i-th key of the run, starts at
/// `table + first + i * step` and holds one term per lane, finite even where a mask clears the lane.
typedef struct {
  int32_t first, step;
} attn_bias_rows_t;

/// Float32 kernels of the tiled softmax engine: one strip of `lanes` queries against runs of keys.
///
/// Layout: queries sit in the vector lanes, keys and values are broadcast from their natural rows,
/// so any run of rows at any alignment is a key tile and nothing is packed. A strip is an opaque,
/// 64-byte aligned scratch of `strip_bytes(head_dim, value_dim)` bytes that holds the transposed,
/// scaled queries, the running maximum (log2 units) and denominator per lane, the transposed
/// output accumulators and the weights of the key block at hand.
///
/// Calls come in this order: `load` once, `announce` at any time or never, `attend` any number of
/// times (different key sets or parts of one), each after a `bias` of its own or none, `store` once.
typedef struct {
  /// Queries per strip, at most 32. A schedule is built for this width.
  int32_t lanes;
  /// Keys per key tile: the unit in which visits are counted.
  int32_t key_tile;

  size_t (*strip_bytes)(int32_t head_dim, int32_t value_dim);

  /// Starts a strip: reads the rows `ids[0 ..< count]` of `q` (row stride in floats), multiplies by
  /// `scale` (softmax scale times log2 e), resets maximum, denominator and output. Lanes from
  /// `count` on hold zeros.
  void (*load)(void *strip, const float *q, ptrdiff_t q_stride, const int32_t *ids, int32_t count,
               int32_t head_dim, int32_t value_dim, float scale);

  /// Tells what comes next, so that the last tiles of the `attend` that follows bring those rows
  /// into the caches. NULL in tables that do not prefetch; never changes a result.
  void (*announce)(void *strip, const attn_tiled_next_t *next);

  /// Lets the next `attend` add `rows[r]` of `table` (log2 units) to the scores of run r.
  ///
  /// A row may start at any float; all of a strip's lanes are read. Not together with `key_bias`.
  void (*bias)(void *strip, const float *table, const attn_bias_rows_t *rows);

  /// Attends the strip to `run_count` runs of rows of `k` and `v` (row strides in floats).
  ///
  /// `key_bias`, if not NULL, is added to the scores of a key (indexed by key row, log2 units).
  /// Requires head_dim and value_dim as given to `load`; every row read lies inside its run.
  ///
  /// Counts follow the runs, whatever order or grouping a kernel evaluates them in: a run of n keys
  /// is ceil(n / key_tile) tiles, all full or all partial, and n x queries of the strip pairs.
  /// Pairs that masks let a kernel skip are counted too. The first maximum is no rescale.
  void (*attend)(void *strip, const float *k, ptrdiff_t k_stride, const float *v,
                 ptrdiff_t v_stride, const float *key_bias, const attn_run_t *runs,
                 int32_t run_count, const uint32_t *masks, attn_counts_t *counts);

  /// Ends a strip: writes output / denominator to the rows `ids` of `o` and, if `lse` is not NULL,
  /// the natural log-sum-exp of the scaled scores to `lse[ids[i]]`. A lane without any key gives a
  /// row of zeros and -inf.
  void (*store)(void *strip, float *o, ptrdiff_t o_stride, const int32_t *ids, int32_t count,
                float *lse);
} attn_tiled_kernels_t;

/// Keys whose weights a strip collects before it turns to the values. A run of whole tiles without masks
/// that is cut at multiples of it, for one `attend` after the other, gives the same bits.
#define ATTN_TILED_BLOCK_KEYS 192

/// Keys that one `attend` may take while a strip leaves out negligible blocks.
#define ATTN_TILED_FILTERED_KEYS 128

/// Lets every `attend` from here to the next `load` leave its keys out where none of their scores
/// reaches `below` (log2 units, above 0) under the largest score its lane has met in earlier calls:
/// neither values nor weights of those keys are added. Calls of at most `ATTN_TILED_FILTERED_KEYS`
/// keys; lanes that see no key do not count. After `load`, for strips of any table.
void attn_tiled_leave_out(void *strip, float below);

/// Whether the last `attend` left its keys out.
int32_t attn_tiled_left_out(const void *strip);

extern const attn_tiled_kernels_t attn_tiled_scalar;
extern const attn_tiled_kernels_t attn_tiled_avx2;
extern const attn_tiled_kernels_t attn_tiled_avx512;

#endif
