// SPDX-License-Identifier: MIT
// Fixed permutations of 8 lanes.
#ifndef DECODE_LANES8_H
#define DECODE_LANES8_H

// One step of a sum over lanes: runs of lanes of x and y are halved and joined.
// FOLD_LOW_n and FOLD_HIGH_n are the lower and upper halves of runs of n lanes.
#define FOLD_LOW_8(x, y) __builtin_shufflevector(x, y, 0, 1, 2, 3, 8, 9, 10, 11)
#define FOLD_HIGH_8(x, y) __builtin_shufflevector(x, y, 4, 5, 6, 7, 12, 13, 14, 15)
#define FOLD_LOW_4(x, y) __builtin_shufflevector(x, y, 0, 1, 8, 9, 4, 5, 12, 13)
#define FOLD_HIGH_4(x, y) __builtin_shufflevector(x, y, 2, 3, 10, 11, 6, 7, 14, 15)
#define FOLD_LOW_2(x, y) __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14)
#define FOLD_HIGH_2(x, y) __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15)

// Lanes moved by n places, cyclically.
#define ROTATE_4(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3)
#define ROTATE_2(x) __builtin_shufflevector(x, x, 2, 3, 4, 5, 6, 7, 0, 1)
#define ROTATE_1(x) __builtin_shufflevector(x, x, 1, 2, 3, 4, 5, 6, 7, 0)

// Lane i takes element i / n: what belongs to a key, for n rows per key.
#define SPREAD_4(x) __builtin_shufflevector(x, x, 0, 0, 0, 0, 1, 1, 1, 1)
#define SPREAD_2(x) __builtin_shufflevector(x, x, 0, 0, 1, 1, 2, 2, 3, 3)

#define LANE_INDEX {0, 1, 2, 3, 4, 5, 6, 7}

#endif
