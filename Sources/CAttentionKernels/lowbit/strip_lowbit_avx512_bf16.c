// SPDX-License-Identifier: MIT
// AVX-512 with VNNI and BF16: INT8 by vpdpbusd, BF16 by vdpbf16ps.
#if defined(__x86_64__)
#include <immintrin.h>

#define HAS_DOT_U8 1
#define HAS_DOT_BF16 1

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,avx512vnni,avx512bf16"))), \
    apply_to = function)

#include "vector_avx512.h"

const attn_lowbit_kernels_t attn_lowbit_avx512_bf16 = LOWBIT_TABLE;

#pragma clang attribute pop
#endif
