// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include "lanes8.h"
#include "lanes16.h"

// What is bound by single short rows stays with 256-bit vectors.
const attn_select_kernels_t attn_select_avx512 = {
    pool_mean,        dot_rows16,  pool_extrema, soften16,         weigh_rows16,
    estimate_exceeds, merge_row,   dot_block16,  raise_products16, raise_blocks,
    top16,            estimates_exceed, merge_rows16, spread_weights,
};
#endif
