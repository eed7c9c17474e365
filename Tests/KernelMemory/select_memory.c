// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

/// Bytes that differ from those of the scalar table.
static double differing(const void *x, const void *y, size_t bytes) {
  double count = 0;
  for (size_t i = 0; i < bytes; i++) count += ((const char *)x)[i] != ((const char *)y)[i];
  return count;
}

static float *copy(const float *x, int32_t count) {
  float *y = guarded((size_t)count * sizeof(float), sizeof(float));
  memcpy(y, x, (size_t)count * sizeof(float));
  return y;
}

static void products(const attn_kernel_table_t *t, const attn_select_kernels_t *s, int32_t queries,
                     int32_t keys, int32_t d) {
  const int32_t scores = queries * keys;
  float *x = random_matrix(queries, d), *k = random_matrix(keys, d);
  float *a = random_matrix(1, scores), *b = random_matrix(1, scores);
  t->select->dot_block(x, d, queries, k, d, keys, d, a, keys);
  s->dot_block(x, d, queries, k, d, keys, d, b, keys);
  check(t->name, "dot_block", differing(a, b, (size_t)scores * sizeof(float)), 0);
  for (int32_t i = 0; i < queries; i++) s->dot_rows(x + i * d, k, d, keys, d, a + i * keys);
  check(t->name, "dot_block as dot_rows", differing(a, b, (size_t)scores * sizeof(float)), 0);

  const int32_t size = 1 + random_below(keys < 5 ? keys : 5), blocks = keys / size;
  int32_t *first = guarded((size_t)blocks * sizeof(int32_t), sizeof(int32_t));
  for (int32_t i = 0; i < blocks; i++) first[i] = random_below(blocks) * size;
  float *best = random_matrix(1, blocks), *other = copy(best, blocks);
  t->select->raise_products(x, d, queries, k, d, first, blocks, size, d, best);
  s->raise_products(x, d, queries, k, d, first, blocks, size, d, other);
  check(t->name, "raise_products", differing(best, other, (size_t)blocks * sizeof(float)), 0);

  release(first, (size_t)blocks * sizeof(int32_t), sizeof(int32_t));
  release_matrix(best, 1, blocks);
  release_matrix(other, 1, blocks);
  release_matrix(a, 1, scores);
  release_matrix(b, 1, scores);
  release_matrix(x, queries, d);
  release_matrix(k, keys, d);
}

