// SPDX-License-Identifier: MIT
#ifndef ATTN_COLUMNS_H
#define ATTN_COLUMNS_H

#include "row_ops.h"

// Rows taken apart into columns that transforms run along, and put together again.

#define FEATURE_PAIRS(distance, low, high)                  \
  for (int i = 0; i < FEATURE_LANES; ++i) {                       \
    if (i & distance) continue;                                   \
    vec16 a = r[i], b = r[i + distance];                          \
    r[i] = __builtin_shufflevector(a, b, low);                    \
    r[i + distance] = __builtin_shufflevector(a, b, high);        \
  }

/// Transposes 16 vectors: halves, quarters, pairs and single lanes change places.
FEATURE_INLINE void f_transpose(vec16 r[FEATURE_LANES]) {
  _Pragma("clang loop unroll(full)") FEATURE_PAIRS(8, FEATURE_LOW_8, FEATURE_HIGH_8)
  _Pragma("clang loop unroll(full)") FEATURE_PAIRS(4, FEATURE_LOW_4, FEATURE_HIGH_4)
  _Pragma("clang loop unroll(full)") FEATURE_PAIRS(2, FEATURE_LOW_2, FEATURE_HIGH_2)
  _Pragma("clang loop unroll(full)") FEATURE_PAIRS(1, FEATURE_LOW_1, FEATURE_HIGH_1)
}

/// out[c][t] = x[t][c], or x[t][c] gate[t][c], for at most 16 columns.
static void f_gather(const float *x, const float *gate, ptrdiff_t stride, int32_t rows,
                     int32_t columns, float *out, ptrdiff_t out_stride) {
  for (int32_t t = 0; t < rows; t += FEATURE_LANES) {
    int32_t left = rows - t;
    vec16 r[FEATURE_LANES];
    for (int i = 0; i < FEATURE_LANES; ++i) {
      r[i] = f_set1(0.0f);
      if (i >= left) continue;
      r[i] = f_load_first(x + (t + i) * stride, columns);
      if (gate) r[i] *= f_load_first(gate + (t + i) * stride, columns);
    }
    f_transpose(r);
    for (int c = 0; c < FEATURE_LANES; ++c) {
      if (c < columns) f_store_first(out + c * out_stride + t, left, r[c]);
    }
  }
}

/// out[t][c] = y[c][t], times gate[t][c] or divided by sums[t] where given, for at most 16 columns.
static void f_scatter(const float *y, ptrdiff_t y_stride, const float *gate, const float *sums,
                      ptrdiff_t stride, int32_t rows, int32_t columns, float *out) {
  for (int32_t t = 0; t < rows; t += FEATURE_LANES) {
    int32_t left = rows - t;
    vec16 r[FEATURE_LANES];
    for (int c = 0; c < FEATURE_LANES; ++c) {
      r[c] = f_set1(0.0f);
      if (c >= columns) continue;
      r[c] = f_load_first(y + c * y_stride + t, left);
      if (sums) r[c] /= f_load_first(sums + t, left);
    }
    f_transpose(r);
    for (int i = 0; i < FEATURE_LANES; ++i) {
      if (i >= left) continue;
      if (gate) r[i] *= f_load_first(gate + (t + i) * stride, columns);
      f_store_first(out + (t + i) * stride, columns, r[i]);
    }
  }
}

/// z[i] *= g[i] for `count` complex numbers.
static void f_multiply(float *z, const float *g, int64_t count) {
  const vec16 sign = {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1};
  for (int64_t i = 0; i < 2 * count; i += FEATURE_LANES) {
    int32_t left = 2 * count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(2 * count - i);
    vec16 a = f_load_first(z + i, left), b = f_load_first(g + i, left);
    vec16 real = __builtin_shufflevector(b, b, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14);
    vec16 other = __builtin_shufflevector(b, b, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15);
    f_store_first(z + i, left, a * real + f_swap(a) * (other * sign));
  }
}

/// Eight numbers, each twice.
FEATURE_INLINE vec16 f_twice(const float *x, int32_t left) {
  vec8 a;
  if (__builtin_expect(left >= 8, 1)) {
    a = *(const vec8_any *)x;
  } else {
    a = f_load_first(x, left).lo;
  }
  return __builtin_shufflevector(a, a, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
}

/// out[t] = w[t] z[t], or out[t] += w[t] z[t], for complex z and real w.
static void f_weigh(const float *w, const float *z, int64_t count, float *out, int32_t adds) {
  for (int64_t t = 0; t < count; t += 8) {
    int32_t left = count - t > 8 ? 8 : (int32_t)(count - t);
    vec16 y = f_twice(w + t, left) * f_load_first(z + 2 * t, 2 * left);
    if (adds) y += f_load_first(out + 2 * t, 2 * left);
    f_store_first(out + 2 * t, 2 * left, y);
  }
}

#endif
