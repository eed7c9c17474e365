// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

/// First key of the window of position `at`: centred, moved inwards at the borders.
static int32_t window_start(int32_t at, int32_t window, int32_t length) {
  const int32_t start = at - window / 2;
  if (start < 0) return 0;
  return start > length - window ? length - window : start;
}

/// Attention of the query at grid position `at` in double.
static void reference_window(const float *q, const float *k, const float *v, const int32_t at[3],
                             const int32_t lengths[3], const int32_t windows[3], int32_t d,
                             int32_t dv, double *o) {
  int32_t start[3];
  for (int axis = 0; axis < 3; axis++)
    start[axis] = window_start(at[axis], windows[axis], lengths[axis]);
  double sum = 0;
  for (int32_t c = 0; c < dv; c++) o[c] = 0;
  for (int32_t i = 0; i < windows[0] * windows[1] * windows[2]; i++) {
    const int32_t z = start[0] + i / windows[2] / windows[1];
    const int32_t y = start[1] + i / windows[2] % windows[1], x = start[2] + i % windows[2];
    const size_t key = ((size_t)z * lengths[1] + y) * lengths[2] + x;
    double s = 0;
    for (int32_t c = 0; c < d; c++) s += (double)q[c] * k[key * d + c];
    const double w = exp(s / sqrt(d));
    sum += w;
    for (int32_t c = 0; c < dv; c++) o[c] += w * v[key * dv + c];
  }
  for (int32_t c = 0; c < dv; c++) o[c] /= sum;
}

void diagonal(const attn_kernel_table_t *t, const int32_t lengths[3], const int32_t windows[3],
              int32_t d, int32_t dv) {
  enum { HEADS = 2 };
  const attn_diagonal_plan_t plan = {{lengths[0], lengths[1], lengths[2]},
                                     {windows[0], windows[1], windows[2]},
                                     d, dv, (float)(1.4426950408889634 / sqrt(d))};
  const int32_t tokens = lengths[0] * lengths[1] * lengths[2], rows = HEADS * tokens;
  const size_t output_bytes = (size_t)rows * dv * sizeof(float);
  const size_t scratch_bytes = t->diagonal->scratch_bytes(&plan);
  float *q = random_matrix(rows, d), *k = random_matrix(tokens, d), *v = random_matrix(tokens, dv);
  float *o = guarded(output_bytes, sizeof(float));
  void *scratch = guarded(scratch_bytes, 64);
  const attn_diagonal_heads_t heads = {q,     k, v, o, (ptrdiff_t)tokens * d, (ptrdiff_t)tokens * dv,
                                       HEADS};
  const int32_t outer = lengths[0] > 1 ? lengths[0] : lengths[1], middle = outer / 2;
  attn_counts_t counts = {0};
  if (middle > 0) t->diagonal->attend(&plan, &heads, 0, middle, scratch, &counts);
  t->diagonal->attend(&plan, &heads, middle, outer, scratch, &counts);

  double *expected = malloc((size_t)rows * dv * sizeof(double));
  for (int32_t row = 0; row < rows; row++) {
    const int32_t token = row % tokens;
    const int32_t at[3] = {token / lengths[2] / lengths[1], token / lengths[2] % lengths[1],
                           token % lengths[2]};
    reference_window(q + (size_t)row * d, k, v, at, lengths, windows, d, dv,
                     expected + (size_t)row * dv);
  }
  // As for the tiled kernels.
  check(t->name, "diagonal", distance(o, expected, (size_t)rows * dv), 5e-6);
  free(expected);
  release(scratch, scratch_bytes, 64);
  release(o, output_bytes, sizeof(float));
  release_matrix(q, rows, d);
  release_matrix(k, tokens, d);
  release_matrix(v, tokens, dv);
}
