// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

/// Attention of row `r` in double: query r / group of head r % group, over its visible keys.
static void reference_row(const float *q, const float *k, const float *v, int32_t visible,
                          int32_t d, int32_t dv, double *o) {
  double sum = 0;
  for (int32_t c = 0; c < dv; c++) o[c] = 0;
  for (int32_t j = 0; j < visible; j++) {
    double s = 0;
    for (int32_t c = 0; c < d; c++) s += (double)q[c] * k[(size_t)j * d + c];
    const double w = exp(s / sqrt(d));
    sum += w;
    for (int32_t c = 0; c < dv; c++) o[c] += w * v[(size_t)j * dv + c];
  }
  for (int32_t c = 0; c < dv && sum > 0; c++) o[c] /= sum;
}

void decode(const attn_kernel_table_t *t, attn_decode_format_t format, int32_t queries,
            int32_t group, int32_t keys, int32_t d, int32_t dv) {
  enum { PARTS = 2 };
  const attn_decode_kernels_t *kernels = t->decode;
  const attn_decode_plan_t plan = {format, d, dv, (float)(1.4426950408889634 / sqrt(d))};
  const int32_t rows = queries * group, page_keys = attn_decode_page_keys(format);
  const int32_t page_count = (keys + page_keys - 1) / page_keys;
  const size_t page_bytes = attn_decode_page_bytes(&plan), state_bytes = kernels->state_bytes(&plan);
  const size_t scale_bytes = 2 * (size_t)attn_decode_value_columns(&plan) * sizeof(float);
  const size_t part_bytes = (size_t)rows * dv * sizeof(float), sum_bytes = (size_t)rows * 8;
  float *q = random_matrix(rows, d), *k = random_matrix(keys, d), *v = random_matrix(keys, dv);
  float *scales = guarded(scale_bytes, 64), *o = guarded(part_bytes, sizeof(float));
  float *parts = guarded(PARTS * part_bytes, sizeof(float));
  float *sums = guarded(PARTS * sum_bytes, sizeof(float));
  char *pages = guarded(page_bytes * (size_t)page_count, 64);
  void *state = guarded(state_bytes, 64);
  int32_t *visible = guarded((size_t)queries * sizeof(int32_t), sizeof(int32_t));
  for (int32_t i = 0; i < queries; i++) visible[i] = keys - (queries - 1 - i);

  attn_decode_cache_t cache = {k, v, d, dv, pages, scales};
  if (format == ATTN_DECODE_INT8) kernels->value_scales(&plan, v, dv, keys, scales);
  for (int32_t page = 0; page < page_count; page++)
    kernels->pack_page(&plan, &cache, page * page_keys, keys, pages + page_bytes * (size_t)page);
  const attn_decode_queries_t heads = {q, (ptrdiff_t)queries * d, d, group, visible};
  const int32_t middle = keys / 2 / 64 * 64;
  attn_counts_t counts = {0};
  for (int part = 0; part < PARTS; part++) {
    kernels->load(state, &plan, &heads, 0, rows);
    if (part > 0 || middle > 0)
      kernels->attend(state, &plan, &cache, part ? middle : 0, part ? keys : middle, &counts);
    kernels->store(state, &plan, &cache, parts + part * (ptrdiff_t)rows * dv, dv,
                   sums + part * 2 * (ptrdiff_t)rows);
  }
  double *expected = malloc((size_t)rows * dv * sizeof(double));
  for (int32_t r = 0; r < rows; r++) {
    kernels->merge(parts + (ptrdiff_t)r * dv, (ptrdiff_t)rows * dv, sums + 2 * r, 2 * rows, PARTS,
                   dv, o + (ptrdiff_t)r * dv);
    const float *query = q + ((ptrdiff_t)(r % group) * queries + r / group) * d;
    reference_row(query, k, v, visible[r / group], d, dv, expected + (ptrdiff_t)r * dv);
  }
  // As for the tiled and low-bit kernels: operands up to 1, some roundings or eight bits.
  check(t->name, "decode", distance(o, expected, (size_t)rows * dv),
        format == ATTN_DECODE_FLOAT32 ? 5e-6 : 4e-2);
  free(expected);
  release(visible, (size_t)queries * sizeof(int32_t), sizeof(int32_t));
  release(state, state_bytes, 64);
  release(pages, page_bytes * (size_t)page_count, 64);
  release(sums, PARTS * sum_bytes, sizeof(float));
  release(parts, PARTS * part_bytes, sizeof(float));
  release(o, part_bytes, sizeof(float));
  release(scales, scale_bytes, 64);
  release_matrix(q, rows, d);
  release_matrix(k, keys, d);
  release_matrix(v, keys, dv);
}
