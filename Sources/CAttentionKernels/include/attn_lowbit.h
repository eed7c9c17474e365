// SPDX-License-Identifier: MIT
#ifndef ATTN_LOWBIT_H
#define ATTN_LOWBIT_H

#include "attn_types.h"

/// Element types of a product in a low-bit strip kernel.
typedef enum { ATTN_LOWBIT_F32 = 0, ATTN_LOWBIT_BF16 = 1, ATTN_LOWBIT_INT8 = 2 } attn_lowbit_t;

/// What the low-bit strip kernels compute: precision of both products and the rules of INT8 weights.
typedef struct {
  attn_lowbit_t qk;            ///< BF16 or INT8
  attn_lowbit_t pv;            ///< BF16 (with either qk), F32 or INT8 (with INT8 qk only)
  int32_t head_dim, value_dim;
  int32_t key_block;           ///< INT8 pv: keys between updates of the running maximum; multiple of 8
  int32_t weight_levels;       ///< INT8 pv: 127 (paper) or 255; weights are round(p * weight_levels)
  int32_t quantised_denominator;  ///< INT8 pv: non-zero sums the quantised weights, else the exact ones
} attn_lowbit_plan_t;

/// Keys and values of one head in the layouts the strip kernels read.
typedef struct {
  void *keys;          ///< INT8: s8 [key][padded head_dim]; BF16: bf16 [key][padded head_dim]
  float *key_scales;   ///< INT8: [key]
  int32_t *key_sums;   ///< INT8: [key], sum of codes (for the u8 x s8 compensation)
  void *values;        ///< INT8: s8 [key / 4][value_dim][4]; BF16: [key / 2][value_dim][2]; F32: NULL
  float *value_scales; ///< INT8: [value_dim]
} attn_lowbit_packed_t;

typedef struct {
  int32_t lanes;     ///< queries per strip, at most 32
  int32_t key_tile;  ///< unit in which visits are counted

  /// Bytes of each packed array for `keys` keys; fields hold sizes, not pointers.
  void (*packed_bytes)(const attn_lowbit_plan_t *plan, int32_t keys, size_t sizes[5]);
  size_t (*strip_bytes)(const attn_lowbit_plan_t *plan);

  /// Packs (BF16) or quantises (INT8) all keys of one head.
  ///
  /// `mean` [head_dim], if not NULL, is subtracted first (SageAttention's smoothing of K).
  /// INT8: groups of `group` consecutive tokens share a scale amax/127; code = rn(x * (127/amax)),
  /// amax 0 gives codes 0 and scale 0. All float32, the same bits in every table.
  void (*pack_keys)(const attn_lowbit_plan_t *plan, const float *k, ptrdiff_t k_stride,
                    int32_t keys, const float *mean, int32_t group, attn_lowbit_packed_t *packed);

  /// Packs or quantises all values of one head (INT8: one scale per channel over all tokens).
  void (*pack_values)(const attn_lowbit_plan_t *plan, const float *v, ptrdiff_t v_stride,
                      int32_t keys, attn_lowbit_packed_t *packed);

  /// Channel means of `rows` rows, accumulated in double, rounded once.
  void (*channel_mean)(const float *x, ptrdiff_t stride, int32_t rows, int32_t channels,
                       float *mean);

  /// Query scales for groups of `group` consecutive rows: amax(|q * scale|)/127, one per row.
  void (*query_scales)(const float *q, ptrdiff_t q_stride, int32_t rows, int32_t head_dim,
                       float scale, int32_t group, float *scales);

  /// Starts a strip of consecutive-or-not rows `ids`; `query_scales` is indexed by row (INT8) or NULL.
  void (*load)(void *strip, const attn_lowbit_plan_t *plan, const float *q, ptrdiff_t q_stride,
               const int32_t *ids, int32_t count, float scale, const float *query_scales);

  /// Attends to runs (step 1; first_key a multiple of 4). `v` is read when pv is F32.
  void (*attend)(void *strip, const attn_lowbit_plan_t *plan, const attn_lowbit_packed_t *packed,
                 const float *v, ptrdiff_t v_stride, const attn_run_t *runs, int32_t run_count,
                 const uint32_t *masks, attn_counts_t *counts);

  /// As in the float32 table.
  void (*store)(void *strip, const attn_lowbit_plan_t *plan, const attn_lowbit_packed_t *packed,
                float *o, ptrdiff_t o_stride, const int32_t *ids, int32_t count, float *lse);
} attn_lowbit_kernels_t;

extern const attn_lowbit_kernels_t attn_lowbit_scalar;
extern const attn_lowbit_kernels_t attn_lowbit_avx2;
extern const attn_lowbit_kernels_t attn_lowbit_avx512;       ///< no VNNI, no BF16 instructions
extern const attn_lowbit_kernels_t attn_lowbit_avx512_vnni;  ///< INT8 by vpdpbusd
extern const attn_lowbit_kernels_t attn_lowbit_avx512_bf16;  ///< and BF16 by vdpbf16ps

#endif
