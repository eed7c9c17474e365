// SPDX-License-Identifier: MIT

#include <immintrin.h>

#include "attn_scan.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#define SCAN_INLINE static inline __attribute__((always_inline))
#define SCAN_UNROLL_ALL _Pragma("clang loop unroll(full)")
// Stops the compiler from loading the operands of several steps ahead, which spills accumulators.
#define SCAN_KEEP_ORDER __asm__ volatile("" ::: "memory")
#define SCAN_PIN(x) __asm__ volatile("" : "+x"(x))

enum { SCAN_INTERLEAVED_EXP = 0 };

/// Register budget: 12 accumulators, a row of three vectors and one broadcast fill 16 registers.
enum {
  SCAN_LANES = 8,
  SCAN_PANEL = 3,
  SCAN_TALL = 1,
  // Registers hold the accumulators and no row of S besides.
  SCAN_ENDS = 0,
  SCAN_RECURRENT_PANEL = 2,
  SCAN_PROJECT_ROWS = 6,
  SCAN_PROJECT_VECTORS = 2,
};

typedef __m256 vec;

SCAN_INLINE vec vec_zero(void) { return _mm256_setzero_ps(); }
SCAN_INLINE vec vec_set1(float x) { return _mm256_set1_ps(x); }
SCAN_INLINE vec vec_load(const float *p) { return _mm256_loadu_ps(p); }
SCAN_INLINE void vec_store(float *p, vec x) { _mm256_storeu_ps(p, x); }
SCAN_INLINE vec vec_add(vec a, vec b) { return _mm256_add_ps(a, b); }
SCAN_INLINE vec vec_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
SCAN_INLINE vec vec_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
SCAN_INLINE vec vec_reciprocal(vec x) { return _mm256_div_ps(_mm256_set1_ps(1.0f), x); }
SCAN_INLINE vec vec_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
/// Extremes give the second operand if either is NaN, so that NaN inputs are not lost.
SCAN_INLINE vec vec_max(vec a, vec b) { return _mm256_max_ps(a, b); }
SCAN_INLINE vec vec_min(vec a, vec b) { return _mm256_min_ps(a, b); }

/// Partial accesses touch the first `count` lanes only: none for counts <= 0, at most all.
SCAN_INLINE __m256i vec_mask_first(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
SCAN_INLINE vec vec_load_first(const float *p, int32_t count) {
  return _mm256_maskload_ps(p, vec_mask_first(count));
}
SCAN_INLINE void vec_store_first(float *p, int32_t count, vec x) {
  _mm256_maskstore_ps(p, vec_mask_first(count), x);
}
SCAN_INLINE vec vec_keep_first(vec x, int32_t count) {
  return _mm256_and_ps(x, _mm256_castsi256_ps(vec_mask_first(count)));
}
SCAN_INLINE float vec_sum(vec x) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
SCAN_INLINE float vec_largest(vec x) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

/// 2^x for x <= 127 to 1e-7 relative; 2^-126 below. Degree 5 on [-1/2, 1/2], exponent by addition.
SCAN_INLINE vec vec_exp2(vec x) {
  const vec magic = vec_set1(0x1.8p+23f);
  x = vec_max(vec_set1(-126.0f), x);
  vec shifted = vec_add(x, magic);
  vec f = vec_sub(x, vec_sub(shifted, magic));
  vec y = vec_fma(f, vec_set1(0x1.5bba24p-10f), vec_set1(0x1.3cea88p-7f));
  y = vec_fma(f, y, vec_set1(0x1.c6b752p-5f));
  y = vec_fma(f, y, vec_set1(0x1.ebf9bcp-3f));
  y = vec_fma(f, y, vec_set1(0x1.62e42ap-1f));
  y = vec_fma(f, y, vec_set1(1.0f));
  __m256i exponent = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(y), exponent));
}

/// Pairs of lanes turned by the angles of which `table` has cosine and sine.
SCAN_INLINE vec vec_turn(vec x, vec table) {
  vec across = _mm256_mul_ps(_mm256_permute_ps(x, 0xb1), _mm256_movehdup_ps(table));
  return _mm256_fmaddsub_ps(x, _mm256_moveldup_ps(table), across);
}

/// Sums over the lanes of `rows` vectors.
SCAN_INLINE void vec_sum_rows(const float *lanes, int32_t rows, float *sums) {
  for (int32_t t = 0; t < rows; ++t) sums[t] = vec_sum(vec_load(lanes + t * SCAN_LANES));
}

#include "scan_table.h"

const attn_scan_kernels_t attn_scan_avx2 = SCAN_TABLE;

#pragma clang attribute pop
