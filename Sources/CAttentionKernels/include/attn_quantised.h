// SPDX-License-Identifier: MIT
#ifndef ATTN_QUANTISED_H
#define ATTN_QUANTISED_H

#include "attn_types.h"

/// Sets of numbers that an element is rounded to.
typedef enum {
  ATTN_NUMBER_F32 = 0,
  ATTN_NUMBER_BF16 = 1,
  ATTN_NUMBER_F16 = 2,
  ATTN_NUMBER_E5M2 = 3,  ///< up to 57344
  ATTN_NUMBER_E4M3 = 4,  ///< up to 448
  ATTN_NUMBER_E2M1 = 5,  ///< 0, 0.5, 1, 1.5, 2, 3, 4, 6
  ATTN_NUMBER_INT8 = 6,  ///< -127 ... 127
  ATTN_NUMBER_INT4 = 7,  ///< -7 ... 7
} attn_number_t;

typedef enum {
  ATTN_ROUND_EVEN = 0,  ///< to nearest, ties to an even last bit
  ATTN_ROUND_AWAY = 1,  ///< to nearest, ties to the larger magnitude
} attn_rounding_t;

/// Formats in which short blocks of 4-bit numbers (E2M1) share a scale.
typedef enum {
  ATTN_MICRO_NVFP4 = 0,  ///< 16 numbers; scale E4M3(largest / 6)
  ATTN_MICRO_MXFP4 = 1,  ///< 32 numbers; scale 2^(floor(log2 largest) - 2)
} attn_micro_t;

/// How rows of keys are stored, once they are quantised.
typedef enum {
  ATTN_KEYS_F32 = 0,   ///< any format: the numbers themselves
  ATTN_KEYS_INT8 = 1,  ///< one byte each
  ATTN_KEYS_INT4 = 2,  ///< two to a byte
} attn_keys_t;

/// How softmax weights are rounded before they meet the values.
typedef enum {
  ATTN_WEIGHTS_NUMBER = 0,  ///< each to `weight_number`
  ATTN_WEIGHTS_NVFP4 = 1,   ///< blocks of 16 keys; numbers are divided by the unrounded scale
  ATTN_WEIGHTS_MXFP4 = 2,   ///< blocks of 32 keys
} attn_weights_t;

/// What sums of weighted values are held in.
typedef enum {
  ATTN_SUM_F32 = 0,
  ATTN_SUM_FP22 = 1,  ///< 13 bits behind the point, cut off: the accumulator of FP8 matrix units
  ATTN_SUM_F16 = 2,   ///< float16, rounded to nearest even
} attn_sum_t;

typedef struct {
  int32_t head_dim, value_dim;
  attn_keys_t keys;
  attn_weights_t weights;
  attn_number_t weight_number;
  /// Weights are 2^(score - maximum) times this before they are rounded.
  float weight_scale;
  /// Keys between updates of the running maximum; a multiple of 32, at most 1024.
  int32_t key_block;
  attn_sum_t sum;
  /// Keys after which a sum is rounded to `sum`; a multiple of 8.
  int32_t sum_depth;
  /// Non-zero: a key block is summed by itself in `sum` and then added in float32.
  int32_t two_level;
  /// Non-zero: the denominator adds up the rounded weights, else the exact ones.
  int32_t quantised_denominator;
} attn_quantised_plan_t;

/// Quantised keys and values of one head, both padded with zeros to a multiple of `key_block` rows.
typedef struct {
  const void *keys;           ///< [key][head_dim] F32, [key][padded] INT8, [key][padded / 2] INT4
  const float *key_scales;    ///< [key]
  const int32_t *key_sums;    ///< [key] -128 times the sum of codes (INT8, INT4)
  const float *values;        ///< [key][value_dim] numbers
  const float *value_scales;  ///< [value_dim]
  const float *value_means;   ///< [value_dim], added to the output; NULL for none
} attn_quantised_head_t;

