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

/// log(1 + y) for y in 0 ... 1, to 1e-7 absolute: 1 + y = (1 + r) c with c at the middle of one of 16
/// parts, the logarithm of c by a permute and that of 1 + r, |r| <= 1/32, by five terms.
static inline __attribute__((always_inline)) __m512 log1p_by_table(__m512 y) {
  const __m512 inverse = _mm512_setr_ps(
      0x1.f07c20p-1f, 0x1.d41d42p-1f, 0x1.bacf92p-1f, 0x1.a41a42p-1f,
      0x1.8f9c18p-1f, 0x1.7d05f4p-1f, 0x1.6c16c2p-1f, 0x1.5c9882p-1f,
      0x1.4e5e0ap-1f, 0x1.414142p-1f, 0x1.3521d0p-1f, 0x1.29e412p-1f,
      0x1.1f7048p-1f, 0x1.15b1e6p-1f, 0x1.0c9714p-1f, 0x1.041042p-1f);
  const __m512 logarithm = _mm512_setr_ps(
      0x1.f82990p-6f, 0x1.6f0d28p-4f, 0x1.29552cp-3f, 0x1.9525a8p-3f,
      0x1.fb918cp-3f, 0x1.2e8e2cp-2f, 0x1.5d1bdap-2f, 0x1.89a33ap-2f,
      0x1.b44f7ap-2f, 0x1.dd469ep-2f, 0x1.02552ap-1f, 0x1.154c3ep-1f,
      0x1.2795e0p-1f, 0x1.393e0ep-1f, 0x1.4a4f88p-1f, 0x1.5ad402p-1f);
  const __m512 one = _mm512_set1_ps(1.0f);
  // The part 1 + y = 2 takes is the last one, as its bits wrap around to the first.
  __m512 x = _mm512_min_ps(_mm512_set1_ps(0x1.fffffep+0f), _mm512_add_ps(one, y));
  __m512i part = _mm512_srli_epi32(_mm512_castps_si512(x), 19);
  __m512 scale = _mm512_permutexvar_ps(part, inverse);
  // (1 + y) scale - 1 without the rounding of 1 + y.
  __m512 r = _mm512_fmadd_ps(y, scale, _mm512_sub_ps(scale, one));
  __m512 s = _mm512_fmadd_ps(r, _mm512_set1_ps(0.2f), _mm512_set1_ps(-0.25f));
  s = _mm512_fmadd_ps(r, s, _mm512_set1_ps(1.0f / 3));
  s = _mm512_fmadd_ps(r, s, _mm512_set1_ps(-0.5f));
  s = _mm512_fmadd_ps(r, s, one);
  return _mm512_fmadd_ps(r, s, _mm512_permutexvar_ps(part, logarithm));
}

/// Pairs of lanes turned by the angles of which `table` has cosine and sine.
static inline __attribute__((always_inline)) __m512 turn_pairs(__m512 x, __m512 table) {
  __m512 across = _mm512_mul_ps(_mm512_permute_ps(x, 0xb1), _mm512_movehdup_ps(table));
  return _mm512_fmaddsub_ps(x, _mm512_moveldup_ps(table), across);
}

#define FEATURE_EXP2(x) ((vec16)exp2_by_table((__m512)(x)))
#define FEATURE_RECIPROCAL(x) ((vec16)reciprocal_by_newton((__m512)(x)))

#define FEATURE_LOG1P_UNIT(y) ((vec16)log1p_by_table((__m512)(y)))
#define FEATURE_TURN(x, table) ((vec16)turn_pairs((__m512)(x), (__m512)(table)))

#include "surround.h"

const attn_features_kernels_t attn_features_avx512 = FEATURE_TABLE;

#pragma clang attribute pop
