// SPDX-License-Identifier: MIT
#ifndef ATTN_LOWBIT_H
#define ATTN_LOWBIT_H

#include "attn_types.h"

/// Element types of a product in a low-bit strip kernel.
typedef enum { ATTN_LOWBIT_F32 = 0, ATTN_LOWBIT_BF16 = 1, ATTN_LOWBIT_INT8 = 2 } attn_lowbit_t;

/// What the low-bit strip kernels compute: precision of both products, rules of INT8 weights.
typedef struct {
  attn_lowbit_t qk;  ///< BF16 or INT8
  attn_lowbit_t pv;  ///< BF16 (with either qk), F32 or INT8 (with INT8 qk only)
  int32_t head_dim, value_dim;
  /// INT8 pv: keys between updates of the running maximum; a multiple of 8, at most 65536.
  int32_t key_block;
  /// INT8 pv: 127 (paper) or 255; weights are round(p * weight_levels).
  int32_t weight_levels;
  /// INT8 pv: non-zero sums the quantised weights, else the exact ones.
  int32_t quantised_denominator;
} attn_lowbit_plan_t;

/// Keys and values of one head in the layouts the strip kernels read.
///
/// Padded head_dim is the next multiple of 4 (INT8) or 2 (BF16), padded value_dim the next multiple
/// of 8. Padding, and keys beyond the last, hold zeros. Arrays need an alignment of 4 bytes. All
/// tables share the layouts, and packing gives the same bits in each of them.
typedef struct {
  void *keys;          ///< INT8: s8 [key][padded head_dim]; BF16: bf16 [key][padded head_dim]
  float *key_scales;   ///< INT8: [key]
  int32_t *key_sums;   ///< INT8: [key], -128 times the sum of codes: where u8 x s8 products start
  /// INT8: s8 [key / 4][padded value_dim][4]; BF16: bf16 [key / 2][padded value_dim][2]; F32: NULL.
  void *values;
  float *value_scales; ///< INT8: [padded value_dim]
} attn_lowbit_packed_t;

typedef struct {
  int32_t lanes;     ///< queries per strip: 16 (scalar), 24 (AVX2) or 32 (AVX-512)
  int32_t key_tile;  ///< unit in which visits are counted: 8 keys

  /// Bytes of each packed array for `keys` keys; fields hold sizes, not pointers.
  void (*packed_bytes)(const attn_lowbit_plan_t *plan, int32_t keys, size_t sizes[5]);
  size_t (*strip_bytes)(const attn_lowbit_plan_t *plan);

  /// Packs (BF16) or quantises (INT8) all keys of one head.
  ///
  /// `mean` [head_dim], if not NULL, is subtracted first (SageAttention's smoothing of K).
  /// INT8: groups of `group` consecutive tokens share a scale amax/127; code = rn(x * (127/amax)),
  /// amax below 2^-100 gives codes 0 and scale 0. All float32, the same bits in every table.
  /// BF16: round-to-nearest-even.
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

  /// Starts a strip of rows `ids`, in any order; `query_scales` is indexed by row (INT8) or NULL.
  /// INT8 codes are rn((q * scale) * (1 / query scale)), clamped to 127 in magnitude.
  void (*load)(void *strip, const attn_lowbit_plan_t *plan, const float *q, ptrdiff_t q_stride,
               const int32_t *ids, int32_t count, float scale, const float *query_scales);

  /// Attends to runs (step 1; first_key a multiple of 4). `v` is read when pv is F32.
  ///
  /// INT8 pv: a key block is the keys with equal key / key_block in consecutive runs of one call.
  /// The running maximum is raised to that of the block, older sums are rescaled, and weights of
  /// the block are rn(2^(score - maximum) * weight_levels). Other pv: the
  /// maximum is raised when a score exceeds it by 10 (log2 units); weights are exact but for the
  /// rounding to BF16. The denominator sums weights before rounding (unless quantised_denominator).
  /// Packed values share pairs (BF16) or fours (INT8) of keys: the values of such a group have to
  /// be finite even where only some of its keys are in a run.
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
