// SPDX-License-Identifier: MIT

/// Rows of a projection at a time, and vectors of its channels.
enum { FEATURE_TILE = 2, FEATURE_TILE_VECTORS = 1 };

#include "surround.h"

const attn_features_kernels_t attn_features_scalar = FEATURE_TABLE;
