// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_VECTOR_SCALAR_H
#define DIAGONAL_VECTOR_SCALAR_H

#include <math.h>

#include "layout.h"

enum {
  DIAGONAL_LANES = 4,
  DIAGONAL_SHIFTS = 1,
  DIAGONAL_MOST_SHIFTS = 1,
  DIAGONAL_CHANNELS = 1
};

typedef struct {
  float lane[DIAGONAL_LANES];
} diagonal_vec;
typedef struct {
  int32_t lane[DIAGONAL_LANES];
} diagonal_index;

/// A vector whose lane i is `expression`.
#define DIAGONAL_EACH(expression)                                                 \
  diagonal_vec result;                                                            \
  for (int i = 0; i < DIAGONAL_LANES; ++i) result.lane[i] = (expression);         \
  return result

DIAGONAL_INLINE diagonal_vec diagonal_all(float x) { DIAGONAL_EACH(x); }
DIAGONAL_INLINE diagonal_vec diagonal_zero(void) { return diagonal_all(0); }
DIAGONAL_INLINE diagonal_vec diagonal_load(const float *p) { DIAGONAL_EACH(p[i]); }
DIAGONAL_INLINE void diagonal_store(float *p, diagonal_vec x) {
  for (int i = 0; i < DIAGONAL_LANES; ++i) p[i] = x.lane[i];
}
DIAGONAL_INLINE diagonal_vec diagonal_fma(diagonal_vec x, diagonal_vec y, diagonal_vec sum) {
  DIAGONAL_EACH(x.lane[i] * y.lane[i] + sum.lane[i]);
}
DIAGONAL_INLINE diagonal_vec diagonal_add(diagonal_vec x, diagonal_vec y) {
  DIAGONAL_EACH(x.lane[i] + y.lane[i]);
}
DIAGONAL_INLINE diagonal_vec diagonal_subtract(diagonal_vec x, diagonal_vec y) {
  DIAGONAL_EACH(x.lane[i] - y.lane[i]);
}
DIAGONAL_INLINE diagonal_vec diagonal_multiply(diagonal_vec x, diagonal_vec y) {
  DIAGONAL_EACH(x.lane[i] * y.lane[i]);
}
DIAGONAL_INLINE diagonal_vec diagonal_divide(diagonal_vec x, diagonal_vec y) {
  DIAGONAL_EACH(x.lane[i] / y.lane[i]);
}
DIAGONAL_INLINE diagonal_vec diagonal_larger(diagonal_vec x, diagonal_vec y) {
  DIAGONAL_EACH(x.lane[i] > y.lane[i] ? x.lane[i] : y.lane[i]);
}
DIAGONAL_INLINE diagonal_vec diagonal_exp2(diagonal_vec x) { DIAGONAL_EACH(exp2f(x.lane[i])); }
DIAGONAL_INLINE diagonal_index diagonal_load_index(const int32_t *p) {
  diagonal_index index;
  for (int i = 0; i < DIAGONAL_LANES; ++i) index.lane[i] = p[i];
  return index;
}
DIAGONAL_INLINE diagonal_vec diagonal_pick(diagonal_vec x, diagonal_index index) {
  DIAGONAL_EACH(x.lane[index.lane[i]]);
}

/// Transposes a square matrix.
DIAGONAL_INLINE void diagonal_transpose(diagonal_vec x[DIAGONAL_LANES]) {
  for (int i = 0; i < DIAGONAL_LANES; ++i) {
    for (int j = 0; j < i; ++j) {
      const float other = x[i].lane[j];
      x[i].lane[j] = x[j].lane[i];
      x[j].lane[i] = other;
    }
  }
}

/// The first `count` floats at `from`, then zeros.
DIAGONAL_INLINE diagonal_vec diagonal_load_first(const float *from, int32_t count) {
  DIAGONAL_EACH(i < count ? from[i] : 0);
}

DIAGONAL_INLINE void diagonal_store_first(float *to, diagonal_vec x, int32_t count) {
  for (int i = 0; i < count; ++i) to[i] = x.lane[i];
}

#undef DIAGONAL_EACH

#endif
