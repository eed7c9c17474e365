// SPDX-License-Identifier: MIT
// Four lanes in plain C: what every compiler lowers to the machine's baseline.
#include <stdint.h>

#define LANES 4
#define PANEL 2
#define FLOAT_SCORE_VECTORS 2
#define INT8_SCORE_VECTORS 2
#define MOST_SCORE_VECTORS 2
#define BFLOAT16_DOTS 0
#include "vector.h"

INLINE vf all_f(float x) { return (vf){x, x, x, x}; }
INLINE vi all_i(int32_t x) { return (vi){x, x, x, x}; }
INLINE vf multiply_add(vf a, vf b, vf c) { return a * b + c; }
INLINE vf maximum(vf a, vf b) { return choose(a > b, a, b); }
INLINE int any_lane(vi mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }

/// Adds four products of an unsigned and a signed byte to every 32-bit lane.
INLINE vi dot_bytes(vi sum, vi bytes, vi signed_bytes) {
  UNROLL for (int shift = 0; shift < 32; shift += 8) {
    const vi a = (vi)((vu)bytes >> shift) & 0xff;
    sum += a * ((vi)((vu)signed_bytes << (24 - shift)) >> 24);
  }
  return sum;
}

#include "table.h"

const attn_decode_kernels_t attn_decode_scalar = DECODE_TABLE;
