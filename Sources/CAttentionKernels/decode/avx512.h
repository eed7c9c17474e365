// SPDX-License-Identifier: MIT
// Sixteen lanes: what 512-bit vectors do beyond plain C.
#ifndef DECODE_AVX512_H
#define DECODE_AVX512_H

#define LANES 16
#define PANEL 4
// Vectors of a wide panel of natural rows, and rows that have it at once.
#define WIDE_PANEL 8
#define WIDE_ROWS 2
// Vectors of keys whose scores are summed at once.
#define BFLOAT16_SCORE_VECTORS 2
#define INT8_SCORE_VECTORS 4
#define MOST_SCORE_VECTORS 4
#ifndef BFLOAT16_DOTS
#define BFLOAT16_DOTS 0
#endif
#include "vector.h"

INLINE vf all_f(float x) { return (vf)_mm512_set1_ps(x); }
INLINE vi all_i(int32_t x) { return (vi)_mm512_set1_epi32(x); }
INLINE vf multiply_add(vf a, vf b, vf c) {
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
INLINE vf maximum(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE int any_lane(vi mask) { return _mm512_movepi32_mask((__m512i)mask) != 0; }

/// The first `count` floats, zeros after them.
INLINE vf load_part(const float *at, int32_t count) {
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), at);
}

#endif
