// SPDX-License-Identifier: MIT
// Memory of a strip of quantised attention and its vectors. The including file defines
//   VECTOR_LANES  32-bit elements per vector,
//   TILE_ROWS     keys or channels of a register tile: 2, 4 or 8,
//   HAS_FMA       whether products are added by one instruction,
//   HAS_DOT_U8    whether four byte products are.
#ifndef ATTN_QUANTISED_STRIP_H
#define ATTN_QUANTISED_STRIP_H

#include "numbers.h"

enum { STRIP_LANES = 32, QUERY_VECTORS = STRIP_LANES / VECTOR_LANES, KEY_TILE = 8 };

typedef float vf __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int32_t dword __attribute__((may_alias));

/// Four products per lane of unsigned bytes with the signed bytes of a broadcast word.
INLINE vi dot_u8(vi acc, vi a, dword b);

INLINE vf vf_set1(float x) { return x - (vf){0}; }
INLINE vi vi_set1(int32_t x) { return x - (vi){0}; }
INLINE vf vf_select(vi mask, vf a, vf b) { return (vf)((mask & (vi)a) | (~mask & (vi)b)); }
INLINE vf vf_max(vf a, vf b) { return vf_select((vi)(a > b), a, b); }
INLINE vf vf_min(vf a, vf b) { return vf_select((vi)(a < b), a, b); }

