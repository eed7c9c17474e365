// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

/// A product with weights by distance: `weights` [column][distance], from `1 - blocks block` on.
typedef struct {
  const attn_convolve_kernels_t *kernels;
  attn_convolve_t plan;
  int32_t tokens, columns, causal, shared;
  const float *weights;
} product_t;

static int32_t block_of(const product_t *p) { return p->plan.part * ATTN_CONVOLVE_GROUPS; }
static int32_t padded_of(const product_t *p) { return block_of(p) * p->plan.blocks; }

static float weight_of(const product_t *p, int32_t column, int32_t distance) {
  if (abs(distance) >= p->tokens || (p->causal && distance < 0)) return 0;
  return p->weights[(p->shared ? 0 : column) * 2 * padded_of(p) + distance + padded_of(p)];
}

/// The spectrum of the weights of block `b`.
static void spectrum_of(const product_t *p, int32_t b, float *spectrum) {
  const int32_t block = block_of(p);
  const size_t bytes = attn_convolve_token_floats(p->plan.part) * sizeof(float);
  float *x = random_matrix(block, 16), *tokens = guarded(bytes, 64);
  for (int32_t i = 0; i < 16 * block; i++) {
    x[i] = weight_of(p, i % 16, b * block + i / 16) / (float)block;
  }
  const attn_convolve_t one = {p->plan.part, 1, p->plan.turns};
  const attn_convolve_rows_t rows = {x, 16, block, 16};
  const attn_convolve_filter_t nothing = {0};
  p->kernels->take(&one, &rows, NULL, 0, block, tokens);
  p->kernels->split(&one, tokens, NULL, spectrum);
  p->kernels->filter(&one, &nothing, spectrum);
  release(tokens, bytes, 64);
  release_matrix(x, block, 16);
}

/// Spectra of the filter: those of every block, and i times those of the block before it.
static void filter_of(const product_t *p, const attn_convolve_filter_t *filter, float *values) {
  const int32_t part = p->plan.part, lanes = p->shared ? 1 : 16;
  const size_t bytes = attn_convolve_spectrum_floats(part) * sizeof(float);
  float *before = guarded(bytes, 64), *here = guarded(bytes, 64);
  for (int32_t d = 0; d < filter->count; d++) {
    spectrum_of(p, filter->first + d - 1, before);
    spectrum_of(p, filter->first + d, here);
    for (int32_t row = 0; row < ATTN_CONVOLVE_GROUPS * part; row++) {
      const int32_t group = row / part, from = (row + group) * 32;
      float *to = values + ((group * filter->count + d) * part + row % part) * 2 * lanes;
      for (int32_t l = 0; l < lanes; l++) {
        to[l] = here[from + l] - before[from + 16 + l];
        to[lanes + l] = here[from + 16 + l] + before[from + l];
      }
    }
  }
  release(before, bytes, 64);
  release(here, bytes, 64);
}

/// gate (weights (gate x)) in double.
static void expect(const product_t *p, const float *x, const float *gate, double *expected) {
  for (int32_t t = 0; t < p->tokens; t++) {
    for (int32_t c = 0; c < p->columns; c++) {
      double sum = 0;
      for (int32_t u = 0; u < p->tokens; u++) {
        const int32_t at = u * p->columns + c;
        sum += (double)weight_of(p, c, t - u) * (double)x[at] * (double)gate[at];
      }
      expected[t * p->columns + c] = sum * (double)gate[t * p->columns + c];
    }
  }
}

static double product_error(const product_t *p, const attn_convolve_filter_t *filter) {
  const int32_t part = p->plan.part, blocks = p->plan.blocks, block = block_of(p);
  const size_t spectrum = attn_convolve_spectrum_floats(part);
  const size_t token = attn_convolve_token_floats(part);
  const size_t count = (size_t)p->tokens * (size_t)p->columns;
  float *spectra = guarded(blocks * spectrum * sizeof(float), 64);
  float *tokens = guarded(blocks * token * sizeof(float), 64);
  float *x = random_matrix(p->tokens, p->columns), *gate = random_matrix(p->tokens, p->columns);
  float *y = random_matrix(p->tokens, p->columns);
  double *expected = malloc(count * sizeof(double));
  const attn_convolve_rows_t in = {x, p->columns, p->tokens, p->columns};
  const attn_convolve_rows_t out = {y, p->columns, p->tokens, p->columns};
  expect(p, x, gate, expected);
  for (int32_t b = 0; b < blocks; b++) {
    p->kernels->take(&p->plan, &in, gate, b * block, (b + 1) * block, tokens);
    p->kernels->split(&p->plan, tokens + b * token, NULL, spectra + b * spectrum);
  }
  p->kernels->filter(&p->plan, filter, spectra);
  for (int32_t b = 0; b < blocks; b++) {
    p->kernels->join(&p->plan, spectra + b * spectrum, NULL, tokens + b * token);
    p->kernels->give(&p->plan, tokens, gate, NULL, b * block, (b + 1) * block, &out);
  }
  const double error = distance(y, expected, count);
  free(expected);
  release(spectra, blocks * spectrum * sizeof(float), 64);
  release(tokens, blocks * token * sizeof(float), 64);
  release_matrix(x, p->tokens, p->columns);
  release_matrix(gate, p->tokens, p->columns);
  release_matrix(y, p->tokens, p->columns);
  return error;
}

static void product(const attn_kernel_table_t *t, int32_t part, int32_t blocks, int32_t columns,
                    int32_t causal, int32_t shared) {
  const int32_t padded = part * ATTN_CONVOLVE_GROUPS * blocks;
  const size_t turn_bytes = attn_convolve_turn_floats(part) * sizeof(float);
  float *turns = guarded(turn_bytes, 64), *weights = random_matrix(16, 2 * padded);
  attn_convolve_turns(part, turns);
  const product_t p = {t->convolve, {part, blocks, turns}, padded - 11, columns, causal, shared,
                       weights};
  attn_convolve_filter_t filter = {NULL, shared, causal ? 0 : 1 - blocks,
                                   causal ? blocks : 2 * blocks - 1};
  const size_t bytes = (size_t)(padded / blocks * filter.count * (shared ? 2 : 32)) * sizeof(float);
  float *values = guarded(bytes, 64);
  filter_of(&p, &filter, values);
  filter.values = values;
  // Sums of as many products as there are tokens, in transforms of log2(n) roundings.
  check(t->name, "convolve", product_error(&p, &filter), 3e-8 * padded);
  release(values, bytes, 64);
  release(turns, turn_bytes, 64);
  release_matrix(weights, 16, 2 * padded);
}

void convolve_memory(const attn_kernel_table_t *t) {
  for (int32_t blocks = 1; blocks <= ATTN_CONVOLVE_BLOCKS; blocks++) {
    for (int32_t kind = 0; kind < 4; kind++) product(t, 1, blocks, 1 + 5 * kind, kind & 1, kind / 2);
  }
  for (int32_t part = 2; part <= 32; part *= 2) product(t, part, 1, 16, 1, 0);
}
