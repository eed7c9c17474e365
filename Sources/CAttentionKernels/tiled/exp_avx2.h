// SPDX-License-Identifier: MIT
#ifndef TILED_EXP_AVX2_H
#define TILED_EXP_AVX2_H

#include "shape_avx2.h"
#include "tile.h"

/// Constants of `tiled_exp2_avx2`, whole vectors.
typedef struct {
  /// Bits of c 2^(i/8), c the leading coefficient, less the i << 20 that the index bits add when
  /// the index is shifted to the exponent.
  _Alignas(32) uint32_t table[8];
  _Alignas(32) float lowest[8];   ///< every power of 2 from here down underflows
  _Alignas(32) float highest[8];  ///< far above the slack, far below overflow
  _Alignas(32) float magic[8];    ///< one unit in its last place is 1/8
  _Alignas(32) float back[8];     ///< -magic: an operand of its own, no fifth register
  _Alignas(32) int32_t zero[8];
  _Alignas(32) float a[8], b[8], w[8];  ///< 2^f = c (f + a) ((f + b)^2 + w)
} tiled_exp_constants_t;

#define TILED_REPEAT8(x) {x, x, x, x, x, x, x, x}

static const tiled_exp_constants_t tiled_exp_constants = {
    {0x3d6352d1, 0x3d67e5e5, 0x3d672ad8, 0x3d6366ab,
     0x3d60bdf3, 0x3d5f4a56, 0x3d5f27d0, 0x3d6074e1},
    TILED_REPEAT8(-127),
    TILED_REPEAT8(64),
    TILED_REPEAT8(0x1.8p20f),
    TILED_REPEAT8(-0x1.8p20f),
    TILED_REPEAT8(0),
    TILED_REPEAT8(0x1.26cf6p+1f),
    TILED_REPEAT8(0x1.0352cap+0f),
    TILED_REPEAT8(0x1.b302dp+2f)};

/// The constants behind a pointer the compiler cannot see through: they stay in memory and leave
/// the registers to the sums of a score tile.
TILED_INLINE const tiled_exp_constants_t *tiled_exp_operands(void) {
  const tiled_exp_constants_t *constants = &tiled_exp_constants;
  __asm__ volatile("" : "+r"(constants)::"memory");
  return constants;
}

/// 2^x on the way: power (c 2^(i/8) at the right exponent) and the rest f.
typedef struct {
  __m256 power, rest;
} tiled_exp_split_t;

/// First half of 2^min(x, 64): splits x into a multiple of 1/8, looked up, and the rest
/// |f| <= 1/16.
///
/// Exponents that underflow come out as negative integers, clamped to +0: exactly 0 below -126,
/// -inf included.
TILED_INLINE tiled_exp_split_t tiled_exp2_split(__m256 x, const tiled_exp_constants_t *c) {
  x = _mm256_max_ps(x, _mm256_load_ps(c->lowest));
  x = _mm256_min_ps(x, _mm256_load_ps(c->highest));
  const __m256 shifted = _mm256_add_ps(x, _mm256_load_ps(c->magic));
  const __m256 f = _mm256_sub_ps(x, _mm256_add_ps(shifted, _mm256_load_ps(c->back)));
  const __m256i index = _mm256_castps_si256(shifted);
  const __m256i table = _mm256_load_si256((const __m256i *)c->table);
  const __m256i bits = _mm256_permutevar8x32_epi32(table, index);
  const __m256i power = _mm256_add_epi32(bits, _mm256_slli_epi32(index, 20));
  const __m256i clamped = _mm256_max_epi32(power, _mm256_load_si256((const __m256i *)c->zero));
  return (tiled_exp_split_t){_mm256_castsi256_ps(clamped), f};
}

/// Second half: the minimax cubic of the rest by its real root and the quadratic that is left, which do
/// not wait for each other. Relative error of the whole below 2.4e-7.
TILED_INLINE __m256 tiled_exp2_join(__m256 power, __m256 rest, const tiled_exp_constants_t *c) {
  const __m256 linear = _mm256_add_ps(rest, _mm256_load_ps(c->a));
  const __m256 shifted = _mm256_add_ps(rest, _mm256_load_ps(c->b));
  const __m256 quadratic = _mm256_fmadd_ps(shifted, shifted, _mm256_load_ps(c->w));
  return _mm256_mul_ps(_mm256_mul_ps(power, linear), quadratic);
}

