// SPDX-License-Identifier: MIT
#ifndef TILED_EXP_AVX512_H
#define TILED_EXP_AVX512_H

#include <immintrin.h>

#include "tile.h"

/// Constants of `tiled_exp2_avx512`.
typedef struct {
  /// Bits of c 2^(i/16), c the leading coefficient, less the i << 19 that the index bits add when
  /// the index is shifted to the exponent.
  _Alignas(64) uint32_t table[16];
  float lowest;  ///< every power of 2 from here down underflows
  float magic;   ///< one unit in its last place is 1/16
  float a, k;    ///< 2^f = c ((f + a)^2 + k)
} tiled_exp_constants_t;

static const tiled_exp_constants_t tiled_exp_constants = {
    {0x3e75fc17, 0x3e78700d, 0x3e761fc7, 0x3e740ff3, 0x3e72436e, 0x3e70bd31, 0x3e6f8059,
     0x3e6e9027, 0x3e6deffe, 0x3e6da36a, 0x3e6dae1f, 0x3e6e13f9, 0x3e6ed901, 0x3e70016f,
     0x3e7191a9, 0x3e738e48},
    -127, 0x1.8p19f, 0x1.715cc8p+0f, 0x1.0a624cp+1f};

/// The constants behind a pointer the compiler cannot see through: they stay in memory, where they
/// are free operands, and leave the registers to the sums of a score tile.
TILED_INLINE const tiled_exp_constants_t *tiled_exp_operands(void) {
  const tiled_exp_constants_t *constants = &tiled_exp_constants;
  __asm__("" : "+r"(constants));
  return constants;
}

/// 2^x for x < 128, relative error below 6.2e-7; exactly 0 below -126, -inf included.
///
/// Splits x into a multiple of 1/16, looked up, and the rest |f| <= 1/32, for which
/// 2^f = c ((f + a)^2 + k) is the minimax quadratic: two operations of the multiply-add pipes, the
/// others run beside them. Exponents that underflow come out as negative integers, clamped to +0.
TILED_INLINE __m512 tiled_exp2_avx512(__m512 x, const tiled_exp_constants_t *c) {
  x = _mm512_max_ps(x, _mm512_set1_ps(c->lowest));
  const __m512 shifted = _mm512_add_ps(x, _mm512_set1_ps(c->magic));
  const __m512 f = _mm512_sub_ps(x, _mm512_sub_ps(shifted, _mm512_set1_ps(c->magic)));
  const __m512i index = _mm512_castps_si512(shifted);
  const __m512i bits = _mm512_permutexvar_epi32(index, _mm512_load_si512(c->table));
  const __m512i power = _mm512_add_epi32(bits, _mm512_slli_epi32(index, 19));
  const __m512i clamped = _mm512_max_epi32(power, _mm512_setzero_si512());
  const __m512 g = _mm512_add_ps(f, _mm512_set1_ps(c->a));
  const __m512 square = _mm512_fmadd_ps(g, g, _mm512_set1_ps(c->k));
  return _mm512_mul_ps(_mm512_castsi512_ps(clamped), square);
}

/// The scores of a tile on their way to weights, two vectors at a time.
///
/// The vectors of a pair belong to the two parts, or to successive keys of one part.
typedef struct {
  const float *scores;
  float *weights;
  ptrdiff_t step;  ///< floats between vectors
  int32_t pairs;   ///< left to do
  int first, second;  ///< lanes of the vectors of a pair
  const float *first_maximum, *second_maximum;
  __m512 sums[2];
  __m512 highest;  ///< largest score less its maximum
} tiled_raw_t;

/// The vectors of `tile`, or none if it is NULL.
TILED_INLINE tiled_raw_t tiled_raw(const tiled_strip_t *strip, const tiled_tile_t *tile) {
  tiled_raw_t raw = {0};
  if (tile) {
    const int both = tile->parts == 3;
    raw.first = tile->parts == 2 ? 16 : 0;
    raw.second = both ? 16 : raw.first;
    raw.scores = tile->scores + raw.first;
    raw.weights = tile->weights + raw.first;
    raw.step = both ? 16 : 32;
    raw.pairs = both ? tile->count : (tile->count + 1) / 2;
  }
  raw.first_maximum = strip->maximum + raw.first;
  raw.second_maximum = strip->maximum + raw.second;
  raw.sums[0] = raw.sums[1] = raw.highest = _mm512_setzero_ps();
  return raw;
}

/// Turns a vector of scores into weights; masked scores (-inf) get the weight 0.
TILED_INLINE void tiled_weigh(tiled_raw_t *raw, const float *maximum, const int vector,
                              const tiled_exp_constants_t *constants) {
  const __m512 x = _mm512_sub_ps(_mm512_load_ps(raw->scores), _mm512_load_ps(maximum));
  raw->highest = _mm512_max_ps(raw->highest, x);
  const __m512 weight = tiled_exp2_avx512(x, constants);
  _mm512_store_ps(raw->weights, weight);
  raw->sums[vector] = _mm512_add_ps(raw->sums[vector], weight);
  raw->scores += raw->step;
  raw->weights += raw->step;
}

TILED_INLINE void tiled_weigh_pair(tiled_raw_t *raw) {
  const tiled_exp_constants_t *constants = tiled_exp_operands();
  tiled_weigh(raw, raw->first_maximum, 0, constants);
  tiled_weigh(raw, raw->second_maximum, 1, constants);
  raw->pairs -= 1;
}

/// Adds the weights of a finished tile to the denominators, unless a score exceeds its maximum by
/// more than the slack: then returns non-zero.
TILED_INLINE int tiled_raw_end(const tiled_raw_t *raw, tiled_strip_t *strip) {
  const __m512 slack = _mm512_set1_ps(TILED_SLACK);
  if (__builtin_expect(_mm512_cmp_ps_mask(raw->highest, slack, _CMP_GT_OQ) != 0, 0)) return 1;
  float *first = strip->block_denominator + raw->first;
  float *second = strip->block_denominator + raw->second;
  _mm512_store_ps(first, _mm512_add_ps(_mm512_load_ps(first), raw->sums[0]));
  _mm512_store_ps(second, _mm512_add_ps(_mm512_load_ps(second), raw->sums[1]));
  return 0;
}

#endif
