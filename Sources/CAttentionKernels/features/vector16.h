// SPDX-License-Identifier: MIT
#ifndef ATTN_VECTOR16_H
#define ATTN_VECTOR16_H

#include <stdint.h>
#include <string.h>

// Sixteen lanes whatever the registers: the compiler splits them where those are narrower.

// Everything is inlined: no call passes such a vector, whatever the ABI of the target says.
#pragma clang diagnostic ignored "-Wpsabi"

#define FEATURE_INLINE static inline __attribute__((always_inline))
#define FEATURE_UNROLL _Pragma("clang loop unroll(full)")

typedef float vec16 __attribute__((ext_vector_type(16)));
typedef float vec8 __attribute__((ext_vector_type(8)));
typedef float vec4 __attribute__((ext_vector_type(4)));
typedef float vec2 __attribute__((ext_vector_type(2)));
typedef int32_t lanes16 __attribute__((ext_vector_type(16)));
typedef float vec8_any __attribute__((ext_vector_type(8), aligned(4)));
typedef float vec16_any __attribute__((ext_vector_type(16), aligned(4)));

enum { FEATURE_LANES = 16 };

FEATURE_INLINE vec16 f_load(const float *p) { return *(const vec16_any *)p; }
FEATURE_INLINE void f_store(float *p, vec16 x) { *(vec16_any *)p = x; }
/// Stores past the caches what is not read again soon, to a whole cache line; `f_fence` ends such
/// stores before another thread may read.
FEATURE_INLINE void f_stream(float *p, vec16 x) {
  __builtin_nontemporal_store(x, (vec16 *)(void *)p);
}
FEATURE_INLINE void f_fence(void) {
#ifdef __x86_64__
  __builtin_ia32_sfence();
#endif
}
FEATURE_INLINE vec16 f_set1(float x) { return (vec16)x; }
/// Extremes give the first operand if either is NaN, so that NaN inputs are not lost.
FEATURE_INLINE vec16 f_max(vec16 a, vec16 b) { return b > a ? b : a; }
FEATURE_INLINE vec16 f_min(vec16 a, vec16 b) { return b < a ? b : a; }

/// The first `left` lanes of memory, zeros beyond.
FEATURE_INLINE vec16 f_load_first(const float *p, int32_t left) {
  if (__builtin_expect(left >= FEATURE_LANES, 1)) return f_load(p);
  float part[FEATURE_LANES] = {0};
  memcpy(part, p, (size_t)left * sizeof(float));
  return f_load(part);
}

FEATURE_INLINE void f_store_first(float *p, int32_t left, vec16 x) {
  if (__builtin_expect(left >= FEATURE_LANES, 1)) {
    f_store(p, x);
    return;
  }
  float part[FEATURE_LANES];
  f_store(part, x);
  memcpy(p, part, (size_t)left * sizeof(float));
}

/// `x` in the first `left` lanes, `other` beyond.
FEATURE_INLINE vec16 f_first(vec16 x, int32_t left, vec16 other) {
  if (__builtin_expect(left >= FEATURE_LANES, 1)) return x;
  const lanes16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return lane < (lanes16)left ? x : other;
}

FEATURE_INLINE float f_sum(vec16 x) {
  vec8 half = x.lo + x.hi;
  vec4 quarter = half.lo + half.hi;
  vec2 pair = quarter.lo + quarter.hi;
  return pair.x + pair.y;
}

FEATURE_INLINE float f_largest(vec16 x) {
  vec8 half = x.hi > x.lo ? x.hi : x.lo;
  vec4 quarter = half.hi > half.lo ? half.hi : half.lo;
  vec2 pair = quarter.hi > quarter.lo ? quarter.hi : quarter.lo;
  return pair.y > pair.x ? pair.y : pair.x;
}

/// `r[2 i]` and `r[2 i + 1]` become `r[i]`, their lanes joined as a shuffle of the two brings them together.
#define FEATURE_FOLD(count, join, low, high)                                                \
  FEATURE_UNROLL for (int i = 0; i < count; ++i) {                                          \
    r[i] = join(__builtin_shufflevector(r[2 * i], r[2 * i + 1], low),                       \
                __builtin_shufflevector(r[2 * i], r[2 * i + 1], high));                     \
  }

