// SPDX-License-Identifier: MIT
// Fixed permutations of 4 lanes.
#ifndef DECODE_LANES4_H
#define DECODE_LANES4_H

// Lanes moved by n places, cyclically.
#define ROTATE_2(x) __builtin_shufflevector(x, x, 2, 3, 0, 1)
#define ROTATE_1(x) __builtin_shufflevector(x, x, 1, 2, 3, 0)

#define LANE_INDEX {0, 1, 2, 3}

#endif
