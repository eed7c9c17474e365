// SPDX-License-Identifier: MIT
#ifndef ATTN_SELECT_H
#define ATTN_SELECT_H

#include "attn_types.h"

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
  void (*soften)(float *scores, int32_t count, float scale);

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
} attn_select_kernels_t;

extern const attn_select_kernels_t attn_select_scalar;
extern const attn_select_kernels_t attn_select_avx2;
extern const attn_select_kernels_t attn_select_avx512;

#endif
