// SPDX-License-Identifier: MIT
#ifndef ATTN_MAPPED_ROWS_H
#define ATTN_MAPPED_ROWS_H

#include "statistics.h"

// Rows that are mapped once, ahead of everything, for statistics and products alike.

/// Rows of `FEATURE_COLUMNS` whole vectors, sixteen at a time; returns how many have been done.
FEATURE_INLINE int32_t f_map_sixteens(attn_row_kind_t kind, const float *x, ptrdiff_t stride,
                                      int32_t rows, float *mapped, ptrdiff_t mapped_stride,
                                      float *sums, const attn_balance_t *balance) {
  enum { columns = FEATURE_COLUMNS, width = FEATURE_COLUMNS * FEATURE_LANES };
  // Rows to be weighed stay in the nearest cache until the factors of the next sixteen are on their way.
  _Alignas(64) float near[2][FEATURE_LANES * width];
  vec16 sum[FEATURE_COLUMNS];
  f_guarded_t other = {0};
  if (balance) other = f_guarded(balance->other, balance->eps);
  FEATURE_UNROLL for (int j = 0; j < columns; ++j) sum[j] = f_load(sums + j * FEATURE_LANES);
  int32_t t = 0;
  for (int parity = 0; t + FEATURE_LANES <= rows; t += FEATURE_LANES, parity ^= 1) {
    vec16 products[FEATURE_LANES];
    for (int32_t i = 0; i < FEATURE_LANES; ++i) {
      const float *from = x + (t + i) * stride;
      vec16 y[FEATURE_COLUMNS], product = f_set1(0.0f);
      FEATURE_UNROLL for (int j = 0; j < columns; ++j) {
        __builtin_prefetch(from + FEATURE_LANES * stride + j * FEATURE_LANES);
        y[j] = f_load(from + j * FEATURE_LANES);
      }
      f_map_held(y, f_set1(0.0f), kind);
      FEATURE_UNROLL for (int j = 0; j < columns; ++j) {
        sum[j] += y[j];
        f_stream(mapped + (t + i) * mapped_stride + j * FEATURE_LANES, y[j]);
        if (!balance) continue;
        f_store(near[parity] + i * width + j * FEATURE_LANES, y[j]);
        product += y[j] * other.raised[j];
      }
      products[i] = product;
    }
    if (!balance) continue;
    f_store(balance->factor + t, f_reciprocal(f_sum_each(products) + other.rest));
    if (t > 0) {
      f_weighed_sums(near[parity ^ 1], width, balance->factor + t - FEATURE_LANES,
                     balance->conserved);
    }
  }
  if (balance && t > 0) {
    f_weighed_sums(near[t / FEATURE_LANES % 2 ^ 1], width, balance->factor + t - FEATURE_LANES,
                   balance->conserved);
  }
  FEATURE_UNROLL for (int j = 0; j < columns; ++j) f_store(sums + j * FEATURE_LANES, sum[j]);
  f_fence();
  return t;
}

/// The rows that are left, of any width.
FEATURE_INLINE void f_map_rest(const attn_row_op_t *map, const float *x, ptrdiff_t stride,
                               int32_t rows, float *mapped, ptrdiff_t mapped_stride) {
  const int32_t width = map->width;
  for (int32_t t = 0; t < rows; ++t) {
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      vec16 y = f_load_first(x + t * stride + c, width - c);
      if (map->kind == ATTN_ROW_SIGMOID) {
        y = f_sigmoid(y);
      } else {
        f_elu1_each(&y, 1);
      }
      f_store(mapped + t * mapped_stride + c, f_first(y, width - c, f_set1(0.0f)));
    }
  }
}

static void f_map_rows(const attn_row_op_t *map, const float *x, ptrdiff_t stride, int32_t rows,
                       float *mapped, ptrdiff_t mapped_stride, float *sums,
                       const attn_balance_t *balance) {
  int32_t done = 0;
#define FEATURE_SIXTEENS(kind, balance) \
  f_map_sixteens(kind, x, stride, rows, mapped, mapped_stride, sums, balance)
  if (map->width == FEATURE_COLUMNS * FEATURE_LANES) {
    if (map->kind != ATTN_ROW_SIGMOID) {
      done = balance ? FEATURE_SIXTEENS(ATTN_ROW_ELU1, balance) : FEATURE_SIXTEENS(ATTN_ROW_ELU1, NULL);
    } else {
      done = balance ? FEATURE_SIXTEENS(ATTN_ROW_SIGMOID, balance)
                     : FEATURE_SIXTEENS(ATTN_ROW_SIGMOID, NULL);
    }
  }
#undef FEATURE_SIXTEENS
  float *rest = mapped + done * mapped_stride;
  f_map_rest(map, x + done * stride, stride, rows - done, rest, mapped_stride);
  f_column_sum(rest, mapped_stride, rows - done, map->width, NULL, sums);
  if (balance) {
    f_balance_rows(rest, mapped_stride, rows - done, map->width, balance->other, balance->eps,
                   balance->factor + done, balance->conserved, NULL, NULL);
  }
}

#endif
