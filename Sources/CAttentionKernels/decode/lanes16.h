// SPDX-License-Identifier: MIT
// Fixed permutations of 16 lanes.
#ifndef DECODE_LANES16_H
#define DECODE_LANES16_H

// One step of a sum over lanes: runs of lanes of x and y are halved and joined.
// FOLD_LOW_n and FOLD_HIGH_n are the lower and upper halves of runs of n lanes.
#define FOLD_LOW_16(x, y) \
  __builtin_shufflevector(x, y, \
                          0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define FOLD_HIGH_16(x, y) \
  __builtin_shufflevector(x, y, \
                          8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define FOLD_LOW_8(x, y) \
  __builtin_shufflevector(x, y, \
                          0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27)
#define FOLD_HIGH_8(x, y) \
  __builtin_shufflevector(x, y, \
                          4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31)
#define FOLD_LOW_4(x, y) \
  __builtin_shufflevector(x, y, \
                          0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define FOLD_HIGH_4(x, y) \
  __builtin_shufflevector(x, y, \
                          2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define FOLD_LOW_2(x, y) \
  __builtin_shufflevector(x, y, \
                          0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30)
#define FOLD_HIGH_2(x, y) \
  __builtin_shufflevector(x, y, \
                          1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31)

// Lanes moved by n places, cyclically.
#define ROTATE_8(x) \
  __builtin_shufflevector(x, x, \
                          8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define ROTATE_4(x) \
  __builtin_shufflevector(x, x, \
                          4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3)
#define ROTATE_2(x) \
  __builtin_shufflevector(x, x, \
                          2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1)
#define ROTATE_1(x) \
  __builtin_shufflevector(x, x, \
                          1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0)

// Lane i takes element i / n: what belongs to a key, for n rows per key.
#define SPREAD_4(x) __builtin_shufflevector(x, x, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
#define SPREAD_2(x) __builtin_shufflevector(x, x, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7)

#define LANE_INDEX {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

#endif
