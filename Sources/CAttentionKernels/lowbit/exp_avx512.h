// SPDX-License-Identifier: MIT
// The coarse exponential of the AVX-512 tables.
#ifndef ATTN_LOWBIT_EXP_AVX512_H
#define ATTN_LOWBIT_EXP_AVX512_H

#include "vector.h"

/// 2^f = value + slope f for |f| <= 1/32 with the least relative error, times 2^(i/16).
///
/// Bits of the products, less the i << 19 that the index bits add when the index is shifted to the
/// exponent.
typedef struct {
  _Alignas(64) uint32_t value[16];
  _Alignas(64) uint32_t slope[16];
} exp_table_t;

static const exp_table_t exp_table = {
    {0x3f8003d8, 0x3f7daec7, 0x3f7b99f3, 0x3f79c834, 0x3f783c82, 0x3f76f9f8, 0x3f7603d3,
     0x3f755d73, 0x3f750a63, 0x3f750e51, 0x3f756d17, 0x3f762abd, 0x3f774b73, 0x3f78d39f,
     0x3f7ac7d3, 0x3f7d2cd9},
    {0x3f317051, 0x3f314b6c, 0x3f317f92, 0x3f3210b2, 0x3f3302ec, 0x3f345a8b, 0x3f361c0d,
     0x3f384c22, 0x3f3aefb0, 0x3f3b05e9, 0x3f38d2f0, 0x3f36e1b6, 0x3f353525, 0x3f33d047,
     0x3f32b648, 0x3f31ea7a}};

/// Splits x into a multiple of 1/16, looked up, and the rest: one operation of the multiply-add
/// pipes where a cubic takes three; look-ups and additions run beside the products of a tile.
INLINE vf vf_exp2_coarse(vf x) {
  const vf magic = vf_set1(0x1.8p19f);  // one unit in its last place is 1/16
  x = vf_max(x, vf_set1(-126.0f));
  const vf shifted = x + magic;
  const vf f = x - (shifted - magic);
  const __m512i index = (__m512i)shifted;
  const vi exponent = (vi)index << 19;
  const vi value = (vi)_mm512_permutexvar_epi32(index, _mm512_load_si512(exp_table.value));
  const vi slope = (vi)_mm512_permutexvar_epi32(index, _mm512_load_si512(exp_table.slope));
  return vf_fma((vf)(slope + exponent), f, (vf)(value + exponent));
}

#endif
