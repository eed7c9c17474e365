// SPDX-License-Identifier: MIT
// The coarse exponential of the AVX-512 tables.
#ifndef ATTN_LOWBIT_EXP_AVX512_H
#define ATTN_LOWBIT_EXP_AVX512_H

#include "vector.h"

/// Bits of c 2^(i/16), less the i << 19 that the index bits add when the index is shifted to the
/// exponent. 2^f = c (f + 23/16) for |f| <= 1/32 with a relative error below 1.6e-04.
static const _Alignas(64) uint32_t exp_table[16] = {
    0x3f321d5d, 0x3f320021, 0x3f323c47, 0x3f32d5c2, 0x3f33d0b5, 0x3f353171, 0x3f36fc77,
    0x3f39367b, 0x3f3be469, 0x3f3b85b0, 0x3f395860, 0x3f376d0e, 0x3f35c6a9, 0x3f34683c,
    0x3f3354f7, 0x3f32902f};

/// Splits x into a multiple of 1/16, looked up, and the rest: one operation of the multiply-add
/// pipes where a cubic takes three; the look-up and additions run beside the products of a tile.
INLINE vf vf_exp2_coarse(vf x) {
  const vf magic = vf_set1(0x1.8p19f);  // one unit in its last place is 1/16
  x = vf_max(x, vf_set1(-126.0f));
  const vf shifted = x + magic;
  const vf sum = x - (shifted - (magic + 23.0f / 16));  // f + 23/16
  const __m512i index = (__m512i)shifted;
  const vi bits = (vi)_mm512_permutexvar_epi32(index, _mm512_load_si512(exp_table));
  return (vf)(bits + ((vi)index << 19)) * sum;
}

#endif
