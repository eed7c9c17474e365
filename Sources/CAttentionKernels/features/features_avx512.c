// SPDX-License-Identifier: MIT

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

/// Rows of a projection at a time, and vectors of its channels.
enum { FEATURE_TILE = 8, FEATURE_TILE_VECTORS = 2 };

#include <immintrin.h>

/// 2^x to 4.2e-7 relative; 2^-126 below, 2^127 above.
///
/// x = i / 16 + f with |f| <= 1/32: 2^(i mod 16 / 16) by a permute, 2^f by a quadratic (minimax with
/// constant term 1), the rest of i added to the exponent: three slots on the multiply pipes, not six.
static inline __attribute__((always_inline)) __m512 exp2_by_table(__m512 x) {
  const __m512 magic = _mm512_set1_ps(0x1.8p+19f);
  const __m512 table = _mm512_setr_ps(
      0x1.000000p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f,
      0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f,
      0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f,
      0x1.ea4afap+0f);
  // The second operand is what a NaN comes through.
  x = _mm512_min_ps(_mm512_set1_ps(127.0f), _mm512_max_ps(_mm512_set1_ps(-126.0f), x));
  __m512 shifted = _mm512_add_ps(x, magic);
  __m512 f = _mm512_sub_ps(x, _mm512_sub_ps(shifted, magic));
  __m512i i = _mm512_castps_si512(shifted);
  __m512 power = _mm512_permutexvar_ps(i, table);
  __m512 slope = _mm512_fmadd_ps(f, _mm512_set1_ps(0.2402265f), _mm512_set1_ps(0.6931879f));
  __m512 y = _mm512_fmadd_ps(_mm512_mul_ps(f, power), slope, power);
  __m512i exponent = _mm512_slli_epi32(_mm512_srli_epi32(i, 4), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(y), exponent));
}

/// 1 / x to 1e-7 relative for finite x: an estimate of 14 bits and one step of Newton's, which take a
/// quarter of a division's time.
static inline __attribute__((always_inline)) __m512 reciprocal_by_newton(__m512 x) {
  __m512 y = _mm512_rcp14_ps(x);
  return _mm512_fmadd_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(1.0f)), y);
}

#define FEATURE_EXP2(x) ((vec16)exp2_by_table((__m512)(x)))
#define FEATURE_RECIPROCAL(x) ((vec16)reciprocal_by_newton((__m512)(x)))

#include "surround.h"

const attn_features_kernels_t attn_features_avx512 = FEATURE_TABLE;

#pragma clang attribute pop
