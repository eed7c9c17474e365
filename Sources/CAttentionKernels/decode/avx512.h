// SPDX-License-Identifier: MIT
// Sixteen lanes: what 512-bit vectors do beyond plain C.
#ifndef DECODE_AVX512_H
#define DECODE_AVX512_H

#define LANES 16
#define PANEL 4
// Vectors of keys whose scores are summed at once.
#define FLOAT_SCORE_VECTORS 2
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

/// c 2^((i + 1/2) / 16), c the leading coefficient of the quadratic in `page_power`.
static const _Alignas(64) uint32_t powers_of_2[16] = {
    0x3e7b5f00, 0x3e834008, 0x3e890fa2, 0x3e8f2118, 0x3e957755, 0x3e9c1565, 0x3ea2fe76, 0x3eaa35d9,
    0x3eb1bf07, 0x3eb99d9e, 0x3ec1d567, 0x3eca6a55, 0x3ed36086, 0x3edcbc4a, 0x3ee68220, 0x3ef0b6ba};

/// 2^x for x <= 126, relative error below 6.2e-7; 0 at -inf.
///
/// x is cut down to a multiple of 1/16; the table and a quadratic of the rest, taken about the
/// middle of its range, give the fraction's power, and scaling takes the whole part of x itself.
INLINE vf page_power(vf x) {
  const __m512 lower = _mm512_add_round_ps((__m512)x, _mm512_set1_ps(0x1.8p19f),
                                           _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  const __m512 rest = _mm512_reduce_ps((__m512)x, 0x41);
  const __m512 power = _mm512_castsi512_ps(_mm512_permutexvar_epi32(
      _mm512_castps_si512(lower), _mm512_load_si512(powers_of_2)));
  const __m512 g = _mm512_add_ps(rest, _mm512_set1_ps(0x1.695cc8p+0f));
  const __m512 square = _mm512_fmadd_ps(g, g, _mm512_set1_ps(0x1.0a624cp+1f));
  return (vf)_mm512_scalef_ps(_mm512_mul_ps(power, square), (__m512)x);
}
#define PAGE_POWER 1

#endif
