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

/// 1 / x to 1e-7 relative for finite x: an estimate of 14 bits and one step of Newton's, which take a
/// quarter of a division's time.
static inline __attribute__((always_inline)) __m512 reciprocal_by_newton(__m512 x) {
  __m512 y = _mm512_rcp14_ps(x);
  return _mm512_fmadd_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(1.0f)), y);
}

/// log(1 + y) for y in 0 ... 1, to 1e-7 relative: y times one of 16 cubics in y, minimax to 2e-8.
static inline __attribute__((always_inline)) __m512 log1p_by_table(__m512 y) {
  const __m512 c0 = _mm512_setr_ps(
      0x1.000000p+0f, 0x1.fffeaap-1f, 0x1.fff6c4p-1f, 0x1.ffe1acp-1f,
      0x1.ffb968p-1f, 0x1.ff7952p-1f, 0x1.ff1e3ap-1f, 0x1.fea632p-1f,
      0x1.fe105ep-1f, 0x1.fd5cb8p-1f, 0x1.fc8bd0p-1f, 0x1.fb9eaep-1f,
      0x1.fa96a4p-1f, 0x1.f97536p-1f, 0x1.f83c08p-1f, 0x1.f6ecc6p-1f);
  const __m512 c1 = _mm512_setr_ps(
      -0x1.fffd1cp-2f, -0x1.ff84bep-2f, -0x1.fe0e2ap-2f, -0x1.fb6dbcp-2f,
      -0x1.f7a88ep-2f, -0x1.f2da9ap-2f, -0x1.ed28f0p-2f, -0x1.e6ba62p-2f,
      -0x1.dfb3e4p-2f, -0x1.d836e2p-2f, -0x1.d060a4p-2f, -0x1.c84a54p-2f,
      -0x1.c0093cp-2f, -0x1.b7af2cp-2f, -0x1.af4aeap-2f, -0x1.a6e89ap-2f);
  const __m512 c2 = _mm512_setr_ps(
      0x1.546bc0p-2f, 0x1.4d12aap-2f, 0x1.416348p-2f, 0x1.335de2p-2f,
      0x1.244408p-2f, 0x1.14def4p-2f, 0x1.05ab10p-2f, 0x1.ede6aap-3f,
      0x1.d1c58cp-3f, 0x1.b71f6ep-3f, 0x1.9e0650p-3f, 0x1.867b3ap-3f,
      0x1.70749ep-3f, 0x1.5be290p-3f, 0x1.48b196p-3f, 0x1.36cc80p-3f);
  const __m512 c3 = _mm512_setr_ps(
      -0x1.d03f66p-3f, -0x1.80662cp-3f, -0x1.418812p-3f, -0x1.0f6720p-3f,
      -0x1.cdf314p-4f, -0x1.8c1146p-4f, -0x1.55e256p-4f, -0x1.28f132p-4f,
      -0x1.035fe4p-4f, -0x1.c77e18p-5f, -0x1.91e27cp-5f, -0x1.642d1ep-5f,
      -0x1.3cfb74p-5f, -0x1.1b3270p-5f, -0x1.fbdcacp-6f, -0x1.c8ed1ep-6f);
  // What 1 + y = 2 would take is the first part, so that it takes the one below.
  __m512 x = _mm512_min_ps(_mm512_set1_ps(0x1.fffffep+0f), _mm512_add_ps(_mm512_set1_ps(1.0f), y));
  __m512i part = _mm512_srli_epi32(_mm512_castps_si512(x), 19);
  __m512 s = _mm512_fmadd_ps(y, _mm512_permutexvar_ps(part, c3), _mm512_permutexvar_ps(part, c2));
  s = _mm512_fmadd_ps(y, s, _mm512_permutexvar_ps(part, c1));
  s = _mm512_fmadd_ps(y, s, _mm512_permutexvar_ps(part, c0));
  return _mm512_mul_ps(y, s);
}

