// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include "best16.h"
#include "block16.h"
#include "estimates8.h"
#include "few16.h"
#include "panel16.h"
#include "rank16.h"
#include "rank8.h"
#include "sums16.h"
#include "sums8.h"

// What is bound by single short rows stays with 256-bit vectors.
const attn_select_kernels_t attn_select_avx512 = {
    pool_mean,        dot_rows16,  pool_extrema, soften16,         weigh_rows16,
    estimate_exceeds, merge_row,   dot_block16,  raise_products16, raise_blocks,
    top16,            estimates_exceed, merge_rows16, spread_weights, add_to_blocks16, attend_few16,
    best_rows16,      add_rows16, attend_block16,
};
#endif
