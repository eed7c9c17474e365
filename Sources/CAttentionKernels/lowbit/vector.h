// SPDX-License-Identifier: MIT
// Vectors of one instruction set. The including file defines
//   VECTOR_LANES    32-bit elements per vector,
//   QUERY_VECTORS   vectors per strip,
//   TILE_ROWS       rows of a register tile,
//   INTERLEAVE      whether weights are computed between the steps of scores,
//   HAS_DOT_U8, HAS_DOT_BF16,
// and the functions declared without a body below.
#ifndef ATTN_LOWBIT_VECTOR_H
#define ATTN_LOWBIT_VECTOR_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "attn_lowbit.h"

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))
#define UNROLL _Pragma("clang loop unroll(full)")

enum {
  STRIP_LANES = VECTOR_LANES * QUERY_VECTORS,
  KEY_TILE = 8,
  CHANNEL_TILE = 8,
};

typedef float vf __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int32_t vi __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef uint32_t vu __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int32_t dword __attribute__((may_alias));

/// a * b + c, fused where the instruction set has it.
INLINE vf vf_fma(vf a, vf b, vf c);
INLINE vf vf_max(vf a, vf b);
/// Whether a[i] > b[i] for some i.
INLINE int vf_any_greater(vf a, vf b);
/// acc + a0 * b0 + a1 * b1 on signed 16-bit pairs.
INLINE vi dot_s16(vi acc, vi a, vi b);
/// Four products per lane, a unsigned and b signed bytes.
INLINE vi dot_u8(vi acc, vi a, vi b);
/// Two products of BF16 pairs per lane, added to a float32.
INLINE vf dot_bf16(vf acc, vi a, vi b);
/// The products of `dot_u8` or else `dot_bf16`, with *b broadcast by the instruction.
INLINE vi dot_from_memory(int u8, vi acc, vi a, const dword *b);
/// Nearest BF16s of two vectors, lane by lane: `a` in the lower halves.
INLINE vi pair_bf16(vf a, vf b);

/// 2^x for x >= -126, relative error below 1.3e-4: weights are rounded to 2^-9 or to 1/255 after it.
INLINE vf vf_exp2_coarse(vf x);
/// Keeps loads from moving across the rows of a register tile, where they would cost registers.
INLINE void row_fence(vi acc[QUERY_VECTORS]);

INLINE vf vf_set1(float x) { return x - (vf){0}; }
INLINE vi vi_set1(int32_t x) { return x - (vi){0}; }
INLINE vf vf_to_float(vi x) { return __builtin_convertvector(x, vf); }

/// Lanes whose bit is set in the strip's mask word, all bits set; else zero.
INLINE vi vi_lane_mask(uint32_t word, int vector) {
  vi bit;
  UNROLL
  for (int i = 0; i < VECTOR_LANES; i++) bit[i] = 1 << i;
  return (vi)((vi_set1((int32_t)(word >> (vector * VECTOR_LANES))) & bit) != 0);
}

INLINE vi vi_select(vi mask, vi a, vi b) { return (a & mask) | (b & ~mask); }

/// 2^x rounded to float32 for x in [-126, 127]; below -126 it stays at 2^-126.
///
/// x is split into an integer, shifted into the exponent, and a fraction in [-0.5, 0.5]. Largest
/// relative errors of the polynomials (minimax): degree 5 7.5e-8, degree 3 7.5e-5. Degree 3 serves
/// weights that are rounded to BF16 (2^-9) or to 1/255 afterwards.
INLINE vf vf_exp2(vf x, const int degree) {
  const vf magic = vf_set1(0x1.8p23f);
  x = vf_max(x, vf_set1(-126.0f));
  vf shifted = x + magic;
  vf f = x - (shifted - magic);
  vf p;
  if (degree == 5) {
    p = vf_fma(f, vf_set1(0x1.5c08d2p-10f), vf_set1(0x1.3d0c54p-7f));
    p = vf_fma(f, p, vf_set1(0x1.c6b6e6p-5f));
    p = vf_fma(f, p, vf_set1(0x1.ebf918p-3f));
    p = vf_fma(f, p, vf_set1(0x1.62e428p-1f));
    p = vf_fma(f, p, vf_set1(0x1.000002p+0f));
  } else {
    p = vf_fma(f, vf_set1(0x1.c3f702p-5f), vf_set1(0x1.f0de00p-3f));
    p = vf_fma(f, p, vf_set1(0x1.62f31ap-1f));
    p = vf_fma(f, p, vf_set1(0x1.fff692p-1f));
  }
  return (vf)((vi)p + ((vi)shifted << 23));
}

/// Round-to-nearest-even BF16 of finite floats, left in the upper half of each lane; the lower half
/// is not cleared.
INLINE vi vi_bf16_upper(vf x) {
  vi bits = (vi)x;
  return bits + 0x7fff + ((vi)((vu)bits >> 16) & 1);
}

#endif
