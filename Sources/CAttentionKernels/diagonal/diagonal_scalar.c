// SPDX-License-Identifier: MIT
#include "vector_scalar.h"

#include "attend.h"

const attn_diagonal_kernels_t attn_diagonal_scalar = {
    .lanes = DIAGONAL_LANES,
    .scratch_bytes = diagonal_scratch_bytes,
    .attend = diagonal_attend,
};
