// SPDX-License-Identifier: MIT
// From scores to packed weights: exponentials, denominators and rounding to the weight format.
#ifndef ATTN_LOWBIT_WEIGHTS_H
#define ATTN_LOWBIT_WEIGHTS_H

#include "multiply.h"
#include "runs.h"

/// What a kernel instance computes; every field is a compile-time constant where it is used.
typedef struct {
  int qk, pv;     // attn_lowbit_t
  int quantised;  // denominator sums INT8 weights as rounded
} variant_t;

/// Softmax state of a strip while it attends. The lanes' scores are scores * scale - maximum.
typedef struct {
  vf maximum[QUERY_VECTORS], scale[QUERY_VECTORS], denominator[QUERY_VECTORS];
  vi code_sum[QUERY_VECTORS];  // quantised weights of the block at hand
  vf offset[QUERY_VECTORS];    // log2 of the units of a weight, less the maximum
  vf shift;
} softmax_t;

INLINE softmax_t softmax_load(const strip_t *s, const attn_lowbit_plan_t *plan) {
  softmax_t x;
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    x.maximum[v] = ((const vf *)s->maximum)[v];
    x.scale[v] = ((const vf *)s->query_scale)[v];
    x.denominator[v] = ((const vf *)s->denominator)[v];
    x.code_sum[v] = vi_set1(0);
  }
  x.shift = vf_set1(plan->pv == ATTN_LOWBIT_INT8 ? log2f((float)plan->weight_levels) : 0);
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) x.offset[v] = x.shift - x.maximum[v];
  return x;
}

/// The state behind a pointer the compiler cannot see through: it stays in memory, where it is a
/// free operand, and leaves the registers to the sums of a score tile. Without interleaving there
/// are no such sums beside it.
INLINE softmax_t *softmax_operands(softmax_t *x) {
  if (INTERLEAVE) __asm__("" : "+r"(x)::"memory");
  return x;
}

INLINE void softmax_save(const strip_t *s, const softmax_t *x) {
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    ((vf *)s->maximum)[v] = x->maximum[v];
    ((vf *)s->denominator)[v] = x->denominator[v];
  }
}

/// Scores in log2 units.
INLINE vf scaled_score(const variant_t variant, const softmax_t *x, int v, vf score) {
  return variant.qk == ATTN_LOWBIT_INT8 ? score * x->scale[v] : score;
}

/// The weight of a score; those for INT8 come out in units of 1 / weight_levels.
INLINE vf weight(const variant_t variant, const softmax_t *x, int v, vf score) {
  const vf exponent = variant.qk == ATTN_LOWBIT_INT8 ? vf_fma(score, x->scale[v], x->offset[v])
                                                     : score + x->offset[v];
  return variant.pv == ATTN_LOWBIT_F32 ? vf_exp2(exponent, 5) : vf_exp2_coarse(exponent);
}

/// Float whose low mantissa bits hold `offset` plus the nearest integer of p; `offset` is even.
INLINE vi weight_code(vf p, int32_t offset) {
  return (vi)(p + vf_set1(0x1p23f + (float)offset));
}

/// The four codes of a dword of INT8 weights.
///
/// Shifted up, a code has zeros below it and what lies above the codes leaves the dword, but for
/// the exponent byte of the first (0x4b). The offset of the third adds up with it to 0x100.
INLINE vi weight_bytes(const vf p[4]) {
  return weight_code(p[0], 0) + (weight_code(p[1], 0) << 8) +
         (weight_code(p[2], (0x100 - 0x4b) << 8) << 16) + (weight_code(p[3], 0) << 24);
}

/// Keys whose weights are packed together: those of one dword of values.
INLINE int weight_group(int form) { return form == DOT_S16 ? 4 : dot_terms(form); }

/// Rounds and packs the weights `p` of weight_group(form) keys into rows of the weight buffer from
/// `out` on, and adds them to the denominator.
INLINE void pack_weights(const variant_t variant, softmax_t *x, int v, const vf *p, vi *out) {
  const int form = dot_form((attn_lowbit_t)variant.pv);
  if (!variant.quantised) {
    vf sum = p[0];
    UNROLL
    for (int i = 1; i < weight_group(form); i++) sum += p[i];
    x->denominator[v] += sum;
  }
  if (variant.pv == ATTN_LOWBIT_F32) {
    out[0] = (vi)p[0];
  } else if (form == DOT_F32) {
    out[0] = vi_bf16_upper(p[0]) & vi_set1(-65536);
  } else if (form == DOT_BF16) {
    out[0] = pair_bf16(p[0], p[1]);
  } else {
    if (form == DOT_S16) {
      // Codes of 16 bits; the mantissa bits above a code are clear.
      UNROLL
      for (int i = 0; i < 2; i++) {
        const vi code = weight_code(p[i], 0), shifted = weight_code(p[2 + i], 0) << 16;
        out[i * QUERY_VECTORS] = vi_select(vi_set1(0xffff), code, shifted);
      }
    } else {
      out[0] = weight_bytes(p);
    }
    if (!variant.quantised) return;
    const vi ones = vi_set1(form == DOT_U8 ? 0x01010101 : 0x00010001);
    UNROLL
    for (int i = 0; i < 4 / dot_terms(form); i++)
      x->code_sum[v] = dot(form, x->code_sum[v], out[i * QUERY_VECTORS], ones);
  }
}

/// Weights of a whole tile into the weight buffer from `slot` on.
INLINE void weigh_tile(const variant_t variant, const strip_t *s, softmax_t *x, const vf *scores,
                       const tile_t *tile, int32_t slot) {
  const int form = dot_form((attn_lowbit_t)variant.pv);
  const int terms = dot_terms(form), group = weight_group(form);
  vi *out = s->weights + slot / terms * QUERY_VECTORS;
  for (int key = 0; key < KEY_TILE; key += group) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      vf p[4];
      UNROLL
      for (int i = 0; i < group; i++) {
        p[i] = weight(variant, x, v, scores[(key + i) * QUERY_VECTORS + v]);
        if (tile->masked) p[i] = (vf)((vi)p[i] & vi_lane_mask(tile_word(tile, key + i), v));
      }
      pack_weights(variant, x, v, p, out + v);
    }
    out += group / terms * QUERY_VECTORS;
  }
}

#endif
