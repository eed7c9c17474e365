// SPDX-License-Identifier: MIT
// Portable vectors of four; the compiler chooses the instructions.
#define VECTOR_LANES 4
#define QUERY_VECTORS 4
#define TILE_ROWS 2
#define INTERLEAVE 0
#define HAS_DOT_U8 0
#define HAS_DOT_BF16 0

#include "vector.h"

INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }

INLINE vf vf_max(vf a, vf b) {
  const vi greater = (vi)(a > b);
  return (vf)(((vi)a & greater) | ((vi)b & ~greater));
}

INLINE int vf_any_greater(vf a, vf b) {
  const vi greater = (vi)(a > b);
  return (greater[0] | greater[1] | greater[2] | greater[3]) != 0;
}

INLINE vi dot_s16(vi acc, vi a, vi b) {
  return acc + ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
}

INLINE void row_fence(vi acc[QUERY_VECTORS]) { (void)acc; }

INLINE vf vf_exp2_coarse(vf x) { return vf_exp2(x, 3); }

#include "no_dots.h"
#include "table.h"

const attn_lowbit_kernels_t attn_lowbit_scalar = LOWBIT_TABLE;