/// x Phi(x); 1 - Phi by one of 32 quartics around multiples of 0.178, to 1e-8 absolute, and 0 beyond
/// 5.6, where it is less.
static inline __attribute__((always_inline)) __m512 gelu_by_table(__m512 x) {
  const __m512 low0 = _mm512_setr_ps(
      0x1.000000p-1f, 0x1.b7aa8ap-2f, 0x1.719516p-2f, 0x1.2fca76p-2f,
      0x1.e7e662p-3f, 0x1.7e6dd8p-3f, 0x1.245f7ep-3f, 0x1.b3bdd2p-4f,
      0x1.3c4e6ep-4f, 0x1.bf19f4p-5f, 0x1.3382dap-5f, 0x1.9b7bf8p-6f,
      0x1.0bb5b2p-6f, 0x1.529eb6p-7f, 0x1.a03d2ap-8f, 0x1.f11946p-9f);
  const __m512 high0 = _mm512_setr_ps(
      0x1.20533cp-9f, 0x1.44d002p-10f, 0x1.634a4ep-11f, 0x1.794746p-12f,
      0x1.84de94p-13f, 0x1.850028p-14f, 0x1.799d3ep-15f, 0x1.63ac16p-16f,
      0x1.45055cp-17f, 0x1.202204p-18f, 0x1.ef8cf8p-20f, 0x1.9d562ep-21f,
      0x1.4e6136p-22f, 0x1.0657a0p-23f, 0x1.8f33d8p-25f, 0x1.2687fcp-26f);
  const __m512 low1 = _mm512_setr_ps(
      -0x1.22dd28p-4f, -0x1.1e4ad6p-4f, -0x1.11011ap-4f, -0x1.f86d8ap-5f,
      -0x1.c37ae0p-5f, -0x1.877cc4p-5f, -0x1.48e128p-5f, -0x1.0baae4p-5f,
      -0x1.a61bdap-6f, -0x1.42734cp-6f, -0x1.dd4714p-7f, -0x1.56350ap-7f,
      -0x1.db6b5ap-8f, -0x1.3ff1bap-8f, -0x1.a1327ep-9f, -0x1.0785d8p-9f);
  const __m512 high1 = _mm512_setr_ps(
      -0x1.4286a6p-10f, -0x1.7e6dd2p-11f, -0x1.b750c0p-12f, -0x1.e8eca6p-13f,
      -0x1.07951cp-13f, -0x1.1355a6p-14f, -0x1.16a402p-15f, -0x1.113118p-16f,
      -0x1.037ee6p-17f, -0x1.dd98f6p-19f, -0x1.a9cc32p-20f, -0x1.6fc6b8p-21f,
      -0x1.33c0f6p-22f, -0x1.f2fd88p-24f, -0x1.87e9d2p-25f, -0x1.2a369ep-26f);
  const __m512 low2 = _mm512_setr_ps(
      -0x1.4fa292p-51f, 0x1.2244aep-10f, 0x1.14cbb2p-9f, 0x1.7f932ap-9f,
      0x1.c9bffap-9f, 0x1.f027b8p-9f, 0x1.f42b90p-9f, 0x1.daec5ap-9f,
      0x1.abf880p-9f, 0x1.6fcb5ap-9f, 0x1.2e70eep-9f, 0x1.dd11c8p-10f,
      0x1.698436p-10f, 0x1.0790a8p-10f, 0x1.721e28p-11f, 0x1.f4f7f0p-12f);
  const __m512 high2 = _mm512_setr_ps(
      0x1.47019ep-12f, 0x1.9bf9d4p-13f, 0x1.f518dap-14f, 0x1.26554ap-14f,
      0x1.4e0ec8p-15f, 0x1.6e66a0p-16f, 0x1.847586p-17f, 0x1.8e2d26p-18f,
      0x1.8aa914p-19f, 0x1.7a515cp-20f, 0x1.5ec78ap-21f, 0x1.3aa2cap-22f,
      0x1.110a2ap-23f, 0x1.ca853ap-25f, 0x1.748cc6p-26f, 0x1.24ee9cp-27f);
  const __m512 low3 = _mm512_setr_ps(
      0x1.889f0ep-12f, 0x1.76395ep-12f, 0x1.41e044p-12f, 0x1.e6ff70p-13f,
      0x1.2cdd02p-13f, 0x1.b9495ap-15f, -0x1.efb20ep-16f, -0x1.8e744ep-14f,
      -0x1.24867ap-13f, -0x1.54c640p-13f, -0x1.5d4a4ep-13f, -0x1.476e10p-13f,
      -0x1.1e0eeep-13f, -0x1.d6d584p-14f, -0x1.6f73b2p-14f, -0x1.112a90p-14f);
  const __m512 high3 = _mm512_setr_ps(
      -0x1.841ae6p-15f, -0x1.08113ep-15f, -0x1.58c8acp-16f, -0x1.b08626p-17f,
      -0x1.04f19ap-17f, -0x1.2f1bfcp-18f, -0x1.53325ep-19f, -0x1.6de72ap-20f,
      -0x1.7caeb4p-21f, -0x1.7e2596p-22f, -0x1.724788p-23f, -0x1.5a6b10p-24f,
      -0x1.3903f0p-25f, -0x1.113b64p-26f, -0x1.ccead0p-28f, -0x1.77b83cp-29f);
  const __m512 low4 = _mm512_setr_ps(
      0x1.5f7f66p-49f, -0x1.22b772p-17f, -0x1.0c5c36p-16f, -0x1.5f69dap-16f,
      -0x1.812984p-16f, -0x1.71cc80p-16f, -0x1.3a08acp-16f, -0x1.d075fap-17f,
      -0x1.195a2ap-17f, -0x1.b081b4p-19f, 0x1.0fd25ap-20f, 0x1.0bf07ap-18f,
      0x1.7d0488p-18f, 0x1.a2e42ap-18f, 0x1.912e6cp-18f, 0x1.5d604ap-18f);
  const __m512 high4 = _mm512_setr_ps(
      0x1.1a6c4ep-18f, 0x1.acc584p-19f, 0x1.33dc0ap-19f, 0x1.a43126p-20f,
      0x1.117db2p-20f, 0x1.546826p-21f, 0x1.95e6ecp-22f, 0x1.d05f92p-23f,
      0x1.fe5736p-24f, 0x1.0da5c2p-24f, 0x1.123696p-25f, 0x1.0c8914p-26f,
      0x1.fac6c2p-28f, 0x1.ccfc34p-29f, 0x1.946a8cp-30f, 0x1.564bdep-31f);
  const __m512 magic = _mm512_set1_ps(0x1.8p+23f), inverse = _mm512_set1_ps(1 / 0.178f);
  const __m512 zero = _mm512_setzero_ps();
  __m512 z = _mm512_abs_ps(x);
  __mmask16 inside = _mm512_cmp_ps_mask(z, _mm512_set1_ps(31.4f * 0.178f), _CMP_LT_OQ);
  __m512 shifted = _mm512_fmadd_ps(z, inverse, magic);
  __m512 d = _mm512_fmsub_ps(z, inverse, _mm512_sub_ps(shifted, magic));
  __m512i part = _mm512_castps_si512(shifted);
#define GELU_PART(n) _mm512_permutex2var_ps(low##n, part, high##n)
  __m512 s = _mm512_fmadd_ps(d, GELU_PART(4), GELU_PART(3));
  s = _mm512_fmadd_ps(d, s, GELU_PART(2));
  s = _mm512_fmadd_ps(d, s, GELU_PART(1));
  s = _mm512_fmadd_ps(d, s, GELU_PART(0));
#undef GELU_PART
  // max(x, 0) - |x| (1 - Phi(|x|)); NaN comes through the second operand.
  return _mm512_fnmadd_ps(z, _mm512_maskz_mov_ps(inside, s), _mm512_max_ps(zero, x));
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

/// What e^(scale x) is the product of, to 6.2e-7 relative, left in `x` and `power`, so that the product
/// joins the sum that it belongs to; 2^-123 below, 2^`most` above, where 0 says that none is above 1.
///
/// With scale = log2(e) x = i / 16 + f and |f| <= 1/32: 2^(i mod 16 / 16) by a permute, whose table makes
/// up for the bits of i mod 16 where i is added to the exponent; 2^f = c ((f + a)^2 + k), the minimax
/// quadratic, whose c = 0.24 is in the table. Passes over rows are bound by the number of instructions, so
/// that the product with log2(e) is a part of both sums that it belongs to.
static inline __attribute__((always_inline)) void exp_factors(__m512 *x, __m512 *power, float scale,
                                                              float most, int count) {
  const __m512 magic = _mm512_set1_ps(0x1.8p+19f), base = _mm512_set1_ps(scale * 0x1.715476p+0f);
  const __m512i table = _mm512_setr_epi32(
      0x3e75fc17, 0x3e78700d, 0x3e761fc7, 0x3e740ff3,
      0x3e72436e, 0x3e70bd31, 0x3e6f8059, 0x3e6e9027,
      0x3e6deffe, 0x3e6da36a, 0x3e6dae1f, 0x3e6e13f9,
      0x3e6ed901, 0x3e70016f, 0x3e7191a9, 0x3e738e48);
  // The second operand is what a NaN comes through.
  const float above = most / 0x1.715476p+0f, below = -123.0f / 0x1.715476p+0f;
  const __m512 low = _mm512_set1_ps(scale < 0 ? -above : below);
  const __m512 high = _mm512_set1_ps(scale < 0 ? -below : above);
  __m512 f[SIDE_BY_SIDE_VECTORS];
  __m512i part[SIDE_BY_SIDE_VECTORS], bits[SIDE_BY_SIDE_VECTORS];
  SIDE_BY_SIDE x[i] = _mm512_max_ps(low, x[i]);
  SIDE_BY_SIDE if (most > 0) x[i] = _mm512_min_ps(high, x[i]);
  SIDE_BY_SIDE f[i] = _mm512_fmadd_ps(x[i], base, magic);
  SIDE_BY_SIDE part[i] = _mm512_castps_si512(f[i]);
  SIDE_BY_SIDE f[i] = _mm512_sub_ps(f[i], magic);
  SIDE_BY_SIDE bits[i] = _mm512_permutexvar_epi32(part[i], table);
  SIDE_BY_SIDE part[i] = _mm512_slli_epi32(part[i], 19);
  SIDE_BY_SIDE f[i] = _mm512_fmsub_ps(x[i], base, f[i]);
  SIDE_BY_SIDE bits[i] = _mm512_add_epi32(bits[i], part[i]);
  SIDE_BY_SIDE f[i] = _mm512_add_ps(f[i], _mm512_set1_ps(0x1.715cc8p+0f));
  SIDE_BY_SIDE power[i] = _mm512_castsi512_ps(bits[i]);
  SIDE_BY_SIDE x[i] = _mm512_fmadd_ps(f[i], f[i], _mm512_set1_ps(0x1.0a624cp+1f));
}

static inline __attribute__((always_inline)) __m512 exp_one(__m512 x, float scale, float most) {
  __m512 power;
  exp_factors(&x, &power, scale, most, 1);
  return _mm512_mul_ps(x, power);
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

/// Reciprocals of two vectors by one division, of their product: less work for the multiply-adds than
/// an estimate and a step of Newton's for each. A NaN takes its lane of the other one along.
static inline __attribute__((always_inline)) void reciprocal_pair(__m512 *x) {
  __m512 both = _mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_mul_ps(x[0], x[1]));
  __m512 first = _mm512_mul_ps(both, x[1]);
  x[1] = _mm512_mul_ps(both, x[0]);
  x[0] = first;
}

/// 1 / (1 + e^-x); 2^-60 below, so that products of two denominators are finite.
static inline __attribute__((always_inline)) void sigmoid_each(__m512 *x, int count) {
  __m512 power[SIDE_BY_SIDE_VECTORS];
  exp_factors(x, power, -1, 60, count);
  SIDE_BY_SIDE x[i] = _mm512_fmadd_ps(x[i], power[i], _mm512_set1_ps(1.0f));
  if (count % 2 != 0) {
    reciprocal_each(x, count);
    return;
  }
  _Pragma("clang loop unroll(full)") for (int i = 0; i < count; i += 2) reciprocal_pair(x + i);
}

/// x + 1 for x > 0, else e^x.
static inline __attribute__((always_inline)) void elu1_each(__m512 *x, int count) {
  __m512 power[SIDE_BY_SIDE_VECTORS], positive[SIDE_BY_SIDE_VECTORS];
  SIDE_BY_SIDE positive[i] = _mm512_max_ps(_mm512_setzero_ps(), x[i]);
  SIDE_BY_SIDE x[i] = _mm512_min_ps(_mm512_setzero_ps(), x[i]);
  exp_factors(x, power, 1, 0, count);
  SIDE_BY_SIDE x[i] = _mm512_fmadd_ps(x[i], power[i], positive[i]);
}

#define FEATURE_SIGMOID_EACH(x, count) sigmoid_each((__m512 *)(x), count)
#define FEATURE_ELU1_EACH(x, count) elu1_each((__m512 *)(x), count)
#define FEATURE_EXP2_EACH(x, count) exp2_each((__m512 *)(x), count)
#define FEATURE_LOG2_EACH(x, count) log2_each((__m512 *)(x), count)
#define FEATURE_RECIPROCAL_EACH(x, count) reciprocal_each((__m512 *)(x), count)

/// 2^x; 2^-126 below, 2^127 above.
static inline __attribute__((always_inline)) __m512 exp2_clamped(__m512 x) {
  // The second operand is what a NaN comes through.
  x = _mm512_min_ps(_mm512_set1_ps(127.0f), _mm512_max_ps(_mm512_set1_ps(-126.0f), x));
  exp2_each(&x, 1);
  return x;
}

#define FEATURE_EXP2(x) ((vec16)exp2_clamped((__m512)(x)))
#define FEATURE_EXP(x) ((vec16)exp_one((__m512)(x), 1, 127))
#define FEATURE_EXP_BELOW(x) ((vec16)exp_one((__m512)(x), 1, 0))
#define FEATURE_EXP_NEGATIVE(x) ((vec16)exp_one((__m512)(x), -1, 127))
#define FEATURE_RECIPROCAL(x) ((vec16)reciprocal_by_newton((__m512)(x)))

#define FEATURE_LOG1P_UNIT(y) ((vec16)log1p_by_table((__m512)(y)))
#define FEATURE_GELU(x) ((vec16)gelu_by_table((__m512)(x)))
#define FEATURE_TURN(x, table) ((vec16)turn_pairs((__m512)(x), (__m512)(table)))

#include "surround.h"

const attn_features_kernels_t attn_features_avx512 = FEATURE_TABLE;

#pragma clang attribute pop
