// SPDX-License-Identifier: MIT
#ifndef ATTN_FLOW_ROWS_H
#define ATTN_FLOW_ROWS_H

#include "statistics.h"

// Flows without causality, whose rows are needed again when all of them have been seen.

/// Sigmoids of sixteen rows of whole vectors, added to `sums`; `streams` if they are not read again
/// soon.
FEATURE_INLINE void f_flow_sigmoids(const float *x, ptrdiff_t stride, float *mapped,
                                    ptrdiff_t mapped_stride, vec16 *sums, int streams) {
  for (int32_t t = 0; t < FEATURE_LANES; ++t) {
    const float *from = x + t * stride;
    vec16 y[FEATURE_COLUMNS];
    FEATURE_UNROLL
    for (int j = 0; j < FEATURE_COLUMNS; ++j) {
      __builtin_prefetch(from + FEATURE_LANES * stride + j * FEATURE_LANES);
      y[j] = f_load(from + j * FEATURE_LANES);
    }
    f_sigmoid_each(y, FEATURE_COLUMNS);
    FEATURE_UNROLL
    for (int j = 0; j < FEATURE_COLUMNS; ++j) {
      float *to = mapped + t * mapped_stride + j * FEATURE_LANES;
      sums[j] += y[j];
      if (streams) {
        f_stream(to, y[j]);
      } else {
        f_store(to, y[j]);
      }
    }
  }
}

/// Rows of `FEATURE_COLUMNS` whole vectors, sixteen at a time; returns how many have been done.
FEATURE_INLINE int32_t f_flow_sixteens(const float *x, ptrdiff_t stride, int32_t rows, float eps,
                                       float *mapped, ptrdiff_t mapped_stride, float *sums,
                                       const float *other, float *factor, float *conserved) {
  enum { columns = FEATURE_COLUMNS, width = FEATURE_COLUMNS * FEATURE_LANES };
  // Rows to be weighed stay in the nearest cache until they are.
  _Alignas(64) float near[FEATURE_LANES * width];
  vec16 sum[FEATURE_COLUMNS], kept[FEATURE_COLUMNS];
  f_guarded_t flow = {0};
  if (other) flow = f_guarded(other, eps);
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    sum[j] = f_load(sums + j * FEATURE_LANES);
    kept[j] = other ? f_load(conserved + j * FEATURE_LANES) : f_set1(0.0f);
  }
  int32_t t = 0;
  for (; t + FEATURE_LANES <= rows; t += FEATURE_LANES) {
    float *to = mapped + t * mapped_stride;
    if (other) {
      f_flow_sigmoids(x + t * stride, stride, near, width, sum, 0);
      f_balance_part(near, width, &flow, NULL, factor + t, NULL, kept, to, mapped_stride);
    } else {
      f_flow_sigmoids(x + t * stride, stride, to, mapped_stride, sum, 1);
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    f_store(sums + j * FEATURE_LANES, sum[j]);
    if (other) f_store(conserved + j * FEATURE_LANES, kept[j]);
  }
  f_fence();
  return t;
}

static void f_flow_rows(const attn_flow_t *flow, const float *x, ptrdiff_t stride, int32_t rows,
                        float *mapped, ptrdiff_t mapped_stride, float *sums, const float *other,
                        float *factor, float *conserved) {
  const int32_t width = flow->width;
  int32_t done = 0;
  if (width == FEATURE_COLUMNS * FEATURE_LANES) {
    done = other ? f_flow_sixteens(x, stride, rows, flow->eps, mapped, mapped_stride, sums, other,
                                   factor, conserved)
                 : f_flow_sixteens(x, stride, rows, flow->eps, mapped, mapped_stride, sums, NULL,
                                   NULL, NULL);
  }
  for (int32_t t = done; t < rows; ++t) {
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      vec16 y = f_sigmoid(f_load_first(x + t * stride + c, width - c));
      f_store(mapped + t * mapped_stride + c, f_first(y, width - c, f_set1(0.0f)));
    }
  }
  const float *rest = mapped + done * mapped_stride;
  f_column_sum(rest, mapped_stride, rows - done, width, NULL, sums);
  if (other) {
    f_balance_rows(rest, mapped_stride, rows - done, width, other, flow->eps, factor + done,
                   conserved, NULL, NULL);
  }
}

#endif
