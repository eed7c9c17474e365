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
  _Alignas(32) int32_t zero[8];
  _Alignas(32) float a[8], p[8], q[8];  ///< 2^f = c (g (g^2 + p) + q) with g = f + a
} tiled_exp_constants_t;

#define TILED_REPEAT8(x) {x, x, x, x, x, x, x, x}

static const tiled_exp_constants_t tiled_exp_constants = {
    {0x3d6352d1, 0x3d67e5e5, 0x3d672ad8, 0x3d6366ab,
     0x3d60bdf3, 0x3d5f4a56, 0x3d5f27d0, 0x3d6074e1},
    TILED_REPEAT8(-127),
    TILED_REPEAT8(64),
    TILED_REPEAT8(0x1.8p20f),
    TILED_REPEAT8(0),
    TILED_REPEAT8(0x1.716c2p+0f),
    TILED_REPEAT8(0x1.8f7f74p+2f),
    TILED_REPEAT8(0x1.805b1cp+2f)};

/// The constants behind a pointer the compiler cannot see through: they stay in memory and leave
/// the registers to the sums of a score tile.
TILED_INLINE const tiled_exp_constants_t *tiled_exp_operands(void) {
  const tiled_exp_constants_t *constants = &tiled_exp_constants;
  __asm__ volatile("" : "+r"(constants)::"memory");
  return constants;
}

/// 2^x on the way: power (c 2^(i/8) at the right exponent) and g.
typedef struct {
  __m256 power, g;
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
  const __m256 f = _mm256_sub_ps(x, _mm256_sub_ps(shifted, _mm256_load_ps(c->magic)));
  const __m256i index = _mm256_castps_si256(shifted);
  const __m256i table = _mm256_load_si256((const __m256i *)c->table);
  const __m256i bits = _mm256_permutevar8x32_epi32(table, index);
  const __m256i power = _mm256_add_epi32(bits, _mm256_slli_epi32(index, 20));
  const __m256i clamped = _mm256_max_epi32(power, _mm256_load_si256((const __m256i *)c->zero));
  return (tiled_exp_split_t){_mm256_castsi256_ps(clamped), _mm256_add_ps(f, _mm256_load_ps(c->a))};
}

/// Second half: the minimax cubic of the rest in its depressed form. Relative error of the whole
/// below 2.5e-7.
TILED_INLINE __m256 tiled_exp2_join(__m256 power, __m256 g, const tiled_exp_constants_t *c) {
  const __m256 square = _mm256_fmadd_ps(g, g, _mm256_load_ps(c->p));
  const __m256 cubic = _mm256_fmadd_ps(g, square, _mm256_load_ps(c->q));
  return _mm256_mul_ps(power, cubic);
}

TILED_INLINE __m256 tiled_exp2_avx2(__m256 x, const tiled_exp_constants_t *c) {
  const tiled_exp_split_t split = tiled_exp2_split(x, c);
  return tiled_exp2_join(split.power, split.g, c);
}

/// The scores of a tile on their way to weights, by pairs of keys and vectors of lanes.
///
/// A pair is split, then joined some steps of the score tile later, when the multiply-adds of the
/// join find their operands ready: waiting ones would hold up those of the score tile around them,
/// which have few registers to run ahead.
typedef struct {
  tiled_strip_t *strip;
  const float *scores;
  float *weights;
  int32_t halves;  ///< left to do: two per pair, split and join
  ptrdiff_t lane;
} tiled_raw_t;

/// The pairs of `tile`, or none if it is NULL.
TILED_INLINE tiled_raw_t tiled_raw(tiled_strip_t *strip, const tiled_tile_t *tile) {
  tiled_raw_t raw = {strip, NULL, NULL, 0, 0};
  TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
    _mm256_store_ps(strip->tile_denominator + 8 * j, _mm256_setzero_ps());
  }
  if (tile) {
    raw.scores = tile->scores;
    raw.weights = tile->weights;
    raw.halves = 2 * TILED_AVX2_VECTORS * ((tile->count + 1) / 2);
  }
  return raw;
}

/// Splits the next pair of scores; masked ones (-inf) lead to the weight 0.
TILED_INLINE void tiled_weigh_split(const tiled_raw_t *raw) {
  tiled_strip_t *strip = raw->strip;
  const float *maximum = strip->maximum + raw->lane;
  TILED_UNROLL for (int i = 0; i < 2; ++i) {
    const tiled_exp_constants_t *constants = tiled_exp_operands();
    const __m256 score = _mm256_load_ps(raw->scores + i * TILED_AVX2_LANES);
    const __m256 x = _mm256_sub_ps(score, _mm256_load_ps(maximum));
    const tiled_exp_split_t split = tiled_exp2_split(x, constants);
    _mm256_store_ps(strip->split[2 * i], split.power);
    _mm256_store_ps(strip->split[2 * i + 1], split.g);
  }
}

/// Joins the pair split last, stores the weights and adds them up.
TILED_INLINE void tiled_weigh_join(const tiled_raw_t *raw) {
  tiled_strip_t *strip = raw->strip;
  float *sums = strip->tile_denominator + raw->lane;
  const tiled_exp_constants_t *constants = tiled_exp_operands();
  __m256 weight[2];
  TILED_UNROLL for (int i = 0; i < 2; ++i) {
    const __m256 power = _mm256_load_ps(strip->split[2 * i]);
    weight[i] = tiled_exp2_join(power, _mm256_load_ps(strip->split[2 * i + 1]), constants);
    _mm256_store_ps(raw->weights + i * TILED_AVX2_LANES, weight[i]);
  }
  const __m256 sum = _mm256_add_ps(weight[0], weight[1]);
  _mm256_store_ps(sums, _mm256_add_ps(sum, _mm256_load_ps(sums)));
}

TILED_INLINE void tiled_weigh_advance(tiled_raw_t *raw) {
  const int last = raw->lane == TILED_AVX2_LANES - 8;
  const ptrdiff_t step = last ? 8 + TILED_AVX2_LANES : 8;
  raw->scores += step;
  raw->weights += step;
  raw->lane = last ? 0 : raw->lane + 8;
}

TILED_INLINE void tiled_weigh_half(tiled_raw_t *raw) {
  if (raw->halves % 2 == 0) {
    tiled_weigh_split(raw);
  } else {
    tiled_weigh_join(raw);
    tiled_weigh_advance(raw);
  }
  raw->halves -= 1;
}

/// Adds the weights of a finished tile to the denominators, unless they are so large that a score
/// must exceed its maximum by more than the slack: then returns non-zero.
TILED_INLINE int tiled_raw_end(const tiled_raw_t *raw) {
  tiled_strip_t *strip = raw->strip;
  const __m256 most = _mm256_set1_ps(TILED_AVX2_MOST);
  __m256 exceeds = _mm256_setzero_ps();
  TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
    const __m256 sum = _mm256_load_ps(strip->tile_denominator + 8 * j);
    exceeds = _mm256_or_ps(exceeds, _mm256_cmp_ps(sum, most, _CMP_GT_OQ));
  }
  if (__builtin_expect(_mm256_movemask_ps(exceeds), 0)) return 1;
  TILED_UNROLL for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
    float *sum = strip->block_denominator + 8 * j;
    const __m256 more = _mm256_load_ps(strip->tile_denominator + 8 * j);
    _mm256_store_ps(sum, _mm256_add_ps(_mm256_load_ps(sum), more));
  }
  return 0;
}

#endif