TILED_INLINE __m256 tiled_exp2_avx2(__m256 x, const tiled_exp_constants_t *c) {
  const tiled_exp_split_t split = tiled_exp2_split(x, c);
  return tiled_exp2_join(split.power, split.rest, c);
}

/// The scores of a tile on their way to weights, key by key.
///
/// A vector is split, then joined some steps of the score tile later, when the multiply-adds of the
/// join find their operands ready: waiting ones would hold up those of the score tile around them,
/// which have few registers to run ahead.
typedef struct {
  tiled_strip_t *strip;
  const float *scores;
  float *weights;
  int32_t keys;  ///< left to do
} tiled_raw_t;

/// The keys of `tile`, or none if it is NULL.
TILED_INLINE tiled_raw_t tiled_raw(tiled_strip_t *strip, const tiled_tile_t *tile) {
  if (!tile) return (tiled_raw_t){strip, NULL, NULL, 0};
  return (tiled_raw_t){strip, tile->scores, tile->weights, tile->count};
}

/// Splits vector `j` of a key's scores; masked ones (-inf) lead to the weight 0.
TILED_INLINE void tiled_weigh_split(const tiled_raw_t *raw, const int j) {
  tiled_strip_t *strip = raw->strip;
  const __m256 score = _mm256_load_ps(raw->scores + 8 * j);
  const __m256 x = _mm256_sub_ps(score, _mm256_load_ps(strip->maximum + 8 * j));
  const tiled_exp_split_t split = tiled_exp2_split(x, tiled_exp_operands());
  _mm256_store_ps(strip->split[j][0], split.power);
  _mm256_store_ps(strip->split[j][1], split.rest);
}

/// Joins vector `j` and stores its weights.
TILED_INLINE void tiled_weigh_join(const tiled_raw_t *raw, const int j) {
  const float(*split)[8] = raw->strip->split[j];
  const __m256 power = _mm256_load_ps(split[0]), rest = _mm256_load_ps(split[1]);
  _mm256_store_ps(raw->weights + 8 * j, tiled_exp2_join(power, rest, tiled_exp_operands()));
}

TILED_INLINE void tiled_weigh_advance(tiled_raw_t *raw) {
  raw->scores += TILED_AVX2_LANES;
  raw->weights += TILED_AVX2_LANES;
  raw->keys -= 1;
}

/// Weighs the keys that are left, with nothing beside them.
TILED_INLINE void tiled_weigh_rest(tiled_raw_t *raw) {
  while (raw->keys > 0) {
    TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) tiled_weigh_split(raw, j);
    TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) tiled_weigh_join(raw, j);
    tiled_weigh_advance(raw);
  }
}

/// Each lane's sum of its `count` weights in vector `j` of `weights` ([count][lanes]), two by two.
TILED_INLINE __m256 tiled_weight_sum(const float *weights, int32_t count, const int j) {
  weights += 8 * j;
  __m256 sum = _mm256_load_ps(weights);
  if (__builtin_expect(count == TILED_AVX2_KEYS, 1)) {
    const float *third = weights + 2 * TILED_AVX2_LANES;
    sum = _mm256_add_ps(sum, _mm256_load_ps(weights + TILED_AVX2_LANES));
    return _mm256_add_ps(
        sum, _mm256_add_ps(_mm256_load_ps(third), _mm256_load_ps(third + TILED_AVX2_LANES)));
  }
  for (int32_t i = 1; i < count; ++i) {
    sum = _mm256_add_ps(sum, _mm256_load_ps(weights + i * TILED_AVX2_LANES));
  }
  return sum;
}

/// Adds the weights of a finished tile to the denominators, unless they are so large that a score
/// must exceed its maximum by more than the slack: then returns non-zero.
TILED_INLINE int tiled_raw_end(tiled_strip_t *strip, const tiled_tile_t *tile) {
  if (!tile) return 0;
  __m256 sums[TILED_AVX2_VECTORS];
  TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
    sums[j] = tiled_weight_sum(tile->weights, tile->count, j);
  }
  const __m256 largest = _mm256_max_ps(_mm256_max_ps(sums[0], sums[1]), sums[2]);
  const __m256 exceeds = _mm256_cmp_ps(largest, _mm256_set1_ps(TILED_AVX2_MOST), _CMP_GT_OQ);
  if (__builtin_expect(_mm256_movemask_ps(exceeds), 0)) return 1;
  TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
    float *sum = strip->block_denominator + 8 * j;
    _mm256_store_ps(sum, _mm256_add_ps(_mm256_load_ps(sum), sums[j]));
  }
  return 0;
}

#endif
