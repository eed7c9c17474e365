// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

/// `count` different rows of `rows`, in no order.
static int32_t *scattered(int32_t rows, int32_t count) {
  int32_t *all = malloc((size_t)rows * sizeof(int32_t));
  for (int32_t i = 0; i < rows; i++) all[i] = i;
  for (int32_t i = 0; i < count; i++) {
    const int32_t other = i + random_below(rows - i), row = all[other];
    all[other] = all[i];
    all[i] = row;
  }
  return all;
}

static void reference_row(const attn_window_t *w, int32_t query, int32_t d, int32_t dv, double *o) {
  const float *q = w->q + w->query_ids[query] * w->q_stride;
  double sum = 0;
  for (int32_t c = 0; c < dv; c++) o[c] = 0;
  for (int32_t i = 0; i < w->key_count; i++) {
    const float *k = w->k + w->key_ids[i] * w->k_stride, *v = w->v + w->key_ids[i] * w->v_stride;
    double s = 0;
    for (int32_t c = 0; c < d; c++) s += (double)q[c] * k[c];
    const double bias = w->bias ? w->bias[query * w->bias_stride + i] * 0.6931471805599453 : 0;
    const double weight = exp(s / sqrt(d) + bias);
    sum += weight;
    for (int32_t c = 0; c < dv; c++) o[c] += weight * v[c];
  }
  for (int32_t c = 0; c < dv; c++) o[c] /= sum;
}

void window(const attn_kernel_table_t *t, int32_t queries, int32_t keys, int32_t d, int32_t dv,
            int biased) {
  if (!t->window) return;
  const int32_t rows = 300;
  const size_t output_bytes = (size_t)rows * dv * sizeof(float);
  const size_t scratch_bytes = t->window->scratch_bytes(d, dv);
  float *q = random_matrix(rows, d), *k = random_matrix(rows, d), *v = random_matrix(rows, dv);
  float *o = guarded(output_bytes, sizeof(float)), *bias = random_matrix(queries, keys);
  void *scratch = guarded(scratch_bytes, 64);
  int32_t *query_ids = scattered(rows, queries), *key_ids = scattered(rows, keys);
  const attn_window_t w = {q, k, v, o, d, d, dv, dv, query_ids, key_ids, queries, keys,
                           biased ? bias : NULL, keys};
  t->window->attend(scratch, &w, d, dv, (float)(1.4426950408889634 / sqrt(d)), biased ? &w : NULL);
  double *expected = malloc((size_t)dv * sizeof(double)), worst = 0;
  for (int32_t i = 0; i < queries; i++) {
    reference_row(&w, i, d, dv, expected);
    const double error = distance(o + (size_t)query_ids[i] * dv, expected, (size_t)dv);
    if (!(error <= worst)) worst = error;
  }
  // As for the tiled kernels.
  check(t->name, "window", worst, 5e-6);
  free(expected);
  free(query_ids);
  free(key_ids);
  release(scratch, scratch_bytes, 64);
  release(o, output_bytes, sizeof(float));
  release_matrix(bias, queries, keys);
  release_matrix(q, rows, d);
  release_matrix(k, rows, d);
  release_matrix(v, rows, dv);
}
