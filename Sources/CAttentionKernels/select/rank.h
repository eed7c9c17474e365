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

static inline void spread_weights(const float *weights, int32_t count, float scale, int32_t steps,
                                  int32_t per_block, float *importance, int32_t blocks) {
  int32_t block = 0;
  // The usual sizes, unrolled: stretches of two steps, blocks of four.
  if (steps == 2 && per_block == 4 && blocks > 0 && count >= 4) {
    float last = 0.0f;
    for (; block < blocks && 4 * block + 4 <= count; block++) {
      const float *w = weights + 4 * block;
      const float w0 = w[0] * scale, w1 = w[1] * scale, w2 = w[2] * scale, w3 = w[3] * scale;
      float sum = importance[block];
      if (block > 0) sum += last;
      sum += w0;
      sum += w0;
      sum += w1;
      sum += w1;
      sum += w2;
      sum += w2;
      importance[block] = sum + w3;
      last = w3;
    }
  }
  for (; block < blocks; block++) {
    const int32_t first = block * per_block, end = first + per_block;
    float sum = importance[block];
    for (int32_t i = first >= steps ? first - steps + 1 : 0; i < end && i < count; i++) {
      const float weight = weights[i] * scale;
      const int32_t from = i > first ? i : first, to = i + steps < end ? i + steps : end;
      for (int32_t step = from; step < to; step++) sum += weight;
    }
    importance[block] = sum;
  }
}

#endif
