// SPDX-License-Identifier: MIT
#ifndef SELECT_RANK_H
#define SELECT_RANK_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/// Bits of a score as a whole number that orders like the score; -0 and 0 are one number.
static inline int32_t rank_bits(float score) {
  const float plain = score + 0.0f;
  int32_t bits;
  memcpy(&bits, &plain, sizeof bits);
  return bits ^ ((bits >> 31) & 0x7fffffff);
}

/// A score that has a rank: what is no number lies behind all others.
static inline float rank_number(float score) { return score == score ? score : -INFINITY; }

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

/// How many of `count` scores exceed a cut; scores that are no numbers exceed none.
typedef int32_t (*rank_count_t)(const float *scores, int32_t count, float cut);

/// The lowest cut between two scores above which at most `wanted` of all lie, found by bisection.
static inline __attribute__((always_inline)) float rank_cut(const float *scores, int32_t count,
                                                            int32_t wanted, float least,
                                                            float most,
                                                            rank_count_t count_above) {
  int32_t low = rank_bits(least), high = rank_bits(most), above = -1;
  while (low < high && above != wanted) {
    const int32_t middle = rank_between(low, high);
    above = count_above(scores, count, rank_score(middle));
    if (above <= wanted) high = middle; else low = middle + 1;
  }
  return rank_score(high);
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

static inline void add_to_blocks(const float *weights, ptrdiff_t stride, int32_t rows,
                                 int32_t count, const int32_t *blocks, float *sums) {
  for (int32_t i = 0; i < rows; i++) {
    for (int32_t j = 0; j < count; j++) sums[16 * blocks[j] + i] += weights[i * stride + j];
  }
}

#endif
