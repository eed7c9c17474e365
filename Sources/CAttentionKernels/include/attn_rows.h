// SPDX-License-Identifier: MIT
#ifndef ATTN_ROWS_H
#define ATTN_ROWS_H

#include <stdint.h>

/// Float32 kernels on single rows of scores.
typedef struct {
  /// Replaces each of `count >= 1` scores (log2 units) by `2^(s - max)`, max the largest of them, and
  /// returns the sum of the results. Relative error of a result below 2^-22; more than 126 below the
  /// maximum it is 2^-126. Lanes are summed apart and joined in a fixed order.
  float (*exponentiate)(float *scores, int64_t count);
} attn_rows_kernels_t;

extern const attn_rows_kernels_t attn_rows_scalar;
extern const attn_rows_kernels_t attn_rows_avx2;
extern const attn_rows_kernels_t attn_rows_avx512;

#endif
