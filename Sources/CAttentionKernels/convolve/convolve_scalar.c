// SPDX-License-Identifier: MIT

/// Channels of a register.
enum { CONVOLVE_LANES = 4 };

#include "filters.h"

const attn_convolve_kernels_t attn_convolve_scalar = CONVOLVE_TABLE;
