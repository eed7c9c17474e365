// SPDX-License-Identifier: MIT
// Queries into a strip and outputs out of it.
#ifndef ATTN_LOWBIT_LOAD_STORE_H
#define ATTN_LOWBIT_LOAD_STORE_H

#include "multiply.h"
#include "pack.h"

/// Codes of x * scale * inverse, clamped to 127: a scale may come from another set of queries.
INLINE void quantise_query(const float *restrict x, float scale, float inverse, int32_t channels,
                           int8_t *restrict codes) {
  for (int32_t c = 0; c < channels; c++) {
    const int32_t code = round_code(x[c] * scale * inverse);
    codes[c] = (int8_t)(code > 127 ? 127 : code < -127 ? -127 : code);
  }
}

INLINE void round_query(const float *restrict x, float scale, int32_t channels,
                        uint16_t *restrict out) {
  for (int32_t c = 0; c < channels; c++) out[c] = (uint16_t)bf16_bits(x[c] * scale);
}

static void load(void *strip, const attn_lowbit_plan_t *plan, const float *q, ptrdiff_t q_stride,
                 const int32_t *ids, int32_t count, float scale, const float *row_scales) {
  size_t bytes;
  const strip_t s = strip_view(strip, plan, &bytes);
  const size_t row = STRIP_LANES * 4;
  const int int8 = plan->qk == ATTN_LOWBIT_INT8;
  const int form = dot_form(plan->qk);
  *s.head = (strip_head_t){count};
  memset(s.queries, 0, (size_t)s.dwords * row);
  memset(s.output, 0, (size_t)s.channels * row);
  memset(s.denominator, 0, row);
  memset(s.query_scale, 0, row);
  memset(s.row, 0, (size_t)s.dwords * 4);
  for (int i = 0; i < STRIP_LANES; i++) s.maximum[i] = NO_MAXIMUM;

  dword *packed = (dword *)s.queries;
  for (int lane = 0; lane < count; lane++) {
    const float *x = q + ids[lane] * q_stride;
    if (int8) {
      const float row_scale = row_scales[ids[lane]];
      const float inverse = row_scale < SMALLEST_AMAX / 128 ? 0 : 1.0f / row_scale;
      s.query_scale[lane] = row_scale;
      quantise_query(x, scale, inverse, plan->head_dim, (int8_t *)s.row);
    } else {
      round_query(x, scale, plan->head_dim, (uint16_t *)s.row);
    }
    for (int32_t step = 0; step < s.dwords; step++) packed[step * STRIP_LANES + lane] = s.row[step];
  }
  // Wide forms split the dwords in place: the second half lies behind the first.
  for (int32_t step = 0; step < s.dwords; step++) {
    dword *words = packed + step * STRIP_LANES;
    if (form == DOT_U8)
      for (int i = 0; i < STRIP_LANES; i++) words[i] ^= (dword)0x80808080;
    else if (form != DOT_BF16)
      for (int i = 0; i < QUERY_VECTORS; i++) {
        vi *lanes = (vi *)words + i;
        lanes[s.dwords * QUERY_VECTORS] = widen(form, *lanes, 1);
        *lanes = widen(form, *lanes, 0);
      }
  }
}

typedef float float4_t __attribute__((vector_size(16), may_alias, aligned(4)));

/// Columns of four rows of four.
INLINE void transpose_quad(float4_t x[4]) {
  const float4_t a = __builtin_shufflevector(x[0], x[1], 0, 4, 1, 5);
  const float4_t b = __builtin_shufflevector(x[2], x[3], 0, 4, 1, 5);
  const float4_t c = __builtin_shufflevector(x[0], x[1], 2, 6, 3, 7);
  const float4_t d = __builtin_shufflevector(x[2], x[3], 2, 6, 3, 7);
  x[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
  x[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
  x[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
  x[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

/// Output rows of the lanes `first ..< first + lanes` (at most four), times `factor` per lane and
/// `channel_scale` per channel (NULL: 1).
INLINE void store_lanes(const strip_t *s, const attn_lowbit_plan_t *plan, int first, int lanes,
                        const float *factor, const float *channel_scale, float *const *rows) {
  const float4_t lane_factor = *(const float4_t *)(factor + first);
  for (int32_t c = 0; c < plan->value_dim; c += 4) {
    float4_t x[4];
    UNROLL
    for (int i = 0; i < 4; i++) {
      const ptrdiff_t at = (ptrdiff_t)(c + i) * STRIP_LANES + first;
      x[i] = *(const float4_t *)(s->output + at);
      if (channel_scale) x[i] *= channel_scale[c + i];
      x[i] *= lane_factor;
    }
    transpose_quad(x);
    const size_t bytes = plan->value_dim - c < 4 ? (size_t)(plan->value_dim - c) * 4 : 16;
    if (bytes == 16) {
      for (int i = 0; i < lanes; i++) *(float4_t *)(rows[i] + c) = x[i];
    } else {
      for (int i = 0; i < lanes; i++) memcpy(rows[i] + c, &x[i], bytes);
    }
  }
}

static void store(void *strip, const attn_lowbit_plan_t *plan, const attn_lowbit_packed_t *packed,
                  float *o, ptrdiff_t o_stride, const int32_t *ids, int32_t count, float *lse) {
  size_t bytes;
  const strip_t s = strip_view(strip, plan, &bytes);
  const int int8 = plan->pv == ATTN_LOWBIT_INT8;
  // The sums of INT8 weights count levels; the unit cancels in the output.
  const float unit = int8 ? 1.0f / (float)plan->weight_levels : 1.0f;
  float factor[STRIP_LANES];
  for (int lane = 0; lane < STRIP_LANES; lane++) {
    const float sum = s.denominator[lane];
    factor[lane] = sum > 0 ? 1.0f / sum : 0;
    if (lse == NULL || lane >= count) continue;
    lse[ids[lane]] =
        sum > 0 ? (s.maximum[lane] + log2f(sum * unit)) * 0x1.62e43p-1f
                : -INFINITY;
  }
  for (int first = 0; first < count; first += 4) {
    const int lanes = count - first < 4 ? count - first : 4;
    float *rows[4] = {o, o, o, o};
    for (int i = 0; i < lanes; i++) rows[i] = o + ids[first + i] * o_stride;
    if (int8)
      store_lanes(&s, plan, first, lanes, factor, packed->value_scales, rows);
    else
      store_lanes(&s, plan, first, lanes, factor, NULL, rows);
  }
}

#endif
