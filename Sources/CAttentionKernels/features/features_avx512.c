// SPDX-License-Identifier: MIT

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

/// Rows of a projection at a time, and vectors of its channels.
enum { FEATURE_TILE = 8, FEATURE_TILE_VECTORS = 2 };

#include <immintrin.h>

/// 2^(i / 16).
static inline __attribute__((always_inline)) __m512 exp2_table(void) {
  return _mm512_setr_ps(
      0x1.000000p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f,
      0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f,
      0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f,
      0x1.ea4afap+0f);
}

/// 2^x to 4.2e-7 relative; 2^-126 below, 2^127 above.
///
/// x = i / 16 + f with |f| <= 1/32: 2^(i mod 16 / 16) by a permute, 2^f by a quadratic (minimax with
/// constant term 1), the rest of i added to the exponent: three slots on the multiply pipes, not six.
static inline __attribute__((always_inline)) __m512 exp2_by_table(__m512 x) {
  const __m512 magic = _mm512_set1_ps(0x1.8p+19f);
  const __m512 table = exp2_table();
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

/// Inverses of the middles of 32 parts of 1 ... 2, and their logarithms to base 2.
typedef struct {
  __m512 inverse[2], logarithm[2];
} log2_table_t;

static inline __attribute__((always_inline)) log2_table_t log2_table(void) {
  return (log2_table_t){{
      _mm512_setr_ps(
      0x1.f81f82p-1f, 0x1.e9131ap-1f, 0x1.dae608p-1f, 0x1.cd8568p-1f,
      0x1.c0e070p-1f, 0x1.b4e81cp-1f, 0x1.a98ef6p-1f, 0x1.9ec8eap-1f,
      0x1.948b10p-1f, 0x1.8acb90p-1f, 0x1.818182p-1f, 0x1.78a4c8p-1f,
      0x1.702e06p-1f, 0x1.681682p-1f, 0x1.605816p-1f, 0x1.58ed24p-1f),
      _mm512_setr_ps(
      0x1.51d07ep-1f, 0x1.4afd6ap-1f, 0x1.446f86p-1f, 0x1.3e22ccp-1f,
      0x1.381382p-1f, 0x1.323e34p-1f, 0x1.2c9fb4p-1f, 0x1.27350cp-1f,
      0x1.21fb78p-1f, 0x1.1cf06ap-1f, 0x1.181182p-1f, 0x1.135c82p-1f,
      0x1.0ecf56p-1f, 0x1.0a6810p-1f, 0x1.0624dep-1f, 0x1.020408p-1f)}, {
      _mm512_setr_ps(
      0x1.6e7966p-6f, 0x1.0eb392p-4f, 0x1.bc841cp-4f, 0x1.32aea2p-3f,
      0x1.84c2bep-3f, 0x1.d49ee0p-3f, 0x1.11307ep-2f, 0x1.37124ap-2f,
      0x1.5c01a2p-2f, 0x1.800a5ap-2f, 0x1.a3375ep-2f, 0x1.c592fcp-2f,
      0x1.e726aap-2f, 0x1.03fda8p-1f, 0x1.140ca0p-1f, 0x1.23c41cp-1f),
      _mm512_setr_ps(
      0x1.3327c8p-1f, 0x1.423b08p-1f, 0x1.51011ap-1f, 0x1.5f7cfep-1f,
      0x1.6db194p-1f, 0x1.7ba192p-1f, 0x1.894f76p-1f, 0x1.96bdacp-1f,
      0x1.a3ee80p-1f, 0x1.b0e414p-1f, 0x1.bda070p-1f, 0x1.ca258cp-1f,
      0x1.d67540p-1f, 0x1.e29144p-1f, 0x1.ee7b44p-1f, 0x1.fa34e2p-1f)}};
}

// log2(1 + r) for |r| <= 1/64 to 4e-9.
#define LOG2_SLOPE 1.44269504f
#define LOG2_SQUARE -0.721419777f
#define LOG2_CUBE 0.480985058f

/// Pairs of lanes turned by the angles of which `table` has cosine and sine.
static inline __attribute__((always_inline)) __m512 turn_pairs(__m512 x, __m512 table) {
  __m512 across = _mm512_mul_ps(_mm512_permute_ps(x, 0xb1), _mm512_movehdup_ps(table));
  return _mm512_fmaddsub_ps(x, _mm512_moveldup_ps(table), across);
}

// The same for several vectors side by side: one after the other would wait for their own results,
// since the processor looks no more than a few vectors ahead.
#define SIDE_BY_SIDE _Pragma("clang loop unroll(full)") for (int i = 0; i < count; ++i)

enum { SIDE_BY_SIDE_VECTORS = 4 };

/// 2^x for x in -126 ... 127.
static inline __attribute__((always_inline)) void exp2_each(__m512 *x, int count) {
  const __m512 magic = _mm512_set1_ps(0x1.8p+19f), table = exp2_table();
  __m512 f[SIDE_BY_SIDE_VECTORS], power[SIDE_BY_SIDE_VECTORS], slope[SIDE_BY_SIDE_VECTORS];
  __m512i part[SIDE_BY_SIDE_VECTORS];
  SIDE_BY_SIDE f[i] = _mm512_add_ps(x[i], magic);
  SIDE_BY_SIDE part[i] = _mm512_castps_si512(f[i]);
  SIDE_BY_SIDE f[i] = _mm512_sub_ps(f[i], magic);
  SIDE_BY_SIDE f[i] = _mm512_sub_ps(x[i], f[i]);
  SIDE_BY_SIDE power[i] = _mm512_permutexvar_ps(part[i], table);
  SIDE_BY_SIDE slope[i] = _mm512_fmadd_ps(f[i], _mm512_set1_ps(0.2402265f),
                                          _mm512_set1_ps(0.6931879f));
  SIDE_BY_SIDE f[i] = _mm512_mul_ps(f[i], power[i]);
  SIDE_BY_SIDE part[i] = _mm512_slli_epi32(_mm512_srli_epi32(part[i], 4), 23);
  SIDE_BY_SIDE x[i] = _mm512_fmadd_ps(f[i], slope[i], power[i]);
  SIDE_BY_SIDE x[i] = _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(x[i]), part[i]));
}

