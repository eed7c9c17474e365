// SPDX-License-Identifier: MIT
// Fixed permutations of 4 lanes.
#ifndef DECODE_LANES4_H
#define DECODE_LANES4_H

// One step of a sum over lanes: runs of lanes of x and y are halved and joined.
// FOLD_LOW_n and FOLD_HIGH_n are the lower and upper halves of runs of n lanes.
#define FOLD_LOW_4(x, y) __builtin_shufflevector(x, y, 0, 1, 4, 5)
#define FOLD_HIGH_4(x, y) __builtin_shufflevector(x, y, 2, 3, 6, 7)
#define FOLD_LOW_2(x, y) __builtin_shufflevector(x, y, 0, 4, 2, 6)
#define FOLD_HIGH_2(x, y) __builtin_shufflevector(x, y, 1, 5, 3, 7)

// Lanes moved by n places, cyclically.
#define ROTATE_2(x) __builtin_shufflevector(x, x, 2, 3, 0, 1)
#define ROTATE_1(x) __builtin_shufflevector(x, x, 1, 2, 3, 0)

// Lane i takes element i / n: what belongs to a key, for n rows per key.
#define SPREAD_4(x) __builtin_shufflevector(x, x, 0, 0, 0, 0)
#define SPREAD_2(x) __builtin_shufflevector(x, x, 0, 0, 1, 1)

#define LANE_INDEX {0, 1, 2, 3}

#endif
