// SPDX-License-Identifier: MIT

/// Rows of a projection at a time.
enum { FEATURE_TILE = 2 };

#include "surround.h"

const attn_features_kernels_t attn_features_scalar = FEATURE_TABLE;
