// SPDX-License-Identifier: MIT
// Portable vectors; the compiler chooses the instructions.
#define VECTOR_LANES 4
#define TILE_ROWS 2
#define HAS_FMA 0
#define HAS_DOT_U8 0

#include "strip.h"

INLINE vi dot_u8(vi acc, vi a, dword b) {
  (void)a, (void)b;
  return acc;
}

#include "attend.h"

const attn_quantised_kernels_t attn_quantised_scalar = QUANTISED_TABLE;
