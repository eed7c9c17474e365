// SPDX-License-Identifier: MIT

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

/// Channels of a register.
enum { CONVOLVE_LANES = 16 };

#include "filters.h"

const attn_convolve_kernels_t attn_convolve_avx512 = CONVOLVE_TABLE;

#pragma clang attribute pop
