// SPDX-License-Identifier: MIT
//
// Runs every kernel table on buffers that end at a guard page and compares with double arithmetic.
// Built with the address sanitizer by Scripts/check-kernels.sh.
#include "kernel_memory.h"
#include "guarded.h"

static int failures = 0;
int guard_in_front = 0;

void check(const char *table, const char *what, double error, double tolerance) {
  // A NaN must fail.
  if (error <= tolerance) return;
  failures++;
  printf("%s %s: error %g exceeds %g\n", table, what, error, tolerance);
}

static void tiled(const attn_kernel_table_t *t, int32_t queries, int32_t keys, int32_t d,
                  int32_t dv, int causal, int biased) {
  const attn_tiled_kernels_t *kernels = t->tiled;
  // A window of all lanes slides over the terms; the last strip's ends with them.
  int32_t term_count = keys + (queries + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
  float *terms = random_matrix(term_count, 1);
  float *q = random_matrix(queries, d), *k = random_matrix(keys, d), *v = random_matrix(keys, dv);
  float *o = guarded((size_t)queries * dv * sizeof(float), sizeof(float));
  double *expected = malloc((size_t)queries * dv * sizeof(double));
  size_t bytes = kernels->strip_bytes(d, dv);
  void *strip = guarded(bytes, 64);
  attn_counts_t counts = {0};
  double scale = 1 / sqrt(d);
  for (int32_t first = 0; first < queries; first += kernels->lanes) {
    int32_t count = queries - first < kernels->lanes ? queries - first : kernels->lanes, ids[32];
    for (int32_t l = 0; l < count; l++) ids[l] = first + l;
    attn_run_t runs[2];
    uint32_t masks[64];
    int32_t n = strip_runs(first, count, queries, keys, causal, kernels->key_tile, runs, masks);
    kernels->load(strip, q, d, ids, count, d, dv, (float)(scale * 1.4426950408889634));
    // Nothing lies so far below anything: a filter that finds nothing to leave out.
    if (keys <= ATTN_TILED_FILTERED_KEYS && random_below(2)) attn_tiled_leave_out(strip, 1e6f);
    attn_bias_rows_t rows[2];
    for (int r = 0; r < n; r++) rows[r] = (attn_bias_rows_t){keys + first - runs[r].first_key, -1};
    if (biased) kernels->bias(strip, terms, rows);
    kernels->attend(strip, k, d, v, dv, NULL, runs, n, masks, &counts);
    kernels->store(strip, o, dv, ids, count, NULL);
  }
  reference_attention(q, k, v, expected, queries, keys, d, dv, scale, causal,
                      biased ? terms : NULL);
  // Values up to 1 and scores up to sqrt(d): a few roundings of 6e-8.
  check(t->name, "tiled", distance(o, expected, (size_t)queries * dv), 5e-6);
  release(strip, bytes, 64);
  free(expected);
  release(o, (size_t)queries * dv * sizeof(float), sizeof(float));
  release_matrix(q, queries, d);
  release_matrix(k, keys, d);
  release_matrix(v, keys, dv);
  release_matrix(terms, term_count, 1);
}

static void lowbit(const attn_kernel_table_t *t, int32_t queries, int32_t keys, int32_t d,
                   int32_t dv, attn_lowbit_t qk, attn_lowbit_t pv) {
  const attn_lowbit_kernels_t *kernels = t->lowbit;
  attn_lowbit_plan_t plan = {.qk = qk, .pv = pv, .head_dim = d, .value_dim = dv, .key_block = 64,
                             .weight_levels = 127};
  float *q = random_matrix(queries, d), *k = random_matrix(keys, d), *v = random_matrix(keys, dv);
  float *o = guarded((size_t)queries * dv * sizeof(float), sizeof(float));
  float *scales = guarded((size_t)queries * sizeof(float), sizeof(float));
  double *expected = malloc((size_t)queries * dv * sizeof(double));
  size_t sizes[5], bytes = kernels->strip_bytes(&plan);
  kernels->packed_bytes(&plan, keys, sizes);
  void *parts[5], *strip = guarded(bytes, 64);
  for (int i = 0; i < 5; i++) parts[i] = guarded(sizes[i] ? sizes[i] : 1, 64);
  attn_lowbit_packed_t packed = {parts[0], parts[1], parts[2], parts[3], parts[4]};
  attn_counts_t counts = {0};
  double scale = 1 / sqrt(d);
  float kernel_scale = (float)(scale * 1.4426950408889634);
  kernels->pack_keys(&plan, k, d, keys, NULL, 1, &packed);
  kernels->pack_values(&plan, v, dv, keys, &packed);
  kernels->query_scales(q, d, queries, d, kernel_scale, 1, scales);
  for (int32_t first = 0; first < queries; first += kernels->lanes) {
    int32_t count = queries - first < kernels->lanes ? queries - first : kernels->lanes, ids[32];
    for (int32_t l = 0; l < count; l++) ids[l] = first + l;
    attn_run_t run = {0, keys, 1, -1};
    uint32_t masks[1] = {0};
    kernels->load(strip, &plan, q, d, ids, count, kernel_scale,
                  qk == ATTN_LOWBIT_INT8 ? scales : NULL);
    kernels->attend(strip, &plan, &packed, v, dv, &run, 1, masks, &counts);
    kernels->store(strip, &plan, &packed, o, dv, ids, count, NULL);
  }
  reference_attention(q, k, v, expected, queries, keys, d, dv, scale, 0, NULL);
  // Eight bits of mantissa or code on operands up to 1.
  check(t->name, "low bit", distance(o, expected, (size_t)queries * dv), 4e-2);
  for (int i = 0; i < 5; i++) release(parts[i], sizes[i] ? sizes[i] : 1, 64);
  release(strip, bytes, 64);
  free(expected);
  release(scales, (size_t)queries * sizeof(float), sizeof(float));
  release(o, (size_t)queries * dv * sizeof(float), sizeof(float));
  release_matrix(q, queries, d);
  release_matrix(k, keys, d);
  release_matrix(v, keys, dv);
}

static double feature(float x) { return x > 0 ? (double)x + 1 : exp((double)x); }

static void scan(const attn_kernel_table_t *t, int32_t tokens, int32_t d, int32_t dv) {
  const attn_scan_kernels_t *kernels = t->scan;
  attn_scan_plan_t plan = {.map = ATTN_SCAN_ELU1, .input_dim = d, .feature_dim = d,
                           .value_dim = dv, .normalised = 1, .denominator_eps = 1e-6f,
                           .output_scale = 1, .decay = 1};
  float *q = random_matrix(tokens, d), *k = random_matrix(tokens, d), *v = random_matrix(tokens, dv);
  float *o = guarded((size_t)tokens * dv * sizeof(float), sizeof(float));
  double *expected = calloc((size_t)tokens * dv, sizeof(double));
  size_t state_bytes = attn_scan_state_floats(&plan) * sizeof(float);
  size_t scratch_bytes = kernels->scratch_bytes(&plan);
  float *state = guarded(state_bytes, 64);
  void *scratch = guarded(scratch_bytes, 64);
  attn_scan_counts_t counts = {0};
  attn_scan_rows_t rows = {.q = q, .k = k, .v = v, .o = o, .q_stride = d, .k_stride = d,
                           .v_stride = dv, .o_stride = dv, .key_maximum = -INFINITY};
  kernels->reset(&plan, state);
  kernels->scan(&plan, &rows, 0, tokens, state, scratch, &counts);
  for (int32_t i = 0; i < tokens; i++) {
    double sum = 1e-6;
    for (int32_t j = 0; j <= i; j++) {
      double w = 0;
      for (int32_t c = 0; c < d; c++) w += feature(q[i * d + c]) * feature(k[j * d + c]);
      sum += w;
      for (int32_t c = 0; c < dv; c++) expected[i * dv + c] += w * v[j * dv + c];
    }
    for (int32_t c = 0; c < dv; c++) expected[i * dv + c] /= sum;
  }
  check(t->name, "scan", distance(o, expected, (size_t)tokens * dv), 5e-6);
  release(state, state_bytes, 64);
  release(scratch, scratch_bytes, 64);
  free(expected);
  release(o, (size_t)tokens * dv * sizeof(float), sizeof(float));
  release_matrix(q, tokens, d);
  release_matrix(k, tokens, d);
  release_matrix(v, tokens, dv);
}

static void random_rounds(const attn_kernel_table_t *t, int rounds) {
  static const int32_t dims[] = {1, 8, 31, 64, 80};
  for (int round = 0; round < rounds; round++) {
    int32_t queries = 1 + random_below(90), keys = queries + random_below(120);
    int32_t d = dims[random_below(5)], dv = dims[random_below(5)];
    guard_in_front = round % 4 == 3;
    tiled(t, queries, keys, d, dv, round % 2, round % 3 == 0);
    scan(t, queries, d, dv);
    lowbit(t, queries, keys, d, dv, ATTN_LOWBIT_BF16, ATTN_LOWBIT_BF16);
    lowbit(t, queries, keys, d, dv, ATTN_LOWBIT_INT8,
           round % 3 == 0 ? ATTN_LOWBIT_F32 : round % 3 == 1 ? ATTN_LOWBIT_BF16 : ATTN_LOWBIT_INT8);
    decode(t, (attn_decode_format_t)(round % 3), 1 + random_below(4), 1 + random_below(8), keys + 5,
           d, dv);
    quantised(t, (attn_keys_t)(round % 3), (attn_weights_t)(round % 2), (attn_sum_t)(round / 3 % 3),
              queries, keys, d, dv);
    int32_t lengths[3], windows[3];
    for (int axis = 0; axis < 3; axis++) {
      lengths[axis] = axis == 0 && round % 2 ? 1 : 2 + random_below(axis == 2 ? 40 : 6);
      windows[axis] = 1 + random_below(lengths[axis] < 9 ? lengths[axis] : 9);
    }
    diagonal(t, lengths, windows, d, dv);
    window(t, 1 + random_below(64), 1 + random_below(round % 4 ? 80 : 256), d, dv, round % 2);
  }
}

/// Every kernel with every size of 1 to 130, past two vectors of every width: first as a number of
/// rows, then as a width.
static void every_size(const attn_kernel_table_t *t) {
  // Windows of several planes in rows of more blocks than take turns at once.
  const int32_t deep[3] = {6, 45, 20}, tall[3] = {5, 8, 9};
  diagonal(t, deep, tall, 64, 40);
  for (int32_t n = 1; n <= 130; n++) {
    const int32_t other = 1 + n % 19, causal = n % 2;
    guard_in_front = n % 5 == 4;
    tiled(t, n, n + other, 17, 9, causal, 0);
    tiled(t, other, n + other, 5, 12, causal, 1);
    tiled(t, 3, 21, n, other, 0, 0);
    tiled(t, 3, 21, other, n, 0, causal);
    lowbit(t, n, n, 18, 11, ATTN_LOWBIT_BF16, ATTN_LOWBIT_BF16);
    lowbit(t, other, 23, n, other, ATTN_LOWBIT_INT8, ATTN_LOWBIT_INT8);
    lowbit(t, other, 70, other, n, ATTN_LOWBIT_INT8, ATTN_LOWBIT_BF16);
    lowbit(t, other, n, other, n, ATTN_LOWBIT_INT8, ATTN_LOWBIT_F32);
    for (int format = 0; format < 3; format++) {
      decode(t, (attn_decode_format_t)format, 1, 1 + n % 3, n, 16, 7);
      decode(t, (attn_decode_format_t)format, 2, 2, 67, n, other);
      decode(t, (attn_decode_format_t)format, 2, 1, 67, other, n);
    }
    const int32_t line[3] = {1, 1, n}, span[3] = {1, 1, n < other ? n : other};
    const int32_t grid[3] = {2, 3, 5}, cube[3] = {2, 2, 3};
    diagonal(t, line, span, 8, 8);
    diagonal(t, grid, cube, n, other);
    diagonal(t, grid, cube, other, n);
    window(t, other, n, 12, 9, causal);
    window(t, 1 + n % 64, other, n, other, causal);
    scan(t, n, 6, 5);
    for (int map = ATTN_SCAN_IDENTITY; map <= ATTN_SCAN_STEP; map++) {
      scan_maps(t, (attn_scan_map_t)map, n, 5, 7, 3);
      scan_maps(t, (attn_scan_map_t)map, 9, n, other, 4);
      scan_maps(t, (attn_scan_map_t)map, 9, other, n, 4);
      scan_maps(t, (attn_scan_map_t)map, 9, 4, other, n);
    }
    selection(t, n, other);
    selection(t, other, n);
    score_row(t, n);
  }
}

int main(void) {
  int tables = 0;
  for (int isa = ATTN_ISA_SCALAR; isa <= ATTN_ISA_AVX512_BF16; isa++) {
    const attn_kernel_table_t *t = attn_kernel_table((attn_isa_t)isa);
    if (!t) continue;
    tables++;
    features_memory(t);
    convolve_memory(t);
    random_rounds(t, 40);
    every_size(t);
    for (int round = 0; round < 40; round++) {
      selection_bits(t, attn_kernel_table(ATTN_ISA_SCALAR));
    }
  }
  printf("kernels: %d tables, every size of 1 to 130, %d failures\n", tables, failures);
  return failures != 0;
}