typedef struct {
  int32_t lanes;     ///< queries per strip: 32
  int32_t key_tile;  ///< unit in which visits are counted: 8 keys

  /// y[i] = the number nearest to x[i] * factor; beyond the largest number it is that one.
  ///
  /// The product is rounded to float32 first. |x[i] * factor| < 2^100. The same bits in every table,
  /// as in all quantisers here.
  void (*round_row)(attn_number_t number, attn_rounding_t rounding, const float *x, int32_t count,
                    float factor, float *y);

  /// As `round_row` with a factor per element.
  void (*round_columns)(attn_number_t number, attn_rounding_t rounding, const float *x,
                        int32_t count, const float *factors, float *y);

  /// The largest |x[i]| and `start`.
  float (*largest)(const float *x, int32_t count, float start);

  /// Raises largest[i] to |x[i]|.
  void (*raise_columns)(const float *x, int32_t count, float *largest);

  /// y = x in blocks of `micro` along the row: numbers times their scales, which float32 holds
  /// exactly. Numbers are x / scale with the rounded scale. Blocks below 2^-100 become 0.
  void (*micro_row)(attn_micro_t micro, attn_rounding_t rounding, const float *x, int32_t count,
                    float *y);

  /// As `micro_row` down the columns of `rows` rows.
  void (*micro_columns)(attn_micro_t micro, attn_rounding_t rounding, const float *x,
                        ptrdiff_t stride, int32_t rows, int32_t width, float *y,
                        ptrdiff_t y_stride);

  /// q[i] = x[i] minimum-maximum codes: rn((x - lo) / s) in 0 ... 2^bits - 1, s = (hi - lo) /
  /// (2^bits - 1), lo and hi the extremes. y = codes; returns s, `*lo` is set. s = 0 where all agree.
  float (*asymmetric_row)(int32_t bits, attn_rounding_t rounding, const float *x, int32_t count,
                          float *lo, float *y);

  /// Multiplies by signs and by the orthonormal Hadamard matrix in blocks of `block`, a power of 2.
  void (*rotate_row)(float *x, const float *signs, int32_t width, int32_t block);

  /// Codes of a row of integers as bytes or nibbles, padded with zeros; returns their sum times -128.
  int32_t (*pack_row)(attn_keys_t keys, const float *codes, int32_t count, void *packed);

  /// Bytes of a packed row.
  size_t (*row_bytes)(attn_keys_t keys, int32_t count);

  size_t (*strip_bytes)(const attn_quantised_plan_t *plan);

  /// Starts a strip of rows `ids` of quantised queries with a scale each.
  void (*load)(void *strip, const attn_quantised_plan_t *plan, const float *q, ptrdiff_t q_stride,
               const int32_t *ids, int32_t count, const float *query_scales);

  /// Attends to runs (step 1). `offsets` [key], if not NULL, is added to all scores (log2 units).
  ///
  /// A key block is the keys with equal key / key_block in consecutive runs of one call: the
  /// maximum is raised to that of the block, older sums are rescaled, weights are rounded.
  void (*attend)(void *strip, const attn_quantised_plan_t *plan, const attn_quantised_head_t *head,
                 const float *offsets, const attn_run_t *runs, int32_t run_count,
                 const uint32_t *masks, attn_counts_t *counts);

  /// Output rows; `lse` [row], if not NULL, gets maximum and denominator as a natural logarithm,
  /// less the weight scale.
  void (*store)(void *strip, const attn_quantised_plan_t *plan, const attn_quantised_head_t *head,
                float *o, ptrdiff_t o_stride, const int32_t *ids, int32_t count, float *lse);
} attn_quantised_kernels_t;

extern const attn_quantised_kernels_t attn_quantised_scalar;
extern const attn_quantised_kernels_t attn_quantised_avx2;
extern const attn_quantised_kernels_t attn_quantised_avx512;
extern const attn_quantised_kernels_t attn_quantised_avx512_vnni;  ///< integer scores by vpdpbusd

#endif
