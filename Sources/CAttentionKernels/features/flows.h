// SPDX-License-Identifier: MIT
#ifndef ATTN_FLOWS_H
#define ATTN_FLOWS_H

#include "columns.h"

/// Sixteen tokens of a causal flow, at most: rows that go through its passes together.
typedef struct {
  const float *q, *k;  // inputs
  ptrdiff_t stride;
  float *query, *key;  // features
  ptrdiff_t feature_stride;
  int32_t rows, width;
  float eps;
} f_flow_part_t;

/// `eps` in lanes that belong to the width.
FEATURE_INLINE vec16 f_flow_guard(float eps, int32_t left) {
  return left > 0 ? f_first(f_set1(eps), left, f_set1(0.0f)) : f_set1(0.0f);
}

/// Vectors of a row that are mapped side by side.
enum { FEATURE_FLOWING = 4 };

/// Sigmoids of `count` vectors of inputs, zero in lanes beyond the width.
FEATURE_INLINE void f_flow_row(const float *x, ptrdiff_t stride, int32_t left, vec16 *y,
                               int count) {
  FEATURE_UNROLL for (int j = 0; j < count; ++j) {
    __builtin_prefetch(x + j * FEATURE_LANES + FEATURE_LANES * stride);
    y[j] = f_load_first(x + j * FEATURE_LANES, left - j * FEATURE_LANES);
  }
  f_sigmoid_each(y, count);
  FEATURE_UNROLL for (int j = 0; j < count; ++j) {
    y[j] = f_first(y[j], left - j * FEATURE_LANES, f_set1(0.0f));
  }
}

/// Features, and what flows into every query and out of every key: `keys` and `queries` are their
/// sums so far, plus eps. `step` vectors, a constant that divides their number, are mapped at a time.
FEATURE_INLINE void f_flow_features(const f_flow_part_t *p, vec16 *keys, vec16 *queries,
                                    vec16 *inflow, vec16 *outflow, int vectors, int step) {
  vec16 in[FEATURE_LANES], out[FEATURE_LANES];
  FEATURE_UNROLL FEATURE_SIXTEEN(in[i] = f_set1(0.0f); out[i] = f_set1(0.0f);)
  for (int32_t t = 0; t < p->rows; ++t) {
    vec16 into = f_set1(0.0f), from = into;
    for (int32_t j = 0; j < vectors; j += step) {
      vec16 a[FEATURE_FLOWING], b[FEATURE_FLOWING];
      int32_t c = j * FEATURE_LANES, left = p->width - c;
      f_flow_row(p->q + t * p->stride + c, p->stride, left, a, step);
      f_flow_row(p->k + t * p->stride + c, p->stride, left, b, step);
      FEATURE_UNROLL for (int i = 0; i < step; ++i) {
        vec16 guard = f_flow_guard(p->eps, left - i * FEATURE_LANES);
        f_store(p->query + t * p->feature_stride + c + i * FEATURE_LANES, a[i]);
        f_store(p->key + t * p->feature_stride + c + i * FEATURE_LANES, b[i]);
        keys[j + i] += b[i];
        queries[j + i] += a[i];
        into += (a[i] + guard) * keys[j + i];
        from += (b[i] + guard) * queries[j + i];
      }
    }
    in[t] = into;
    out[t] = from;
  }
  *inflow = f_sum_each(in);
  *outflow = f_sum_each(out);
}

/// Conserved flows: sums of keys divided by their outflow and of queries divided by their inflow.
FEATURE_INLINE void f_flow_conserved(const f_flow_part_t *p, vec16 *kept, vec16 *taken,
                                     const float *into_sink, const float *from_source,
                                     vec16 *inflow, vec16 *outflow, int vectors) {
  vec16 in[FEATURE_LANES], out[FEATURE_LANES];
  FEATURE_UNROLL FEATURE_SIXTEEN(in[i] = f_set1(0.0f); out[i] = f_set1(0.0f);)
  for (int32_t t = 0; t < p->rows; ++t) {
    vec16 into = f_set1(0.0f), from = into;
    for (int32_t j = 0; j < vectors; ++j) {
      int32_t c = j * FEATURE_LANES;
      vec16 a = f_load(p->query + t * p->feature_stride + c);
      vec16 b = f_load(p->key + t * p->feature_stride + c);
      vec16 guard = f_flow_guard(p->eps, p->width - c);
      kept[j] += f_set1(from_source[t]) * b;
      taken[j] += f_set1(into_sink[t]) * a;
      into += (a + guard) * kept[j];
      from += (b + guard) * taken[j];
    }
    in[t] = into;
    out[t] = from;
  }
  *inflow = f_sum_each(in);
  *outflow = f_sum_each(out);
}

