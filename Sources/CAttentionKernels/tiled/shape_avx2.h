// SPDX-License-Identifier: MIT
#ifndef TILED_SHAPE_AVX2_H
#define TILED_SHAPE_AVX2_H

#include <immintrin.h>

#include "strip.h"

/// Register tile: 4 keys (or value channels) x 3 vectors of 8 queries.
enum { TILED_AVX2_LANES = 24, TILED_AVX2_VECTORS = 3, TILED_AVX2_KEYS = 4 };

/// Largest sum of the weights of a tile: more means that a score exceeds its maximum by the slack,
/// because four weights of 2^slack do not reach it.
#define TILED_AVX2_MOST 0x1.01p12f

/// Keeps the compiler from loading the next factor before three sums are done: 12 sums, 3 vectors
/// and one factor fill the 16 registers, a second factor would push a sum into memory.
#define TILED_PIN(sums) \
  __asm__ volatile("" : "+x"((sums)[0]), "+x"((sums)[1]), "+x"((sums)[2])::"memory")

#endif