/// Many products are equal, and some rows have fewer keys than others.
static void winners(const attn_kernel_table_t *t, int32_t queries, int32_t keys, int32_t d) {
  if (t->select->best_rows == NULL) return;
  const int32_t wanted = 1 + random_below(keys < ATTN_BEST_MOST ? keys : ATTN_BEST_MOST);
  float *x = random_matrix(queries, d), *k = random_matrix(keys, d);
  for (int32_t i = 0; i + 3 < keys; i += 3) memcpy(k + (i + 3) * d, k + i * d, sizeof(float) * (size_t)d);
  float *products = random_matrix(1, keys), *best = random_matrix(queries, wanted);
  const size_t memory = (size_t)(keys + 3) / 4 * 4 * 16 * sizeof(float);
  const size_t bytes = (size_t)(queries * wanted) * sizeof(int32_t);
  float *scores = guarded(memory, 64);
  int32_t *ids = guarded(bytes, sizeof(int32_t));
  int32_t *expected = guarded((size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  int32_t *counts = guarded((size_t)queries * sizeof(int32_t), sizeof(int32_t));
  int32_t least = keys;
  for (int32_t i = 0; i < queries; i++) {
    counts[i] = keys - random_below(i % 3 ? 1 : keys - wanted + 1);
    least = counts[i] < least ? counts[i] : least;
  }
  const attn_best_t of = {x,      k,   d,    d,      counts, queries, d,
                          wanted, scores, ids, best, wanted};
  const int32_t found = t->select->best_rows(&of);
  check(t->name, "best_rows refuses", !found && (least + 3) / 4 >= wanted, 0);
  for (int32_t i = 0; found && i < queries; i++) {
    t->select->dot_rows(x + i * d, k, d, counts[i], d, products);
    t->select->top(products, counts[i], wanted, expected);
    check(t->name, "best_rows",
          differing(ids + i * wanted, expected, (size_t)wanted * sizeof(int32_t)), 0);
    for (int32_t r = 0; r < wanted; r++) {
      const float *at = products + expected[r];
      check(t->name, "best products", differing(best + i * wanted + r, at, sizeof(float)), 0);
    }
  }
  release(scores, memory, 64);
  release(ids, bytes, sizeof(int32_t));
  release(expected, (size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  release(counts, (size_t)queries * sizeof(int32_t), sizeof(int32_t));
  release_matrix(x, queries, d);
  release_matrix(k, keys, d);
  release_matrix(products, 1, keys);
  release_matrix(best, queries, wanted);
}

static void added(const attn_kernel_table_t *t, const attn_select_kernels_t *s, int32_t count,
                  int32_t d) {
  const size_t bytes = (size_t)count * sizeof(int32_t);
  float *part = random_matrix(count, d), *weights = random_matrix(1, count);
  float *a = random_matrix(count, d), *b = copy(a, count * d);
  int32_t *ids = guarded(bytes, sizeof(int32_t));
  for (int32_t i = 0; i < count; i++) ids[i] = count - 1 - i;
  t->select->add_rows(a, ids, part, weights, count, d);
  s->add_rows(b, ids, part, weights, count, d);
  check(t->name, "add_rows", differing(a, b, (size_t)(count * d) * sizeof(float)), 0);
  release(ids, bytes, sizeof(int32_t));
  release_matrix(part, count, d);
  release_matrix(weights, 1, count);
  release_matrix(a, count, d);
  release_matrix(b, 1, count * d);
}

static void ranks(const attn_kernel_table_t *t, const attn_select_kernels_t *s, int32_t count) {
  float *x = random_matrix(1, count), *y = copy(x, count);
  const int32_t size = 1 + random_below(9), blocks = (count + size - 1) / size;
  float *best = random_matrix(1, blocks), *same = copy(best, blocks);
  t->select->raise_blocks(x, count, size, 0.3f, best);
  s->raise_blocks(x, count, size, 0.3f, same);
  check(t->name, "raise_blocks", differing(best, same, (size_t)blocks * sizeof(float)), 0);
  const int32_t wanted = random_below(count + 1);
  // Many ties, some of them between 0 and -0.
  for (int32_t i = 0; i < count; i += 2) x[i] = y[i] = (float)(random_below(5) - 2) * -0.0f;
  int32_t *ids = guarded((size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  int32_t *other = guarded((size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  t->select->top(x, count, wanted, ids);
  // The definition: how many are better decides.
  int32_t kept = 0;
  for (int32_t i = 0; i < count; i++) {
    int32_t better = 0;
    for (int32_t j = 0; j < count; j++) better += x[j] > x[i] || (x[j] == x[i] && j < i);
    if (better < wanted) other[kept++] = i;
  }
  check(t->name, "top", differing(ids, other, (size_t)wanted * sizeof(int32_t)), 0);

  const float sum = t->select->soften(x, count, 3.0f), plain = s->soften(y, count, 3.0f);
  check(t->name, "soften", differing(x, y, (size_t)count * sizeof(float)), 0);
  check(t->name, "sum of soften", differing(&sum, &plain, sizeof sum), 0);

  release(ids, (size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  release(other, (size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  release_matrix(best, 1, blocks);
  release_matrix(same, 1, blocks);
  release_matrix(x, 1, count);
  release_matrix(y, 1, count);
}

/// The best of so many scores that a sample narrows the search, with runs of equal ones.
static void many_ranks(const attn_kernel_table_t *t, const attn_select_kernels_t *s,
                       int32_t count) {
  float *x = random_matrix(1, count);
  for (int32_t i = 0; i < count; i += 3) x[i] = x[0];
  x[1] = NAN;
  const int32_t wanted = 1 + random_below(count);
  int32_t *ids = guarded((size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  int32_t *other = guarded((size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  t->select->top(x, count, wanted, ids);
  s->top(x, count, wanted, other);
  check(t->name, "top of many", differing(ids, other, (size_t)wanted * sizeof(int32_t)), 0);
  release(ids, (size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  release(other, (size_t)wanted * sizeof(int32_t), sizeof(int32_t));
  release_matrix(x, 1, count);
}

/// Attention of a few queries to scattered keys against its definition.
static void few(const attn_kernel_table_t *t, int32_t queries, int32_t keys, int32_t d,
                int32_t dv) {
  if (!t->select->attend_few) return;
  const int32_t rows = 2 * keys + 1;
  float *q = random_matrix(queries, d), *k = random_matrix(rows, d), *v = random_matrix(rows, dv);
  float *o = random_matrix(queries, dv);
  int32_t *ids = guarded((size_t)keys * sizeof(int32_t), sizeof(int32_t));
  int32_t *places = guarded((size_t)queries * sizeof(int32_t), sizeof(int32_t));
  for (int32_t i = 0; i < keys; i++) ids[i] = random_below(rows);
  for (int32_t i = 0; i < queries; i++) places[i] = queries - 1 - i;
  // Large scores, so that maxima rise on the way.
  const attn_few_t problem = {q, k, v, o, d, d, dv, dv, places, ids, queries, keys, d, dv, 4.0f};
  attn_counts_t counts = {0};
  t->select->attend_few(&problem, &counts);
  double worst = 0;
  for (int32_t i = 0; i < queries; i++) {
    double sum = 0, most = -INFINITY, weights[512];
    for (int32_t j = 0; j < keys; j++) {
      weights[j] = 0;
      for (int32_t e = 0; e < d; e++) weights[j] += 4.0 * q[i * d + e] * k[ids[j] * d + e];
      most = fmax(most, weights[j]);
    }
    for (int32_t j = 0; j < keys; j++) sum += weights[j] = exp2(weights[j] - most);
    for (int32_t c = 0; c < dv; c++) {
      double e = 0;
      for (int32_t j = 0; j < keys; j++) e += weights[j] * v[ids[j] * dv + c];
      worst = fmax(worst, fabs(o[i * dv + c] - e / sum));
    }
  }
  // Scores up to about 60 in float32 carry 4e-6 into the exponent.
  check(t->name, "attend_few", worst, 2e-5);
  check(t->name, "pairs of attend_few", counts.pairs != (uint64_t)queries * (uint64_t)keys, 0);
  release(ids, (size_t)keys * sizeof(int32_t), sizeof(int32_t));
  release(places, (size_t)queries * sizeof(int32_t), sizeof(int32_t));
  release_matrix(q, queries, d);
  release_matrix(k, rows, d);
  release_matrix(v, rows, dv);
  release_matrix(o, queries, dv);
}

/// Weights of the `seen` first keys for one query, in double, and their sum over 2^top.
static double block_weights(const float *q, const float *k, int32_t seen, int32_t d, double scale,
                            double *weights, double *top) {
  double sum = 0;
  *top = -INFINITY;
  for (int32_t j = 0; j < seen; j++) {
    weights[j] = 0;
    for (int32_t e = 0; e < d; e++) weights[j] += scale * q[e] * k[j * d + e];
    *top = fmax(*top, weights[j]);
  }
  for (int32_t j = 0; j < seen; j++) sum += weights[j] = exp2(weights[j] - *top);
  return sum;
}

/// Attention of rows to one block against its definition: added with a weight, or first of all
/// beside the scores of past blocks.
static void one_block(const attn_kernel_table_t *t, int32_t count, int32_t keys, int32_t d,
                      int32_t dv, int is_first) {
  if (!t->select->attend_block) return;
  const int32_t most = 1 + random_below(ATTN_BLOCK_PAST);
  const size_t columns = (size_t)((keys + 15) / 16 * 16 * d) * sizeof(float);
  const size_t bytes = (size_t)count * sizeof(int32_t);
  const float scale = 3.0f;
  float *q = random_matrix(count, d), *k = random_matrix(keys, d), *v = random_matrix(keys, dv);
  float *o = random_matrix(count, dv), *before = copy(o, count * dv);
  float *weights = random_matrix(1, count), *past = random_matrix(count, most);
  float *scores = copy(past, count * most), *memory = guarded(columns, 64);
  int32_t *rows = guarded(bytes, sizeof(int32_t)), *visible = guarded(bytes, sizeof(int32_t));
  int32_t *counts = guarded(bytes, sizeof(int32_t));
  for (int32_t i = 0; i < count; i++) {
    rows[i] = count - 1 - i;
    visible[i] = 1 + random_below(keys);
    counts[i] = random_below(most + 1);
  }
  const attn_block_t block = {
      q,    k,    v,      o,     d, d,    dv, dv, rows,  is_first ? visible : NULL,
      is_first ? NULL : weights, past, most, counts, count, 0, keys, d, dv, scale, memory, k, v};
  t->select->attend_block(&block);
  double worst = 0, worst_share = 0, of[ATTN_BLOCK_KEYS], top;
  for (int32_t i = 0; i < count; i++) {
    const int32_t row = rows[i], seen = is_first ? visible[i] : keys;
    const double sum = block_weights(q + row * d, k, seen, d, scale, of, &top);
    double all = sum, factor = weights[i] / sum;
    for (int32_t j = 0; is_first && j < counts[i]; j++)
      all += exp2((double)scale * scores[i * most + j] - top);
    if (is_first) factor = 1 / all;
    for (int32_t j = 0; j < most; j++) {
      const double share = is_first && j < counts[i]
                               ? exp2((double)scale * scores[i * most + j] - top) / all
                               : scores[i * most + j];
      worst_share = fmax(worst_share, fabs(past[i * most + j] - share));
    }
    for (int32_t c = 0; c < dv; c++) {
      double e = is_first ? 0 : before[row * dv + c];
      for (int32_t j = 0; j < seen; j++) e += factor * of[j] * v[j * dv + c];
      worst = fmax(worst, fabs(o[row * dv + c] - e));
    }
  }
  // Scores up to about 60 in float32 carry 4e-6 into the exponent.
  check(t->name, "attend_block", worst, 2e-5);
  check(t->name, "past weights of attend_block", worst_share, 2e-5);
  release(memory, columns, 64);
  release(rows, bytes, sizeof(int32_t));
  release(visible, bytes, sizeof(int32_t));
  release(counts, bytes, sizeof(int32_t));
  release_matrix(q, count, d);
  release_matrix(k, keys, d);
  release_matrix(v, keys, dv);
  release_matrix(o, count, dv);
  release_matrix(before, 1, count * dv);
  release_matrix(weights, 1, count);
  release_matrix(past, count, most);
  release_matrix(scores, 1, count * most);
}

static void block_sums(const attn_kernel_table_t *t, const attn_select_kernels_t *s, int32_t rows,
                       int32_t count) {
  const int32_t blocks = 1 + random_below(20);
  float *weights = random_matrix(rows, count), *a = random_matrix(blocks, 16);
  float *b = copy(a, 16 * blocks);
  int32_t *ids = guarded((size_t)count * sizeof(int32_t), sizeof(int32_t));
  for (int32_t i = 0; i < count; i++) ids[i] = random_below(blocks);
  t->select->add_to_blocks(weights, count, rows, count, ids, a);
  s->add_to_blocks(weights, count, rows, count, ids, b);
  check(t->name, "add_to_blocks", differing(a, b, (size_t)blocks * 16 * sizeof(float)), 0);
  release(ids, (size_t)count * sizeof(int32_t), sizeof(int32_t));
  release_matrix(weights, rows, count);
  release_matrix(a, blocks, 16);
  release_matrix(b, 1, 16 * blocks);
}

static void sums(const attn_kernel_table_t *t, const attn_select_kernels_t *s, int32_t rows,
                 int32_t d) {
  float *weights = random_matrix(1, rows), *x = random_matrix(rows, d);
  float *a = random_matrix(1, d), *b = random_matrix(1, d);
  t->select->weigh_rows(weights, x, d, rows, d, a);
  s->weigh_rows(weights, x, d, rows, d, b);
  check(t->name, "weigh_rows", differing(a, b, (size_t)d * sizeof(float)), 0);

  const int32_t steps = 1 + random_below(3), per_block = 1 + random_below(5);
  const int32_t blocks = rows / per_block + 1;
  float *importance = random_matrix(1, blocks), *other = copy(importance, blocks);
  t->select->spread(weights, rows, 0.7f, steps, per_block, importance, blocks);
  for (int32_t i = 0; i < rows; i++) {
    const float weight = weights[i] * 0.7f;
    for (int32_t step = i; step < i + steps; step++) {
      if (step / per_block < blocks) other[step / per_block] += weight;
    }
  }
  check(t->name, "spread", differing(importance, other, (size_t)blocks * sizeof(float)), 0);
  release_matrix(importance, 1, blocks);
  release_matrix(other, 1, blocks);
  release_matrix(a, 1, d);
  release_matrix(b, 1, d);
  release_matrix(weights, 1, rows);
  release_matrix(x, rows, d);
}

/// Two strips are merged into the same rows, then divided by their sums.
static void merges(const attn_kernel_table_t *t, int32_t count, int32_t d) {
  const size_t bytes = (size_t)count * sizeof(float);
  float *parts[2] = {random_matrix(count, d), random_matrix(count, d)};
  float *lses[2] = {random_matrix(1, count), random_matrix(1, count)};
  float *o = random_matrix(count, d), *tops = random_matrix(1, count);
  float *weights = random_matrix(1, count);
  int32_t *ids = guarded(bytes, sizeof(int32_t));
  for (int32_t i = 0; i < count; i++) {
    ids[i] = count - 1 - i;
    tops[i] = -INFINITY;
    weights[i] = 0;
    if (i % 5 == 1) lses[i % 2][i] = -INFINITY;
    lses[1][i] *= 4;
  }
  memset(o, 0, bytes * (size_t)d);
  for (int part = 0; part < 2; part++)
    t->select->merge_rows(o, tops, weights, ids, parts[part], lses[part], count, d);
  double worst = 0;
  for (int32_t i = 0; i < count; i++) {
    const double a = exp(lses[0][i]), b = exp(lses[1][i]);
    for (int32_t c = 0; c < d; c++) {
      const double e = (a * parts[0][i * d + c] + b * parts[1][i * d + c]) / (a + b);
      worst = fmax(worst, fabs(o[ids[i] * d + c] / weights[ids[i]] - e));
    }
  }
  // Two exponentials and three operations in float32.
  check(t->name, "merge_rows", worst, 2e-6);
  for (int part = 0; part < 2; part++) {
    release_matrix(parts[part], count, d);
    release_matrix(lses[part], 1, count);
  }
  release_matrix(o, count, d);
  release_matrix(tops, 1, count);
  release_matrix(weights, 1, count);
  release(ids, bytes, sizeof(int32_t));
}

static void estimates(const attn_kernel_table_t *t, const attn_select_kernels_t *s,
                      int32_t queries, int32_t keys, int32_t width) {
  uint8_t *codes = guarded((size_t)(queries * width), 1);
  int8_t *packed = guarded((size_t)width * 32, 1);
  for (int32_t i = 0; i < queries * width; i++) codes[i] = (uint8_t)(1 + random_below(15));
  for (int32_t i = 0; i < width * 32; i++) packed[i] = (int8_t)(random_below(15) - 7);
  int32_t *offsets = guarded((size_t)keys * sizeof(int32_t), sizeof(int32_t));
  for (int32_t i = 0; i < keys; i++) offsets[i] = random_below(200);
  float *scales = random_matrix(1, keys), *terms = random_matrix(1, keys);
  float *factors = random_matrix(1, queries), *least = random_matrix(1, queries);
  for (int32_t i = 0; i < queries; i++) least[i] = 20.0f * (float)random_below(60);
  const int32_t found = t->select->estimates_exceed(codes, width, queries, packed, width, keys,
                                                    offsets, scales, terms, factors, least);
  int32_t expected = 0;
  for (int32_t i = 0; i < queries; i++) {
    expected |= s->estimate_exceeds(codes + i * width, packed, width, keys, offsets, scales, terms,
                                    factors[i], least[i]);
  }
  check(t->name, "estimates_exceed", found != expected, 0);
  release(codes, (size_t)(queries * width), 1);
  release(packed, (size_t)width * 32, 1);
  release(offsets, (size_t)keys * sizeof(int32_t), sizeof(int32_t));
  release_matrix(scales, 1, keys);
  release_matrix(terms, 1, keys);
  release_matrix(factors, 1, queries);
  release_matrix(least, 1, queries);
}

void selection_bits(const attn_kernel_table_t *t, const attn_kernel_table_t *scalar) {
  const attn_select_kernels_t *s = scalar->select;
  const int32_t d = 1 + random_below(100);
  products(t, s, 1 + random_below(20), 1 + random_below(150), d);
  winners(t, 1 + random_below(16), 1 + random_below(200), d);
  added(t, s, 1 + random_below(40), d);
  ranks(t, s, 1 + random_below(90));
  block_sums(t, s, 1 + random_below(16), 1 + random_below(100));
  many_ranks(t, s, 4000 + random_below(3000));
  few(t, 1 + random_below(8), 1 + random_below(300), 2 * (1 + random_below(60)),
      32 * (1 + random_below(4)));
  for (int is_first = 0; is_first < 2; is_first++) {
    one_block(t, 1 + random_below(30), 1 + random_below(ATTN_BLOCK_KEYS),
              16 * (1 + random_below(8)), 32 * (1 + random_below(4)), is_first);
  }
  sums(t, s, 1 + random_below(80), d);
  merges(t, 1 + random_below(40), d);
  estimates(t, s, 1 + random_below(9), 1 + random_below(32), 2 * (1 + random_below(40)));
}
