// SPDX-License-Identifier: MIT
#include <math.h>

#include "attn_convolve.h"

// The table: turns of the first eight real rows, turns between the two steps of 64, turns between
// these and the part, turns between the steps of the part.

static float *turn(float *out, double share) {
  const double angle = -2 * 3.14159265358979323846 * share;
  out[0] = (float)cos(angle);
  out[1] = (float)sin(angle);
  return out + 2;
}

/// Factors of the first step of a transform of `n` rows: 2 or 4 where eights do not divide it.
static int32_t radix(int32_t n) {
  int32_t bits = 0;
  while (n >> (bits + 1)) bits++;
  return bits % 3 == 0 ? 8 : bits % 3 == 1 ? 2 : 4;
}

size_t attn_convolve_turn_floats(int32_t part) {
  size_t count = 8 + 64 + 64 * (size_t)part;
  for (int32_t n = part; n > 8; n /= radix(n)) count += (size_t)n / radix(n) * (radix(n) - 1);
  return 2 * count;
}

void attn_convolve_turns(int32_t part, float *turns) {
  for (int j = 0; j < 8; j++) turns = turn(turns, j / 32.0);
  for (int r = 0; r < 8; r++) {
    for (int f = 0; f < 8; f++) turns = turn(turns, r * (f + 0.25) / 64);
  }
  for (int32_t r = 0; r < part; r++) {
    for (int p = 0; p < 64; p++) {
      const int f = p / 8 + p % 8 * 8;
      turns = turn(turns, r * (f + 0.25) / (64.0 * part));
    }
  }
  for (int32_t n = part; n > 8; n /= radix(n)) {
    for (int32_t q = 0; q < n / radix(n); q++) {
      for (int f = 1; f < radix(n); f++) turns = turn(turns, (double)q * f / n);
    }
  }
}
