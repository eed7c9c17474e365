// SPDX-License-Identifier: MIT
#ifndef ATTN_CONVOLVE_PARTS_H
#define ATTN_CONVOLVE_PARTS_H

#include "butterflies.h"

// Transforms of the contiguous rows of a group, in place, in the first cache.

/// One step: transforms of rows `n / radix` apart, turned but for the last step, whose rows are next
/// to each other.
CONVOLVE_INLINE void part_step(int radix, int turned, int32_t n, const float *turns, float *rows) {
  const int32_t apart = n / radix;
  for (int32_t q = 0; q < apart; q++) {
    float *at = rows + q * ROW;
    CONVOLVE_UNROLL for (int h = 0; h < ATTN_CONVOLVE_LANES; h += CONVOLVE_LANES) {
      complex_lanes x[8];
      CONVOLVE_UNROLL for (int j = 0; j < radix; j++) x[j] = c_load(at + j * apart * ROW + h);
      c_transform(radix, x);
      c_store(at + h, x[0]);
      CONVOLVE_UNROLL for (int f = 1; f < radix; f++) {
        c_store(at + f * apart * ROW + h, turned ? c_turn(x[f], turns + 2 * (f - 1)) : x[f]);
      }
    }
    turns += 2 * (radix - 1);
  }
}

/// The step that takes `part_step` back, but for the factor `radix`.
CONVOLVE_INLINE void part_step_back(int radix, int turned, int32_t n, const float *turns,
                                    float *rows) {
  const int32_t apart = n / radix;
  for (int32_t q = 0; q < apart; q++) {
    float *at = rows + q * ROW;
    CONVOLVE_UNROLL for (int h = 0; h < ATTN_CONVOLVE_LANES; h += CONVOLVE_LANES) {
      complex_lanes x[8];
      x[0] = c_load(at + h);
      CONVOLVE_UNROLL for (int f = 1; f < radix; f++) {
        x[f] = c_load(at + f * apart * ROW + h);
        if (turned) x[f] = c_turn_back(x[f], turns + 2 * (f - 1));
      }
      c_inverse(radix, x);
      CONVOLVE_UNROLL for (int j = 0; j < radix; j++) c_store(at + j * apart * ROW + h, x[j]);
    }
    turns += 2 * (radix - 1);
  }
}

/// Steps of eight over each of the `n / size` pieces that earlier steps left.
static void part_eights(int32_t n, int32_t size, const float *turns, float *rows) {
  for (; size > 8; size /= 8) {
    for (int32_t at = 0; at < n; at += size) part_step(8, 1, size, turns, rows + at * ROW);
    turns += 2 * (size / 8) * 7;
  }
  if (size < 8) return;
  for (int32_t at = 0; at < n; at += 8) part_step(8, 0, 8, turns, rows + at * ROW);
}

static void part_eights_back(int32_t n, int32_t size, const float *turns, float *rows) {
  if (size < 8) return;
  if (size > 8) part_eights_back(n, size / 8, turns + 2 * (size / 8) * 7, rows);
  for (int32_t at = 0; at < n; at += size) {
    if (size > 8) {
      part_step_back(8, 1, size, turns, rows + at * ROW);
    } else {
      part_step_back(8, 0, 8, turns, rows + at * ROW);
    }
  }
}

/// Rows of a power of two are steps of eight behind one of two or four.
static inline int part_first(int32_t n) {
  const int bits = __builtin_ctz((unsigned)n);
  return bits % 3 == 0 ? 1 : bits % 3 == 1 ? 2 : 4;
}

static void part_forward(int32_t n, const float *turns, float *rows) {
  const int first = part_first(n);
  const int turned = n > first;
  if (first == 2) turned ? part_step(2, 1, n, turns, rows) : part_step(2, 0, n, turns, rows);
  if (first == 4) turned ? part_step(4, 1, n, turns, rows) : part_step(4, 0, n, turns, rows);
  if (turned) part_eights(n, n / first, turns + 2 * (n / first) * (first - 1), rows);
}

static void part_back(int32_t n, const float *turns, float *rows) {
  const int first = part_first(n);
  const int turned = n > first;
  if (turned) part_eights_back(n, n / first, turns + 2 * (n / first) * (first - 1), rows);
  if (first == 2) turned ? part_step_back(2, 1, n, turns, rows) : part_step_back(2, 0, n, turns, rows);
  if (first == 4) turned ? part_step_back(4, 1, n, turns, rows) : part_step_back(4, 0, n, turns, rows);
}

#endif
