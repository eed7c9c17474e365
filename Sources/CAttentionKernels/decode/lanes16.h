// SPDX-License-Identifier: MIT
// Fixed permutations of 16 lanes.
#ifndef DECODE_LANES16_H
#define DECODE_LANES16_H

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

#define LANE_INDEX {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}

#endif
