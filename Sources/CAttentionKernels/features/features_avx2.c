// SPDX-License-Identifier: MIT

#pragma clang attribute push( \
    __attribute__((target("avx2,fma"))), apply_to = function)

/// Rows of a projection at a time, and vectors of its channels.
enum { FEATURE_TILE = 4, FEATURE_TILE_VECTORS = 1 };

#include "surround.h"

const attn_features_kernels_t attn_features_avx2 = FEATURE_TABLE;

#pragma clang attribute pop
