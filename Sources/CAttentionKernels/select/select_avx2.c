// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include "estimates8.h"
#include "rank8.h"
#include "sums8.h"

const attn_select_kernels_t attn_select_avx2 = {
    pool_mean,        dot_rows,   pool_extrema, soften,         weigh_rows,
    estimate_exceeds, merge_row,  dot_block,    raise_products, raise_blocks,
    top,              estimates_exceed, merge_rows, spread_weights, add_to_blocks, NULL,
    NULL,             add_rows, NULL,
};
#endif
