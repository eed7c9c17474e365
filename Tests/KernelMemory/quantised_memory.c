// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

/// One head whose keys and queries are codes of the key form and whose values are E4M3 numbers.
void quantised(const attn_kernel_table_t *t, attn_keys_t form, attn_weights_t weights,
               attn_sum_t sum, int32_t queries, int32_t keys, int32_t d, int32_t dv) {
  const attn_quantised_kernels_t *kernels = t->quantised;
  const attn_quantised_plan_t plan = {.head_dim = d, .value_dim = dv, .keys = form,
                                      .weights = weights, .weight_number = ATTN_NUMBER_E4M3,
                                      .weight_scale = 448, .key_block = 64, .sum = sum,
                                      .sum_depth = 32, .two_level = sum == ATTN_SUM_F16};
  const attn_number_t number = form == ATTN_KEYS_INT4 ? ATTN_NUMBER_INT4 : ATTN_NUMBER_INT8;
  const float levels = form == ATTN_KEYS_INT4 ? 7 : 127;
  const int32_t padded = (keys + 63) / 64 * 64;
  const size_t row_bytes = kernels->row_bytes(form, d), bytes = kernels->strip_bytes(&plan);
  float *q = random_matrix(queries, d), *k = random_matrix(keys, d), *v = random_matrix(padded, dv);
  float *scales = guarded((size_t)padded * 4, 4), *value_scales = guarded((size_t)dv * 4, 4);
  float *query_scales = guarded((size_t)queries * 4, 4);
  float *o = guarded((size_t)queries * dv * 4, 4);
  int32_t *sums = guarded((size_t)padded * 4, 4);
  char *packed = guarded(row_bytes * (size_t)padded, 4);
  void *strip = guarded(bytes, 64);
  double *expected = malloc((size_t)queries * dv * sizeof(double));
  const float unit = (float)(1.4426950408889634 / sqrt(d));
  memset(packed, 0, row_bytes * (size_t)padded);
  for (int32_t i = 0; i < queries; i++) query_scales[i] = unit / levels;
  for (int32_t c = 0; c < dv; c++) value_scales[c] = 1;
  kernels->round_row(ATTN_NUMBER_F32, ATTN_ROUND_EVEN, v, padded * dv, 1, v);
  kernels->round_row(number, ATTN_ROUND_EVEN, q, queries * d, levels, q);
  kernels->round_row(number, ATTN_ROUND_EVEN, k, keys * d, levels, k);
  for (int32_t j = 0; j < padded; j++) {
    scales[j] = j < keys ? 1 / levels : 0;
    sums[j] = j < keys ? kernels->pack_row(form, k + (ptrdiff_t)j * d, d, packed + j * row_bytes) : 0;
  }
  const attn_quantised_head_t head = {packed, scales, sums, v, value_scales, NULL};
  attn_counts_t counts = {0};
  for (int32_t first = 0; first < queries; first += kernels->lanes) {
    int32_t count = queries - first < kernels->lanes ? queries - first : kernels->lanes, ids[32];
    for (int32_t l = 0; l < count; l++) ids[l] = first + l;
    attn_run_t runs[2];
    uint32_t masks[64];
    const int32_t n = strip_runs(first, count, queries, keys, 1, kernels->key_tile, runs, masks);
    kernels->load(strip, &plan, q, d, ids, count, query_scales);
    kernels->attend(strip, &plan, &head, NULL, runs, n, masks, &counts);
    kernels->store(strip, &plan, &head, o, dv, ids, count, NULL);
  }
  reference_attention(q, k, v, expected, queries, keys, d, dv,
                      1 / (sqrt(d) * levels * levels), 1, NULL);
  // The same codes; weights of three or one bits behind the point on values up to 1.
  check(t->name, "quantised", distance(o, expected, (size_t)queries * dv),
        weights == ATTN_WEIGHTS_NUMBER ? 0.07 : 0.3);
  free(expected);
  release(strip, bytes, 64);
  release(packed, row_bytes * (size_t)padded, 4);
  release(sums, (size_t)padded * 4, 4);
  release(o, (size_t)queries * dv * 4, 4);
  release(query_scales, (size_t)queries * 4, 4);
  release(value_scales, (size_t)dv * 4, 4);
  release(scales, (size_t)padded * 4, 4);
  release_matrix(q, queries, d);
  release_matrix(k, keys, d);
  release_matrix(v, padded, dv);
}
