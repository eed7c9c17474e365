// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_LOCAL_H
#define ATTN_SCAN_LOCAL_H

#include "scan_features.h"

// The convolution of values that is added to outputs while they are in the nearest cache.

/// Rows that share what is read of values and weights.
enum { SCAN_CONVOLVED = 4 };

/// Adds it to SCAN_CONVOLVED rows of one vector, all taps of which are inside; `v` is the value of the
/// first tap of the first row.
SCAN_INLINE void scan_convolve_vector(float *o, ptrdiff_t o_stride, const float *v,
                                      ptrdiff_t v_stride, const float *weights, int32_t padded,
                                      vec bias, int taps) {
  vec w[5], x[SCAN_CONVOLVED + 4];
  SCAN_UNROLL_ALL
  for (int d = 0; d < taps; ++d) w[d] = vec_load(weights + d * padded);
  SCAN_UNROLL_ALL
  for (int i = 0; taps > 0 && i < SCAN_CONVOLVED + taps - 1; ++i) x[i] = vec_load(v + i * v_stride);
  SCAN_UNROLL_ALL
  for (int i = 0; i < SCAN_CONVOLVED; ++i) {
    vec sum = vec_add(vec_load(o + i * o_stride), bias);
    SCAN_UNROLL_ALL
    for (int d = 0; d < taps; ++d) sum = vec_fma(w[d], x[i + d], sum);
    vec_store(o + i * o_stride, sum);
  }
}

/// The same for one row of any width, some taps of which may be outside.
static inline void scan_convolve_row(const attn_scan_local_t *local, float *o, int32_t token,
                                     int32_t column, int32_t width, int32_t padded) {
  for (int32_t c = 0; c < width; c += SCAN_LANES) {
    int32_t left = width - c, at = column + c;
    vec sum = vec_load_first(o + c, left);
    if (local->bias) sum = vec_add(sum, vec_load_first(local->bias + at, left));
    for (int32_t d = 0; d < local->taps; ++d) {
      int32_t from = token + d - local->taps / 2;
      if (from < -local->before || from >= local->after) continue;
      sum = vec_fma(vec_load_first(local->weights + d * padded + at, left),
                    vec_load_first(local->values + from * local->stride + at, left), sum);
    }
    vec_store_first(o + c, left, sum);
  }
}

/// Adds the convolution to `rows` rows from `token` on and `width` channels from `column` on.
static void scan_convolve(const attn_scan_local_t *local, float *o, ptrdiff_t o_stride,
                          int32_t token, int32_t rows, int32_t column, int32_t width,
                          int32_t padded) {
  int32_t half = local->taps / 2, taps = local->taps, t = 0;
  int fast = width % SCAN_LANES == 0 && (taps == 0 || taps == 3 || taps == 5);
  for (; fast && t + SCAN_CONVOLVED <= rows; t += SCAN_CONVOLVED) {
    int32_t first = token + t;
    if (taps > 0 && (first - half < -local->before
                     || first + SCAN_CONVOLVED + half > local->after)) {
      for (int32_t i = t; i < t + SCAN_CONVOLVED; ++i) {
        scan_convolve_row(local, o + i * o_stride, token + i, column, width, padded);
      }
      continue;
    }
    const float *v = taps > 0 ? local->values + (first - half) * local->stride + column : NULL;
    const float *weights = taps > 0 ? local->weights + column : NULL;
    for (int32_t c = 0; c < width; c += SCAN_LANES) {
      vec bias = local->bias ? vec_load(local->bias + column + c) : vec_zero();
#define SCAN_CONVOLVE(taps)                                                                   \
  scan_convolve_vector(o + t * o_stride + c, o_stride, taps ? v + c : NULL, local->stride,    \
                       taps ? weights + c : NULL, padded, bias, taps)
      switch (taps) {
        case 0: SCAN_CONVOLVE(0); break;
        case 3: SCAN_CONVOLVE(3); break;
        default: SCAN_CONVOLVE(5); break;
      }
#undef SCAN_CONVOLVE
    }
  }
  for (; t < rows; ++t) {
    scan_convolve_row(local, o + t * o_stride, token + t, column, width, padded);
  }
}

#endif
