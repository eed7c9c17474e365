// SPDX-License-Identifier: MIT
// Fixed permutations of 8 lanes.
#ifndef DECODE_LANES8_H
#define DECODE_LANES8_H

// Lanes moved by n places, cyclically.
#define ROTATE_4(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3)
#define ROTATE_2(x) __builtin_shufflevector(x, x, 2, 3, 4, 5, 6, 7, 0, 1)
#define ROTATE_1(x) __builtin_shufflevector(x, x, 1, 2, 3, 4, 5, 6, 7, 0)

#define LANE_INDEX {0, 1, 2, 3, 4, 5, 6, 7}

#endif
