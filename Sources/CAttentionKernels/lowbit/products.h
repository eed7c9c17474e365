// SPDX-License-Identifier: MIT
// Weights times values, and the rescaling of what has been summed.
#ifndef ATTN_LOWBIT_PRODUCTS_H
#define ATTN_LOWBIT_PRODUCTS_H

#include "weights.h"

/// Consecutive keys whose weights lie in consecutive slots.
typedef struct {
  int32_t slot, first_key, keys;
} segment_t;

/// Segments of the weight buffer; one per tile at worst.
typedef struct {
  int32_t count, slots;
  segment_t at[WEIGHT_KEYS / KEY_TILE];
} segments_t;

/// Adds a tile's keys at the next slots.
INLINE void segments_add(segments_t *list, const tile_t *tile) {
  segment_t *last = list->count > 0 ? list->at + list->count - 1 : NULL;
  // A shorter tile leaves slots unused behind it.
  if (last && last->first_key + last->keys == tile->first_key &&
      last->slot + last->keys == list->slots) {
    last->keys += tile->count;
  } else {
    list->at[list->count++] = (segment_t){list->slots, tile->first_key, tile->count};
  }
  list->slots += KEY_TILE;
}

/// Values of TILE_ROWS channels in the table's form, as rows of TILE_ROWS dwords.
INLINE const dword *value_panel(const variant_t variant, const strip_t *s,
                                const attn_lowbit_plan_t *plan,
                                const attn_lowbit_packed_t *packed, const float *v,
                                ptrdiff_t v_stride, const segment_t *segment, int32_t channel,
                                ptrdiff_t *stride) {
  const int form = dot_form((attn_lowbit_t)variant.pv);
  *stride = TILE_ROWS;
  if (variant.pv == ATTN_LOWBIT_F32) {
    const dword *values = (const dword *)(v + segment->first_key * v_stride + channel);
    const int32_t width = plan->value_dim - channel;
    if (width >= TILE_ROWS) {
      *stride = v_stride;
      return values;
    }
    for (int32_t j = 0; j < segment->keys; j++)
      for (int32_t c = 0; c < TILE_ROWS; c++)
        s->wide_values[j * TILE_ROWS + c] = c < width ? values[j * v_stride + c] : 0;
    return s->wide_values;
  }
  const int32_t group = variant.pv == ATTN_LOWBIT_INT8 ? 4 : 2;
  const dword *values = (const dword *)packed->values +
                        (ptrdiff_t)(segment->first_key / group) * s->channels + channel;
  if (form == DOT_U8 || form == DOT_BF16) {
    *stride = s->channels;
    return values;
  }
  widen_values(form, values, s->channels, (segment->keys + group - 1) / group, s->wide_values);
  return s->wide_values;
}

/// Steps of a segment; the wide INT8 form always takes the four keys of a dword.
INLINE int32_t value_steps(const int form, int32_t keys) {
  const int terms = dot_terms(form), group = weight_group(form);
  return (keys + group - 1) / group * (group / terms);
}

/// Adds weights times values to `output`; INT8 sums are converted and meet `output` times `alpha`,
/// the other types take no `alpha`.
INLINE void product(const variant_t variant, const strip_t *s, const attn_lowbit_plan_t *plan,
                    const attn_lowbit_packed_t *packed, const float *v, ptrdiff_t v_stride,
                    const segments_t *segments, const vf *alpha) {
  const int form = dot_form((attn_lowbit_t)variant.pv);
  const int terms = dot_terms(form);
  const int int8 = variant.pv == ATTN_LOWBIT_INT8;
  for (int32_t channel = 0; channel < plan->value_dim; channel += TILE_ROWS) {
    vi acc[TILE_ROWS][QUERY_VECTORS];
    vf *rows = (vf *)s->output + channel * QUERY_VECTORS;
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int i = 0; i < QUERY_VECTORS; i++)
        acc[r][i] = int8 ? vi_set1(0) : (vi)rows[r * QUERY_VECTORS + i];
    }
    for (int32_t part = 0; part < segments->count; part++) {
      const segment_t *segment = segments->at + part;
      ptrdiff_t stride;
      const dword *values =
          value_panel(variant, s, plan, packed, v, v_stride, segment, channel, &stride);
      multiply(form, acc, s->weights + segment->slot / terms * QUERY_VECTORS, values, 1, stride,
               value_steps(form, segment->keys));
    }
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int i = 0; i < QUERY_VECTORS; i++) {
        vf *sum = rows + r * QUERY_VECTORS + i;
        *sum = int8 ? vf_fma(*sum, alpha[i], vf_to_float(acc[r][i])) : (vf)acc[r][i];
      }
    }
  }
}

/// Raises the maxima to cover `largest` (log2 units); returns the factors of older sums in `alpha`.
INLINE void raise_maximum(softmax_t *x, const vf largest[QUERY_VECTORS],
                          vf alpha[QUERY_VECTORS]) {
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    const vf raised = vf_max(x->maximum[v], largest[v]);
    alpha[v] = vf_exp2(x->maximum[v] - raised, 5);
    x->maximum[v] = raised;
    x->offset[v] = x->shift - raised;
    x->denominator[v] *= alpha[v];
  }
}

NOINLINE void rescale_output(const strip_t *s, const vf *alpha) {
  for (int32_t c = 0; c < s->channels; c++) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) ((vf *)s->output)[c * QUERY_VECTORS + v] *= alpha[v];
  }
}

#endif
