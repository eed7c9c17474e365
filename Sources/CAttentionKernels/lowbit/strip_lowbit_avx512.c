// SPDX-License-Identifier: MIT
// AVX-512 without VNNI and BF16: INT8 as exact 16-bit pairs, BF16 widened to float32.
#if defined(__x86_64__)
#include <immintrin.h>

#define HAS_DOT_U8 0
#define HAS_DOT_BF16 0

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)

#include "vector_avx512.h"

const attn_lowbit_kernels_t attn_lowbit_avx512 = LOWBIT_TABLE;

#pragma clang attribute pop
#endif
