// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

static double largest(const float *x, int32_t count) {
  double top = -INFINITY;
  for (int32_t i = 0; i < count; i++) top = x[i] > top ? x[i] : top;
  return top;
}

static int32_t bits(float x) {
  int32_t code;
  memcpy(&code, &x, sizeof code);
  return code;
}

/// Zero if every float has the bits of the one computed here.
static double same(const float *x, const float *y, int32_t count) {
  for (int32_t i = 0; i < count; i++)
    if (bits(x[i]) != bits(y[i])) return INFINITY;
  return 0;
}

void score_row(const attn_kernel_table_t *t, int32_t count) {
  float *scores = random_matrix(count, 1);
  double *expected = malloc((size_t)count * sizeof(double)), sum = 0;
  const double top = largest(scores, count);
  for (int32_t i = 0; i < count; i++) sum += expected[i] = exp2(scores[i] - top);
  const double found = t->rows->exponentiate(scores, count);
  // A relative error of 2^-22 of each, and as many roundings as there are lanes' terms.
  check(t->name, "rows", distance(scores, expected, (size_t)count), 3e-7);
  check(t->name, "sum of a row", fabs(found / sum - 1), 2e-6);
  free(expected);
  release_matrix(scores, count, 1);
}

/// The fixed order that every table follows.
static float ordered_dot(const float *x, const float *y, int32_t width) {
  float part[16] = {0};
  for (int32_t e = 0; e < width; e++) part[e % 16] = fmaf(x[e], y[e], part[e % 16]);
  for (int apart = 8; apart > 0; apart /= 2)
    for (int i = 0; i < apart; i++) part[i] += part[i + apart];
  return part[0];
}

static void dots_and_means(const attn_kernel_table_t *t, const float *rows, int32_t count,
                           int32_t width) {
  float *x = random_matrix(1, width), *scores = random_matrix(count, 1);
  float *mean = random_matrix(1, width), *weights = random_matrix(count, 1);
  float *low = random_matrix(1, width), *high = random_matrix(1, width);
  float *expected = malloc(((size_t)count + (size_t)width) * sizeof(float));
  t->select->dot_rows(x, rows, width, count, width, scores);
  for (int32_t i = 0; i < count; i++) expected[i] = ordered_dot(x, rows + (size_t)i * width, width);
  check(t->name, "dot products", same(scores, expected, count), 0);
  t->select->pool_mean(rows, width, count, width, mean);
  for (int32_t c = 0; c < width; c++) {
    expected[c] = 0;
    for (int32_t i = 0; i < count; i++) expected[c] += rows[(size_t)i * width + c];
    expected[c] *= 1.0f / (float)count;
  }
  check(t->name, "means", same(mean, expected, width), 0);
  t->select->weigh_rows(weights, rows, width, count, width, mean);
  for (int32_t c = 0; c < width; c++) {
    expected[c] = 0;
    for (int32_t i = 0; i < count; i++)
      expected[c] = fmaf(weights[i], rows[(size_t)i * width + c], expected[c]);
  }
  check(t->name, "weighted rows", same(mean, expected, width), 0);
  t->select->pool_extrema(rows, width, count, width, high, low);
  for (int32_t c = 0; c < width; c++) {
    float top = -INFINITY, least = INFINITY;
    for (int32_t i = 0; i < count; i++) {
      const float e = rows[(size_t)i * width + c];
      top = e > top ? e : top;
      least = e < least ? e : least;
    }
    check(t->name, "extrema", fabs((double)high[c] - top) + fabs((double)low[c] - least), 0);
  }
  free(expected);
  release_matrix(x, 1, width);
  release_matrix(scores, count, 1);
  release_matrix(mean, 1, width);
  release_matrix(weights, count, 1);
  release_matrix(low, 1, width);
  release_matrix(high, 1, width);
}

static void estimate(const attn_kernel_table_t *t, int32_t keys, int32_t width) {
  if (keys > 32) keys = 32;
  width = (width + 1) / 2 * 2;
  uint8_t *query = guarded((size_t)width, 1);
  int8_t *packed = guarded((size_t)width * 32, 64);
  int32_t *sums = guarded(32 * sizeof(int32_t), 64);
  float *scales = guarded(32 * sizeof(float), 64), *offsets = guarded(32 * sizeof(float), 64);
  memset(packed, 0, (size_t)width * 32);
  for (int32_t e = 0; e < width; e++) query[e] = (uint8_t)(1 + random_below(15));
  double best = -INFINITY;
  for (int32_t j = 0; j < 32; j++) {
    int32_t dot = 0;
    for (int32_t e = 0; e < width; e++) {
      const int8_t code = (int8_t)(random_below(15) - 7);
      packed[(e / 2 * 32 + j) * 2 + e % 2] = code;
      dot += code * query[e];
    }
    sums[j] = random_below(100);
    scales[j] = 0.5f;
    offsets[j] = 0.25f;
    const double score = (double)(dot - sums[j]) * 0.125 * 0.5 + 0.25;
    if (j < keys) best = score > best ? score : best;
  }
  // All values are small multiples of 1/16: exact, so that the threshold may lie close.
  for (int side = 0; side < 2; side++) {
    const int32_t exceeds = t->select->estimate_exceeds(
        query, packed, width, keys, sums, scales, offsets, 0.125f,
        (float)best + (side ? 0.03125f : -0.03125f));
    check(t->name, "estimate", (exceeds != 0) != (side == 0), 0);
  }
  release(query, (size_t)width, 1);
  release(packed, (size_t)width * 32, 64);
  release(sums, 32 * sizeof(int32_t), 64);
  release(scales, 32 * sizeof(float), 64);
  release(offsets, 32 * sizeof(float), 64);
}

void selection(const attn_kernel_table_t *t, int32_t count, int32_t width) {
  float *rows = random_matrix(count, width), *o = random_matrix(1, width);
  float *part = random_matrix(1, width), *scores = random_matrix(count, 1);
  double *expected = malloc(((size_t)count + (size_t)width) * sizeof(double));
  dots_and_means(t, rows, count, width);
  estimate(t, count, width);
  const double top = largest(scores, count);
  for (int32_t i = 0; i < count; i++) expected[i] = exp(0.5 * (scores[i] - top));
  t->select->soften(scores, count, 0.5f);
  check(t->name, "soften", distance(scores, expected, (size_t)count), 5e-7);
  float lse = 0.5f;
  const double mine = 1 / (1 + exp(-1.25));
  for (int32_t c = 0; c < width; c++) expected[c] = mine * o[c] + (1 - mine) * part[c];
  t->select->merge_row(o, &lse, part, -0.75f, width);
  check(t->name, "merge", distance(o, expected, (size_t)width), 1e-6);
  check(t->name, "merged log-sum-exp", fabs(lse - (0.5 + log(1 + exp(-1.25)))), 1e-6);
  free(expected);
  release_matrix(rows, count, width);
  release_matrix(o, 1, width);
  release_matrix(part, 1, width);
  release_matrix(scores, count, 1);
}
