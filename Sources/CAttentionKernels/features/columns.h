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

#define FEATURE_LOW_8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define FEATURE_HIGH_8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define FEATURE_LOW_4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define FEATURE_HIGH_4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define FEATURE_LOW_2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define FEATURE_HIGH_2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define FEATURE_LOW_1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define FEATURE_HIGH_1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31

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

#endif
