// SPDX-License-Identifier: MIT

#pragma clang attribute push( \
    __attribute__((target("avx2,fma"))), apply_to = function)

/// Channels of a register.
enum { CONVOLVE_LANES = 8 };

#include "filters.h"

const attn_convolve_kernels_t attn_convolve_avx2 = CONVOLVE_TABLE;

#pragma clang attribute pop
