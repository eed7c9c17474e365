// SPDX-License-Identifier: MIT
// From the scores of a block to rounded weights.
#ifndef ATTN_QUANTISED_WEIGHTS_H
#define ATTN_QUANTISED_WEIGHTS_H

#include "scores.h"

/// Raises the maxima to the scores of the block; older sums shrink by `alpha`.
INLINE void raise_maximum(const strip_t *s, int32_t count, vf alpha[QUERY_VECTORS],
                          attn_counts_t *counts) {
  int grew = 0;
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    vf most = s->maximum[v];
    for (int32_t j = 0; j < count; j++) most = vf_max(most, s->scores[j * QUERY_VECTORS + v]);
    alpha[v] = vf_exp2(s->maximum[v] - most);
    const vi greater = (vi)(most > s->maximum[v]);
    for (int i = 0; i < VECTOR_LANES; i++) grew |= greater[i];
    s->maximum[v] = most;
    s->denominator[v] *= alpha[v];
  }
  if (counts && grew) counts->rescales++;
}

/// Weights of the block in units of the weight scale, in place of its scores.
INLINE void weigh_block(const visit_t *visit, const strip_t *s, int32_t count) {
  const vf scale = vf_set1(visit->plan->weight_scale);
  for (int32_t j = 0; j < count; j++) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      vf p = vf_exp2(s->scores[j * QUERY_VECTORS + v] - s->maximum[v]) * scale;
      if (s->words[j] != UINT32_MAX)
        p = vf_select(vi_lane_mask(s->words[j], v), p, vf_set1(0));
      s->scores[j * QUERY_VECTORS + v] = p;
    }
  }
}

INLINE void add_denominator(const strip_t *s, int32_t count) {
  for (int32_t j = 0; j < count; j++) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++)
      s->denominator[v] += s->scores[j * QUERY_VECTORS + v];
  }
}

/// Rounds weights in blocks of keys that share a scale, lane by lane. Numbers are divided by the
/// scale as it was before it was rounded.
INLINE void round_micro_weights(const attn_micro_t micro, const strip_t *s, int32_t count) {
  const int32_t length = micro_length(micro);
  for (int32_t first = 0; first < count; first += length) {
    const int32_t end = first + length < count ? first + length : count;
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      vf most = vf_set1(0);
      for (int32_t j = first; j < end; j++)
        most = vf_max(most, s->scores[j * QUERY_VECTORS + v]);
      vf exact, scale;
      if (micro == ATTN_MICRO_NVFP4) {
        exact = most / 6.0f;
        scale = vf_round(number_of(ATTN_NUMBER_E4M3), exact);
      } else {
        const vi exponent = ((vi)most & vi_set1(0x7f800000)) - vi_set1(2 << 23);
        exact = scale = (vf)exponent;
      }
      const vi counts = (vi)(most >= SMALLEST_GROUP);
      const vf divisor = vf_select(counts, exact, vf_set1(1));
      scale = vf_select(counts, scale, vf_set1(0));
      for (int32_t j = first; j < end; j++) {
        vf *p = s->scores + j * QUERY_VECTORS + v;
        *p = vf_round(number_of(ATTN_NUMBER_E2M1), *p / divisor) * scale;
      }
    }
  }
}

INLINE void round_weights(const visit_t *visit, const strip_t *s, int32_t count) {
  if (visit->plan->weights != ATTN_WEIGHTS_NUMBER) {
    if (visit->plan->weights == ATTN_WEIGHTS_NVFP4)
      round_micro_weights(ATTN_MICRO_NVFP4, s, count);
    else
      round_micro_weights(ATTN_MICRO_MXFP4, s, count);
    return;
  }
  if (visit->plan->weight_number == ATTN_NUMBER_F32) return;
  // 255 steps of an unsigned byte: the scale says how many there are.
  FOR_NUMBER(visit->plan->weight_number, ATTN_ROUND_EVEN, {
    (void)rule;
    number_t rule_to = to;
    if (to.integer) rule_to.largest = visit->plan->weight_scale;
    for (int32_t i = 0; i < count * QUERY_VECTORS; i++)
      s->scores[i] = vf_round(rule_to, s->scores[i]);
  })
}

#endif