// Interleaved within quarters, by ones and by twos, then quarters side by side: each is one instruction.
#define FEATURE_ONES_LOW 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define FEATURE_ONES_HIGH 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define FEATURE_TWOS_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define FEATURE_TWOS_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define FEATURE_EVEN_QUARTERS 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define FEATURE_ODD_QUARTERS 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31

/// All lanes of each of 16 vectors joined: lane i is that of `r[i]`.
#define FEATURE_FOLD_ALL(join)                                                              \
  FEATURE_FOLD(8, join, FEATURE_ONES_LOW, FEATURE_ONES_HIGH)                                \
  FEATURE_FOLD(4, join, FEATURE_TWOS_LOW, FEATURE_TWOS_HIGH)                                \
  FEATURE_FOLD(2, join, FEATURE_EVEN_QUARTERS, FEATURE_ODD_QUARTERS)                        \
  FEATURE_FOLD(1, join, FEATURE_EVEN_QUARTERS, FEATURE_ODD_QUARTERS)

FEATURE_INLINE vec16 f_add(vec16 a, vec16 b) { return a + b; }

/// The sum of each of 16 vectors.
FEATURE_INLINE vec16 f_sum_each(vec16 r[FEATURE_LANES]) {
  FEATURE_FOLD_ALL(f_add)
  return r[0];
}

/// The largest of each of 16 vectors.
FEATURE_INLINE vec16 f_largest_each(vec16 r[FEATURE_LANES]) {
  FEATURE_FOLD_ALL(f_max)
  return r[0];
}

#ifdef FEATURE_EXP
FEATURE_INLINE vec16 f_exp2(vec16 x) { return FEATURE_EXP2(x); }
FEATURE_INLINE vec16 f_exp(vec16 x) { return FEATURE_EXP(x); }
FEATURE_INLINE vec16 f_exp_below(vec16 x) { return FEATURE_EXP_BELOW(x); }
FEATURE_INLINE vec16 f_exp_negative(vec16 x) { return FEATURE_EXP_NEGATIVE(x); }
#else
/// 2^x to 1e-7 relative; 2^-126 below, 2^127 above.
FEATURE_INLINE vec16 f_exp2(vec16 x) {
  const vec16 magic = f_set1(0x1.8p+23f);
  x = f_min(f_max(x, f_set1(-126.0f)), f_set1(127.0f));
  vec16 shifted = x + magic;
  vec16 f = x - (shifted - magic);
  vec16 y = f * f_set1(0x1.5bba24p-10f) + f_set1(0x1.3cea88p-7f);
  y = f * y + f_set1(0x1.c6b752p-5f);
  y = f * y + f_set1(0x1.ebf9bcp-3f);
  y = f * y + f_set1(0x1.62e42ap-1f);
  y = f * y + f_set1(1.0f);
  // Casts between vectors keep the bits.
  return (vec16)((lanes16)y + ((lanes16)shifted << 23));
}

FEATURE_INLINE vec16 f_exp(vec16 x) { return f_exp2(x * f_set1(0x1.715476p+0f)); }

/// e^x for x <= 0.
FEATURE_INLINE vec16 f_exp_below(vec16 x) { return f_exp(x); }

/// e^-x.
FEATURE_INLINE vec16 f_exp_negative(vec16 x) { return f_exp(-x); }
#endif

#ifdef FEATURE_RECIPROCAL
FEATURE_INLINE vec16 f_reciprocal(vec16 x) { return FEATURE_RECIPROCAL(x); }
#else
/// 1 / x for finite x.
FEATURE_INLINE vec16 f_reciprocal(vec16 x) { return f_set1(1.0f) / x; }
#endif

#ifdef FEATURE_LOG1P_UNIT
FEATURE_INLINE vec16 f_log1p_unit(vec16 y) { return FEATURE_LOG1P_UNIT(y); }
#else
/// log(1 + y) for y in 0 ... 1, to 1e-7 absolute: 2 atanh(y / (2 + y)) by its series.
FEATURE_INLINE vec16 f_log1p_unit(vec16 y) {
  vec16 s = y * f_reciprocal(y + f_set1(2.0f)), z = s * s;
  vec16 t = z * f_set1(1.0f / 15) + f_set1(1.0f / 13);
  t = z * t + f_set1(1.0f / 11);
  t = z * t + f_set1(1.0f / 9);
  t = z * t + f_set1(1.0f / 7);
  t = z * t + f_set1(1.0f / 5);
  t = z * t + f_set1(1.0f / 3);
  t = z * t + f_set1(1.0f);
  return (s + s) * t;
}
#endif