INLINE vf vf_fma(vf a, vf b, vf c) {
#if HAS_FMA
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// Lanes whose bit is set in the strip's mask word.
INLINE vi vi_lane_mask(uint32_t word, int vector) {
  vi bit;
  UNROLL
  for (int i = 0; i < VECTOR_LANES; i++) bit[i] = 1 << i;
  return (vi)((vi_set1((int32_t)(word >> (vector * VECTOR_LANES))) & bit) != 0);
}

/// 2^x for x <= 127, relative error below 2.5e-7 (degree 5 on [-0.5, 0.5]); below -126 it stays at
/// 2^-126. Exact for whole x: quantised scores often differ by whole numbers, and a weight that is
/// a power of two may be a tie of its format.
INLINE vf vf_exp2(vf x) {
  const vf magic = vf_set1(0x1.8p23f);
  x = vf_max(x, vf_set1(-126.0f));
  vf shifted = x + magic;
  vf f = x - (shifted - magic);
  vf p = vf_fma(f, vf_set1(0x1.5c08d2p-10f), vf_set1(0x1.3d0c54p-7f));
  p = vf_fma(f, p, vf_set1(0x1.c6b6e6p-5f));
  p = vf_fma(f, p, vf_set1(0x1.ebf918p-3f));
  p = vf_fma(f, p, vf_set1(0x1.62e428p-1f));
  p = vf_fma(f, p, vf_set1(1.0f));
  return (vf)((vi)p + ((vi)shifted << 23));
}

/// `round_number` to nearest even on positive lanes.
INLINE vf vf_round(const number_t to, vf x) {
#pragma clang fp contract(off)
  if (to.fraction_bits == 23) return x;
  const float unit = 1.5f * (float)(1 << (23 - to.fraction_bits));
  vf steps = vf_set1(unit);
  if (!to.integer) {
    const vi exponent = (vi)x & vi_set1(0x7f800000);
    const vi least = vi_set1((to.least_exponent + 127) << 23);
    const vi larger = (vi)(exponent > least);
    steps = (vf)((exponent & larger) | (least & ~larger)) * unit;
  }
  const vf sum = x + steps;
  return vf_min(sum - steps, vf_set1(to.largest));
}

/// A sum as its accumulator keeps it.
INLINE vf vf_keep(const attn_sum_t sum, vf x) {
  if (sum == ATTN_SUM_FP22) return (vf)((vi)x & vi_set1((int32_t)0xfffffc00));
  if (sum == ATTN_SUM_F16) {
    const vi sign = (vi)x & vi_set1(INT32_MIN);
    const vf magnitude = (vf)((vi)x & vi_set1(INT32_MAX));
    return (vf)((vi)vf_round(number_of(ATTN_NUMBER_F16), magnitude) | sign);
  }
  return x;
}

/// A running maximum that no key has reached.
#define NO_MAXIMUM (-1e30f)

/// A strip seen through its plan.
typedef struct {
  int32_t *lanes;      // queries loaded
  int32_t dwords;      // words of a row of integer codes
  vf *maximum;         // [QUERY_VECTORS], log2 units
  vf *denominator;     // [QUERY_VECTORS]
  vf *query_scale;     // [QUERY_VECTORS]
  vf *queries;         // [head_dim][lane] numbers, or words of four codes + 128
  vf *output;          // [channel][lane]
  vf *scores;          // [key of the block][lane], then the weights
  uint32_t *words;     // [key of the block] lane masks
  void *tile;          // keys of a block in the form of the products
} strip_t;

INLINE int has_codes(const attn_quantised_plan_t *plan) { return plan->keys != ATTN_KEYS_F32; }

INLINE int32_t round_up(int32_t x, int32_t unit) { return (x + unit - 1) / unit * unit; }

INLINE void *take(char **cursor, size_t bytes) {
  void *start = *cursor;
  *cursor += (bytes + 63) / 64 * 64;
  return start;
}

/// Lays a strip out from `base`; `*bytes` is its size.
INLINE strip_t strip_view(void *base, const attn_quantised_plan_t *plan, size_t *bytes) {
  const size_t row = STRIP_LANES * 4, block = (size_t)plan->key_block;
  strip_t s;
  char *cursor = base;
  s.dwords = code_bytes(plan->head_dim) / 4;
  s.lanes = take(&cursor, 4);
  s.maximum = take(&cursor, row);
  s.denominator = take(&cursor, row);
  s.query_scale = take(&cursor, row);
  s.queries = take(&cursor, (size_t)s.dwords * 4 * row);
  s.output = take(&cursor, (size_t)round_up(plan->value_dim, TILE_ROWS) * row);
  s.scores = take(&cursor, block * row);
  s.words = take(&cursor, block * 4);
  s.tile = take(&cursor, has_codes(plan) ? block * (size_t)s.dwords * (HAS_DOT_U8 ? 4 : 16) : 0);
  *bytes = (size_t)(cursor - (char *)base);
  return s;
}

static size_t strip_bytes(const attn_quantised_plan_t *plan) {
  size_t bytes;
  char base[1];
  strip_view(base, plan, &bytes);
  return bytes;
}

static void load(void *strip, const attn_quantised_plan_t *plan, const float *q,
                 ptrdiff_t q_stride, const int32_t *ids, int32_t count,
                 const float *query_scales) {
  size_t bytes;
  const strip_t s = strip_view(strip, plan, &bytes);
  const size_t row = STRIP_LANES * 4;
  *s.lanes = count;
  memset(s.queries, 0, (size_t)s.dwords * 4 * row);
  memset(s.output, 0, (size_t)round_up(plan->value_dim, TILE_ROWS) * row);
  memset(s.denominator, 0, row);
  memset(s.query_scale, 0, row);
  for (int v = 0; v < QUERY_VECTORS; v++) s.maximum[v] = vf_set1(NO_MAXIMUM);
  float *numbers = (float *)s.queries;
  uint8_t *codes = (uint8_t *)s.queries;
  const int as_codes = HAS_DOT_U8 && has_codes(plan);
  if (as_codes) memset(codes, 128, (size_t)s.dwords * row);
  for (int32_t lane = 0; lane < count; lane++) {
    const float *x = q + ids[lane] * q_stride;
    ((float *)s.query_scale)[lane] = query_scales[ids[lane]];
    if (as_codes) {
      for (int32_t c = 0; c < plan->head_dim; c++)
        codes[(size_t)(c / 4) * row + (size_t)lane * 4 + (size_t)(c % 4)] =
            (uint8_t)((int32_t)x[c] + 128);
    } else {
      for (int32_t c = 0; c < plan->head_dim; c++) numbers[c * STRIP_LANES + lane] = x[c];
    }
  }
}

static void store(void *strip, const attn_quantised_plan_t *plan,
                  const attn_quantised_head_t *head, float *o, ptrdiff_t o_stride,
                  const int32_t *ids, int32_t count, float *lse) {
  size_t bytes;
  const strip_t s = strip_view(strip, plan, &bytes);
  const float *output = (const float *)s.output;
  for (int32_t lane = 0; lane < count; lane++) {
    const float sum = ((const float *)s.denominator)[lane];
    const float factor = sum > 0 ? 1.0f / sum : 0;
    float *row = o + ids[lane] * o_stride;
    for (int32_t c = 0; c < plan->value_dim; c++) {
      const float mean = head->value_means && sum > 0 ? head->value_means[c] : 0;
      row[c] = output[c * STRIP_LANES + lane] * factor * head->value_scales[c] + mean;
    }
    if (lse)
      lse[ids[lane]] = sum > 0 ? (((const float *)s.maximum)[lane] +
                                  log2f(sum / plan->weight_scale)) * 0x1.62e43p-1f
                               : -INFINITY;
  }
}

#endif
