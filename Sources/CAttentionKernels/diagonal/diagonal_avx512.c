// SPDX-License-Identifier: MIT
#include "attn_diagonal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "vector_avx512.h"

#include "attend.h"

const attn_diagonal_kernels_t attn_diagonal_avx512 = {
    .lanes = DIAGONAL_LANES,
    .scratch_bytes = diagonal_scratch_bytes,
    .attend = diagonal_attend,
};

#pragma clang attribute pop

#endif