/// Sums of the lanes up to each.
FEATURE_INLINE vec16 f_running(vec16 x) {
  const vec16 zero = f_set1(0.0f);
  x += __builtin_shufflevector(zero, x, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
                               30);
  x += __builtin_shufflevector(zero, x, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
                               29);
  x += __builtin_shufflevector(zero, x, 0, 0, 0, 0, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
                               27);
  return x + __builtin_shufflevector(zero, x, 0, 0, 0, 0, 0, 0, 0, 0, 16, 17, 18, 19, 20, 21, 22,
                                     23);
}

/// Features of the tokens after the first `first`, allocation and competition.
///
/// sums: of k, of q, of k / outflow, of q / inflow, `vectors` each; `weights` that of competition.
FEATURE_INLINE void f_flow_sixteen(const f_flow_part_t *p, int64_t first, vec16 *sums,
                                   float *weights, float *query_factor, float *key_factor,
                                   int vectors, int step) {
  const vec16 lane = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  const vec16 one = f_set1(1.0f);
  vec16 count = f_set1((float)first) + lane, inflow, outflow, taken, given;
  float into_sink[FEATURE_LANES], from_source[FEATURE_LANES], totals[FEATURE_LANES];
  f_flow_features(p, sums, sums + vectors, &inflow, &outflow, vectors, step);
  f_store(into_sink, count / inflow);
  f_store(from_source, count / outflow);
  f_flow_conserved(p, sums + 2 * vectors, sums + 3 * vectors, into_sink, from_source, &taken,
                   &given, vectors);
  vec16 share = one / count;
  vec16 competition = f_exp(f_max(f_min(given * share, one), -one));
  vec16 total = f_running(competition) + f_set1(*weights);
  f_store(totals, total);
  *weights = totals[p->rows - 1];
  f_store_first(query_factor, p->rows, f_sigmoid(taken * share) / inflow);
  f_store_first(key_factor, p->rows, competition * count / total);
}

/// state: the sums of `f_flow_sixteen` plus eps, then the sum of competition weights.
static void f_causal_flow(const attn_flow_t *flow, const float *q, const float *k,
                          ptrdiff_t stride, int32_t rows, int64_t first, float *state,
                          float *query, float *key, ptrdiff_t feature_stride,
                          float *query_factor, float *key_factor) {
  int32_t vectors = attn_row_padded(flow->width) / FEATURE_LANES;
  float *weights = state + 4 * vectors * FEATURE_LANES;
  enum { held = 4 };
  if (first == 0) {
    for (int32_t j = 0; j < 4 * vectors; ++j) {
      int32_t c = j % vectors * FEATURE_LANES;
      f_store(state + j * FEATURE_LANES, f_flow_guard(flow->eps, flow->width - c));
    }
    *weights = 0;
  }
  for (int32_t t = 0; t < rows; t += FEATURE_LANES) {
    int32_t left = rows - t;
    f_flow_part_t part = {q + t * stride, k + t * stride, stride, query + t * feature_stride,
                          key + t * feature_stride, feature_stride,
                          left < FEATURE_LANES ? left : FEATURE_LANES, flow->width, flow->eps};
    if (flow->width == held * FEATURE_LANES) {
      // Whole vectors: sums are held in registers, and guards are constants.
      part.width = held * FEATURE_LANES;
      vec16 sums[4 * held];
      for (int j = 0; j < 4 * held; ++j) sums[j] = f_load(state + j * FEATURE_LANES);
      f_flow_sixteen(&part, first + t, sums, weights, query_factor + t, key_factor + t, held,
                     FEATURE_FLOWING);
      for (int j = 0; j < 4 * held; ++j) f_store(state + j * FEATURE_LANES, sums[j]);
    } else if (vectors % FEATURE_FLOWING == 0) {
      f_flow_sixteen(&part, first + t, (vec16 *)(void *)state, weights, query_factor + t,
                     key_factor + t, vectors, FEATURE_FLOWING);
    } else {
      f_flow_sixteen(&part, first + t, (vec16 *)(void *)state, weights, query_factor + t,
                     key_factor + t, vectors, 1);
    }
  }
}

#endif
