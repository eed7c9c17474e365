// SPDX-License-Identifier: MIT
#ifndef SELECT_RANK_H
#define SELECT_RANK_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/// Bits of a score as a whole number that orders like the score; -0 and 0 are one number.
static inline int32_t rank_bits(float score) {
  const float plain = score + 0.0f;
  int32_t bits;
  memcpy(&bits, &plain, sizeof bits);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/// The float that `rank_bits` maps to `rank`.
static inline float rank_score(int32_t rank) {
  const int32_t bits = rank ^ ((rank >> 31) & 0x7fffffff);
  float score;
  memcpy(&score, &bits, sizeof score);
  return score;
}

/// A number between two others, 64-bit so that the sum does not overflow.
static inline int32_t rank_between(int32_t low, int32_t high) {
  return (int32_t)(((int64_t)low + high) >> 1);
}

/// Weights by which two partial results are merged, and the log-sum-exp of both.
static inline void merge_weights(float lse, float part_lse, float *own, float *other,
                                 float *merged) {
  const float top = fmaxf(lse, part_lse);
  const float a = expf(lse - top), b = expf(part_lse - top);
  const float scale = 1.0f / (a + b);
  *own = a * scale;
  *other = b * scale;
  *merged = top - logf(scale);
}

#endif
