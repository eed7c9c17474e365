// SPDX-License-Identifier: MIT
#ifndef ATTN_CONVOLVE_BUTTERFLIES_H
#define ATTN_CONVOLVE_BUTTERFLIES_H

#include <stdint.h>
#include <string.h>

#include "attn_convolve.h"

// Transforms of 2, 4 and 8 complex rows in registers. CONVOLVE_LANES channels at a time.

// Everything is inlined: no call passes such a vector, whatever the ABI of the target says.
#pragma clang diagnostic ignored "-Wpsabi"

#define CONVOLVE_INLINE static inline __attribute__((always_inline))
#define CONVOLVE_UNROLL _Pragma("clang loop unroll(full)")
#define CONVOLVE_ROLL _Pragma("clang loop unroll(disable)")

enum { ROW = 2 * ATTN_CONVOLVE_LANES, IMAGINARY = ATTN_CONVOLVE_LANES };

typedef float lanes __attribute__((ext_vector_type(CONVOLVE_LANES)));
typedef float lanes_any __attribute__((ext_vector_type(CONVOLVE_LANES), aligned(4)));

typedef struct { lanes re, im; } complex_lanes;

CONVOLVE_INLINE complex_lanes c_load(const float *p) {
  return (complex_lanes){*(const lanes *)p, *(const lanes *)(p + IMAGINARY)};
}
CONVOLVE_INLINE void c_store(float *p, complex_lanes x) {
  *(lanes *)p = x.re;
  *(lanes *)(p + IMAGINARY) = x.im;
}
CONVOLVE_INLINE complex_lanes c_add(complex_lanes a, complex_lanes b) {
  return (complex_lanes){a.re + b.re, a.im + b.im};
}
CONVOLVE_INLINE complex_lanes c_sub(complex_lanes a, complex_lanes b) {
  return (complex_lanes){a.re - b.re, a.im - b.im};
}
/// a + i b and a - i b.
CONVOLVE_INLINE complex_lanes c_add_i(complex_lanes a, complex_lanes b) {
  return (complex_lanes){a.re - b.im, a.im + b.re};
}
CONVOLVE_INLINE complex_lanes c_sub_i(complex_lanes a, complex_lanes b) {
  return (complex_lanes){a.re + b.im, a.im - b.re};
}
/// x times the turn at `t`, and times its conjugate.
CONVOLVE_INLINE complex_lanes c_turn(complex_lanes x, const float *t) {
  return (complex_lanes){x.re * t[0] - x.im * t[1], x.im * t[0] + x.re * t[1]};
}
CONVOLVE_INLINE complex_lanes c_turn_back(complex_lanes x, const float *t) {
  return (complex_lanes){x.re * t[0] + x.im * t[1], x.im * t[0] - x.re * t[1]};
}
/// Inverse transforms are those of rows with real and imaginary parts exchanged.
CONVOLVE_INLINE complex_lanes c_swap(complex_lanes x) { return (complex_lanes){x.im, x.re}; }

CONVOLVE_INLINE void c_four(complex_lanes x[4]) {
  complex_lanes a = c_add(x[0], x[2]), b = c_sub(x[0], x[2]);
  complex_lanes c = c_add(x[1], x[3]), d = c_sub(x[1], x[3]);
  x[0] = c_add(a, c);
  x[1] = c_sub_i(b, d);
  x[2] = c_sub(a, c);
  x[3] = c_add_i(b, d);
}

CONVOLVE_INLINE void c_eight(complex_lanes x[8]) {
  const float half = 0.70710678118654752f;
  complex_lanes even[4], odd[4];
  CONVOLVE_UNROLL for (int j = 0; j < 4; j++) {
    even[j] = c_add(x[j], x[j + 4]);
    odd[j] = c_sub(x[j], x[j + 4]);
  }
  complex_lanes a = odd[1], b = odd[3];
  odd[1] = (complex_lanes){(a.re + a.im) * half, (a.im - a.re) * half};
  odd[2] = (complex_lanes){odd[2].im, -odd[2].re};
  odd[3] = (complex_lanes){(b.im - b.re) * half, (b.re + b.im) * -half};
  c_four(even);
  c_four(odd);
  CONVOLVE_UNROLL for (int f = 0; f < 4; f++) {
    x[2 * f] = even[f];
    x[2 * f + 1] = odd[f];
  }
}

/// A transform of `radix` rows.
CONVOLVE_INLINE void c_transform(int radix, complex_lanes *x) {
  if (radix == 8) {
    c_eight(x);
  } else if (radix == 4) {
    c_four(x);
  } else {
    complex_lanes a = x[0];
    x[0] = c_add(a, x[1]);
    x[1] = c_sub(a, x[1]);
  }
}

CONVOLVE_INLINE void c_inverse(int radix, complex_lanes *x) {
  CONVOLVE_UNROLL for (int j = 0; j < radix; j++) x[j] = c_swap(x[j]);
  c_transform(radix, x);
  CONVOLVE_UNROLL for (int j = 0; j < radix; j++) x[j] = c_swap(x[j]);
}

#endif