/// log2(x) for normal x >= 1, to 6e-8 absolute and the rounding of the result: the mantissa is
/// (1 + r) c with c at the middle of one of 32 parts.
static inline __attribute__((always_inline)) void log2_each(__m512 *x, int count) {
  const log2_table_t table = log2_table();
  __m512 r[SIDE_BY_SIDE_VECTORS], y[SIDE_BY_SIDE_VECTORS], whole[SIDE_BY_SIDE_VECTORS];
  __m512i part[SIDE_BY_SIDE_VECTORS];
  SIDE_BY_SIDE part[i] = _mm512_srli_epi32(_mm512_castps_si512(x[i]), 18);
  SIDE_BY_SIDE r[i] = _mm512_getmant_ps(x[i], _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
  SIDE_BY_SIDE y[i] = _mm512_permutex2var_ps(table.inverse[0], part[i], table.inverse[1]);
  SIDE_BY_SIDE whole[i] = _mm512_getexp_ps(x[i]);
  SIDE_BY_SIDE r[i] = _mm512_fmadd_ps(r[i], y[i], _mm512_set1_ps(-1.0f));
  SIDE_BY_SIDE x[i] = _mm512_permutex2var_ps(table.logarithm[0], part[i], table.logarithm[1]);
  SIDE_BY_SIDE y[i] = _mm512_fmadd_ps(r[i], _mm512_set1_ps(LOG2_CUBE), _mm512_set1_ps(LOG2_SQUARE));
  SIDE_BY_SIDE whole[i] = _mm512_add_ps(whole[i], x[i]);
  SIDE_BY_SIDE y[i] = _mm512_fmadd_ps(r[i], y[i], _mm512_set1_ps(LOG2_SLOPE));
  SIDE_BY_SIDE x[i] = _mm512_fmadd_ps(r[i], y[i], whole[i]);
}

static inline __attribute__((always_inline)) void reciprocal_each(__m512 *x, int count) {
  __m512 y[SIDE_BY_SIDE_VECTORS], rest[SIDE_BY_SIDE_VECTORS];
  SIDE_BY_SIDE y[i] = _mm512_rcp14_ps(x[i]);
  SIDE_BY_SIDE rest[i] = _mm512_fnmadd_ps(x[i], y[i], _mm512_set1_ps(1.0f));
  SIDE_BY_SIDE x[i] = _mm512_fmadd_ps(y[i], rest[i], y[i]);
}

#define FEATURE_EXP2_EACH(x, count) exp2_each((__m512 *)(x), count)
#define FEATURE_LOG2_EACH(x, count) log2_each((__m512 *)(x), count)
#define FEATURE_RECIPROCAL_EACH(x, count) reciprocal_each((__m512 *)(x), count)

#define FEATURE_EXP2(x) ((vec16)exp2_by_table((__m512)(x)))
#define FEATURE_RECIPROCAL(x) ((vec16)reciprocal_by_newton((__m512)(x)))

#define FEATURE_LOG1P_UNIT(y) ((vec16)log1p_by_table((__m512)(y)))
#define FEATURE_TURN(x, table) ((vec16)turn_pairs((__m512)(x), (__m512)(table)))

#include "surround.h"

const attn_features_kernels_t attn_features_avx512 = FEATURE_TABLE;

#pragma clang attribute pop
