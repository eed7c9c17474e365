// SPDX-License-Identifier: MIT

#include <immintrin.h>

#include "attn_scan.h"

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#define SCAN_INLINE static inline __attribute__((always_inline))
#define SCAN_UNROLL_ALL _Pragma("clang loop unroll(full)")
// Stops the compiler from loading the operands of several steps ahead, which spills accumulators.
#define SCAN_KEEP_ORDER __asm__ volatile("" ::: "memory")
#define SCAN_PIN(x) __asm__ volatile("" : "+v"(x))

enum { SCAN_INTERLEAVED_EXP = 1 };

/// Register budget: 4 x 64 or 8 x 32 accumulators leave 16 registers for operands and exponentials.
enum {
  SCAN_LANES = 16,
  SCAN_PANEL = 4,
  SCAN_TALL = 2,
  SCAN_ENDS = 2,
  SCAN_RECURRENT_PANEL = 2,
  SCAN_PROJECT_ROWS = 8,
  SCAN_PROJECT_VECTORS = 2,
};

typedef __m512 vec;

SCAN_INLINE vec vec_zero(void) { return _mm512_setzero_ps(); }
SCAN_INLINE vec vec_set1(float x) { return _mm512_set1_ps(x); }
SCAN_INLINE vec vec_load(const float *p) { return _mm512_loadu_ps(p); }
SCAN_INLINE void vec_store(float *p, vec x) { _mm512_storeu_ps(p, x); }
SCAN_INLINE vec vec_add(vec a, vec b) { return _mm512_add_ps(a, b); }
SCAN_INLINE vec vec_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
SCAN_INLINE vec vec_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
/// 1 / x to 1e-7 relative for finite x: an estimate of 14 bits and one step of Newton's.
SCAN_INLINE vec vec_reciprocal(vec x) {
  vec y = _mm512_rcp14_ps(x);
  return _mm512_fmadd_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(1.0f)), y);
}
SCAN_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
/// Extremes give the second operand if either is NaN, so that NaN inputs are not lost.
SCAN_INLINE vec vec_max(vec a, vec b) { return _mm512_max_ps(a, b); }
SCAN_INLINE vec vec_min(vec a, vec b) { return _mm512_min_ps(a, b); }

/// Partial accesses touch the first `count` lanes only: none for counts <= 0, at most all.
SCAN_INLINE __mmask16 vec_mask_first(int32_t count) {
  return (__mmask16)(count >= SCAN_LANES ? 0xffff : count <= 0 ? 0 : (1u << count) - 1);
}
SCAN_INLINE vec vec_load_first(const float *p, int32_t count) {
  return _mm512_maskz_loadu_ps(vec_mask_first(count), p);
}
SCAN_INLINE void vec_store_first(float *p, int32_t count, vec x) {
  _mm512_mask_storeu_ps(p, vec_mask_first(count), x);
}
SCAN_INLINE vec vec_keep_first(vec x, int32_t count) {
  return _mm512_maskz_mov_ps(vec_mask_first(count), x);
}
SCAN_INLINE float vec_sum(vec x) { return _mm512_reduce_add_ps(x); }
SCAN_INLINE float vec_largest(vec x) { return _mm512_reduce_max_ps(x); }

/// 2^x for x <= 127 to 4.2e-7 relative; 2^-126 below.
///
/// x = i / 16 + f with |f| <= 1/32: 2^(i mod 16 / 16) by a permute, 2^f by a quadratic (minimax
/// with constant term 1), the rest of i added to the exponent. Three slots on the multiply pipes.
SCAN_INLINE vec vec_exp2(vec x) {
  const vec magic = _mm512_set1_ps(0x1.8p+19f);
  const vec table = _mm512_setr_ps(
      0x1.000000p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fe0p+0f,
      0x1.3dea64p+0f, 0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f,
      0x1.8ace54p+0f, 0x1.9c4918p+0f, 0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f,
      0x1.ea4afap+0f);
  x = vec_max(vec_set1(-126.0f), x);
  vec shifted = vec_add(x, magic);
  vec f = vec_sub(x, vec_sub(shifted, magic));
  __m512i i = _mm512_castps_si512(shifted);
  vec power = _mm512_permutexvar_ps(i, table);
  vec slope = vec_fma(f, vec_set1(0.2402265f), vec_set1(0.6931879f));
  vec y = vec_fma(vec_mul(f, power), slope, power);
  __m512i exponent = _mm512_slli_epi32(_mm512_srli_epi32(i, 4), 23);
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(y), exponent));
}

/// Pairs of lanes turned by the angles of which `table` has cosine and sine.
SCAN_INLINE vec vec_turn(vec x, vec table) {
  vec across = _mm512_mul_ps(_mm512_permute_ps(x, 0xb1), _mm512_movehdup_ps(table));
  return _mm512_fmaddsub_ps(x, _mm512_moveldup_ps(table), across);
}

/// Sums over the lanes of `rows` vectors, sixteen at a time: there is room for whole sixteens.
SCAN_INLINE void vec_sum_rows(const float *lanes, int32_t rows, float *sums) {
  for (int32_t t = 0; t < rows; t += SCAN_LANES, lanes += SCAN_LANES * SCAN_LANES) {
    vec x[SCAN_LANES];
    // Pairs of rows, then fours, whose sums by quarter of a register are joined twice.
    SCAN_UNROLL_ALL
    for (int i = 0; i < 8; ++i) {
      vec a = vec_load(lanes + 2 * i * SCAN_LANES), b = vec_load(lanes + (2 * i + 1) * SCAN_LANES);
      x[i] = vec_add(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    }
    SCAN_UNROLL_ALL
    for (int i = 0; i < 4; ++i) {
      __m512d a = _mm512_castps_pd(x[2 * i]), b = _mm512_castps_pd(x[2 * i + 1]);
      x[i] = vec_add(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                     _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
    }
    SCAN_UNROLL_ALL
    for (int count = 2; count > 0; --count) {
      SCAN_UNROLL_ALL
      for (int i = 0; i < count; ++i) {
        vec a = x[2 * i], b = x[2 * i + 1];
        x[i] = vec_add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
      }
    }
    vec_store(sums + t, x[0]);
  }
}

#include "scan_table.h"

const attn_scan_kernels_t attn_scan_avx512 = SCAN_TABLE;

#pragma clang attribute pop
