// SPDX-License-Identifier: MIT
#ifndef ATTN_FLOWS_H
#define ATTN_FLOWS_H

#include "columns.h"

/// What flows in and out at every token, given what was before it: factors are conserved flows then.
///
/// sums: of k, of q, of k / outflow, of q / inflow, `vectors` each. Rows are zero beyond the width.
FEATURE_INLINE void f_flow_rows(const attn_flow_t *flow, const float *q, const float *k,
                                ptrdiff_t stride, int32_t rows, int64_t first, vec16 *sums,
                                float *inflow, float *query_factor, float *key_factor,
                                int32_t vectors) {
  vec16 *keys = sums, *queries = sums + vectors, *kept = queries + vectors, *taken = kept + vectors;
  int32_t last = flow->width - (vectors - 1) * FEATURE_LANES;
  vec16 whole = f_set1(flow->eps), rest = f_first(whole, last, f_set1(0.0f));
  for (int32_t t = 0; t < rows; ++t) {
    const float *query = q + t * stride, *key = k + t * stride;
    float count = (float)(first + t + 1);
    vec16 in = f_set1(0.0f), out = in, conserved_in = in, conserved_out = in;
    for (int32_t j = 0; j < vectors; ++j) {
      vec16 a = f_load(query + j * FEATURE_LANES), b = f_load(key + j * FEATURE_LANES);
      vec16 guard = j < vectors - 1 ? whole : rest;
      keys[j] += b;
      queries[j] += a;
      in += (a + guard) * (keys[j] + guard);
      out += (b + guard) * (queries[j] + guard);
    }
    inflow[t] = f_sum(in);
    vec16 from_source = f_set1(count / f_sum(out)), into_sink = f_set1(count / inflow[t]);
    for (int32_t j = 0; j < vectors; ++j) {
      vec16 a = f_load(query + j * FEATURE_LANES), b = f_load(key + j * FEATURE_LANES);
      vec16 guard = j < vectors - 1 ? whole : rest;
      kept[j] += from_source * b;
      taken[j] += into_sink * a;
      conserved_in += (a + guard) * (kept[j] + guard);
      conserved_out += (b + guard) * (taken[j] + guard);
    }
    query_factor[t] = f_sum(conserved_in) / count;
    key_factor[t] = f_sum(conserved_out) / count;
  }
}

/// Allocation and competition from conserved flows; `weights` is the sum of competition so far.
FEATURE_INLINE void f_flow_factors(int32_t rows, int64_t first, const float *inflow,
                                   float *weights, float *query_factor, float *key_factor) {
  const vec16 one = f_set1(1.0f);
  for (int32_t t = 0; t < rows; t += FEATURE_LANES) {
    int32_t left = rows - t;
    vec16 in = f_load_first(query_factor + t, left), out = f_load_first(key_factor + t, left);
    f_store_first(query_factor + t, left, f_sigmoid(in) / f_load_first(inflow + t, left));
    f_store_first(key_factor + t, left, f_exp(f_max(f_min(out, one), -one)));
  }
  for (int32_t t = 0; t < rows; ++t) {
    weights[0] += key_factor[t];
    key_factor[t] = key_factor[t] / weights[0] * (float)(first + t + 1);
  }
}

/// state: the sums of `f_flow_rows`, then the sum of competition weights.
static void f_causal_flow(const attn_flow_t *flow, const float *q, const float *k,
                          ptrdiff_t stride, int32_t rows, int64_t first, float *state,
                          float *query_factor, float *key_factor) {
  int32_t vectors = attn_row_padded(flow->width) / FEATURE_LANES;
  float inflow[ATTN_ROW_BLOCK];
  enum { held = 4 };
  vec16 sums[4 * held];
  if (vectors == held) {
    for (int j = 0; j < 4 * held; ++j) sums[j] = f_load(state + j * FEATURE_LANES);
    f_flow_rows(flow, q, k, stride, rows, first, sums, inflow, query_factor, key_factor, held);
    for (int j = 0; j < 4 * held; ++j) f_store(state + j * FEATURE_LANES, sums[j]);
  } else {
    f_flow_rows(flow, q, k, stride, rows, first, (vec16 *)(void *)state, inflow, query_factor,
                key_factor, vectors);
  }
  f_flow_factors(rows, first, inflow, state + 4 * vectors * FEATURE_LANES, query_factor,
                 key_factor);
}

#endif