#ifdef FEATURE_EXP2_EACH
/// 2^x for x in -126 ... 127 in `count` vectors, at most four, side by side.
FEATURE_INLINE void f_exp2_each(vec16 *x, int count) { FEATURE_EXP2_EACH(x, count); }

/// 1 / (1 + e^-x).
FEATURE_INLINE void f_sigmoid_each(vec16 *x, int count) { FEATURE_SIGMOID_EACH(x, count); }

/// x + 1 for x > 0, else e^x.
FEATURE_INLINE void f_elu1_each(vec16 *x, int count) { FEATURE_ELU1_EACH(x, count); }

/// log2(x) for normal x >= 1, to 2e-7 absolute and the rounding of the result.
FEATURE_INLINE void f_log2_each(vec16 *x, int count) { FEATURE_LOG2_EACH(x, count); }

/// 1 / x for finite x.
FEATURE_INLINE void f_reciprocal_each(vec16 *x, int count) { FEATURE_RECIPROCAL_EACH(x, count); }
#else
FEATURE_INLINE void f_exp2_each(vec16 *x, int count) {
  FEATURE_UNROLL for (int i = 0; i < count; ++i) x[i] = f_exp2(x[i]);
}

FEATURE_INLINE void f_sigmoid_each(vec16 *x, int count) {
  FEATURE_UNROLL for (int i = 0; i < count; ++i) {
    x[i] = f_reciprocal(f_set1(1.0f) + f_exp_negative(x[i]));
  }
}

FEATURE_INLINE void f_elu1_each(vec16 *x, int count) {
  FEATURE_UNROLL for (int i = 0; i < count; ++i) {
    x[i] = f_max(x[i], f_set1(0.0f)) + f_exp_below(f_min(x[i], f_set1(0.0f)));
  }
}

FEATURE_INLINE void f_log2_each(vec16 *x, int count) {
  FEATURE_UNROLL for (int i = 0; i < count; ++i) {
    lanes16 bits = (lanes16)x[i], one = (lanes16)f_set1(1.0f);
    vec16 exponent = __builtin_convertvector((bits - one) >> 23, vec16);
    vec16 mantissa = (vec16)((bits & 0x7fffff) | one);
    x[i] = exponent + f_log1p_unit(mantissa - f_set1(1.0f)) * f_set1(0x1.715476p+0f);
  }
}

FEATURE_INLINE void f_reciprocal_each(vec16 *x, int count) {
  FEATURE_UNROLL for (int i = 0; i < count; ++i) x[i] = f_reciprocal(x[i]);
}
#endif

FEATURE_INLINE vec16 f_abs(vec16 x) { return (vec16)((lanes16)x & (lanes16)0x7fffffff); }

FEATURE_INLINE vec16 f_sigmoid(vec16 x) { return f_reciprocal(f_set1(1.0f) + f_exp_negative(x)); }

/// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
FEATURE_INLINE vec16 f_softplus(vec16 x) {
  return f_max(x, f_set1(0.0f)) + f_log1p_unit(f_exp_below((vec16)((lanes16)x | (lanes16)INT32_MIN)));
}

#ifdef FEATURE_GELU
FEATURE_INLINE vec16 f_gelu(vec16 x) { return FEATURE_GELU(x); }
#else
/// x Phi(x); the error function by Abramowitz and Stegun, 7.1.26, to 1.5e-7 absolute.
FEATURE_INLINE vec16 f_gelu(vec16 x) {
  vec16 z = f_abs(x) * f_set1(0.70710678f);
  vec16 t = f_reciprocal(f_set1(1.0f) + f_set1(0.3275911f) * z);
  vec16 y = t * f_set1(1.061405429f) + f_set1(-1.453152027f);
  y = t * y + f_set1(1.421413741f);
  y = t * y + f_set1(-0.284496736f);
  y = t * y + f_set1(0.254829592f);
  vec16 tail = f_set1(0.5f) * t * y * f_exp_below(-z * z);
  return x > f_set1(0.0f) ? x - x * tail : x * tail;
}
#endif

#endif
