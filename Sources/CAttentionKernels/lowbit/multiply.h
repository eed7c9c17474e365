// SPDX-License-Identifier: MIT
// The register tile both products share, and the widening of packed operands where an instruction
// for the packed form is missing.
#ifndef ATTN_LOWBIT_MULTIPLY_H
#define ATTN_LOWBIT_MULTIPLY_H

#include "strip.h"

INLINE vi dot(const int form, vi acc, vi a, vi b) {
  if (form == DOT_F32) return (vi)vf_fma((vf)a, (vf)b, (vf)acc);
  if (form == DOT_S16) return dot_s16(acc, a, b);
  if (form == DOT_U8) return dot_u8(acc, a, b);
  return (vi)dot_bf16((vf)acc, a, b);
}

/// acc[lane] += a[lane] . b for row `r` of a tile.
///
/// Every other row, and with INT8 every row, is broadcast by the products themselves. On Zen 4
/// broadcasts into a register take issue slots from the exponentials, most per product with INT8.
INLINE void multiply_row(const int form, const int r, vi acc[QUERY_VECTORS],
                         const vi a[QUERY_VECTORS], const dword *b) {
  if ((r % 2 || form == DOT_U8) && (form == DOT_U8 || form == DOT_BF16)) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++)
      acc[v] = dot_from_memory(form == DOT_U8, acc[v], a[v], b);
  } else {
    const vi x = vi_set1(*b);
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) acc[v] = dot(form, acc[v], a[v], x);
  }
  row_fence(acc);
}

/// acc[r][lane] += a[lane] . b[r * row_stride] for one step.
INLINE void multiply_step(const int form, vi acc[TILE_ROWS][QUERY_VECTORS], const vi *a,
                          const dword *b, ptrdiff_t row_stride) {
  vi lanes[QUERY_VECTORS];
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) lanes[v] = a[v];
  UNROLL
  for (int r = 0; r < TILE_ROWS; r++) multiply_row(form, r, acc[r], lanes, b + r * row_stride);
  // Keeps loads of later steps from being hoisted, which spills accumulators.
  __asm__ volatile("" ::: "memory");
}

/// acc[r][lane] += sum over steps of a[step][lane] . b[r * row_stride + step * step_stride].
///
/// Four steps at a time: the exit of a loop of 16 short iterations is mispredicted every time.
INLINE void multiply(const int form, vi acc[TILE_ROWS][QUERY_VECTORS], const vi *a, const dword *b,
                     ptrdiff_t row_stride, ptrdiff_t step_stride, int32_t steps) {
  for (; steps >= 4; steps -= 4) {
    UNROLL
    for (int i = 0; i < 4; i++) {
      multiply_step(form, acc, a, b, row_stride);
      a += QUERY_VECTORS;
      b += step_stride;
    }
  }
  for (; steps > 0; steps--) {
    multiply_step(form, acc, a, b, row_stride);
    a += QUERY_VECTORS;
    b += step_stride;
  }
}

/// Halves of packed dwords in the wide forms. DOT_F32 splits BF16 pairs into float32s, DOT_S16
/// splits signed bytes 0 1 2 3 into the 16-bit pairs 0 2 (half 0) and 1 3 (half 1).
///
/// A macro because keys come in vectors and values in rows of a register tile.
#define WIDEN(form, x, half, dwords, words)                               \
  ((form) == DOT_F32 ? ((half) ? (x) & ((dwords){0} - 65536) : (x) << 16) \
                     : (dwords)((half) ? (words)(x) >> 8 : ((words)(x) << 8) >> 8))

typedef int16_t vs __attribute__((vector_size(4 * VECTOR_LANES), may_alias));
typedef int32_t row_vi __attribute__((vector_size(4 * TILE_ROWS), may_alias, aligned(4)));
typedef int16_t row_vs __attribute__((vector_size(4 * TILE_ROWS), may_alias, aligned(4)));
typedef vi unaligned_vi __attribute__((aligned(4)));

INLINE vi widen(const int form, vi x, const int half) { return WIDEN(form, x, half, vi, vs); }

/// Widens a row of packed keys; the halves follow each other. Reads and writes whole vectors: up to
/// one beyond the row and beyond the second half.
INLINE void widen_keys(const int form, const dword *packed, int32_t count, dword *wide) {
  UNROLL
  for (int half = 0; half < 2; half++) {
    for (int32_t i = 0; i < count; i += VECTOR_LANES)
      *(unaligned_vi *)(wide + half * count + i) =
          widen(form, *(const unaligned_vi *)(packed + i), half);
  }
}

/// Widens TILE_ROWS channels of `count` rows of packed values, `stride` dwords apart.
INLINE void widen_values(const int form, const dword *packed, ptrdiff_t stride, int32_t count,
                         dword *wide) {
  for (int32_t i = 0; i < count; i++) {
    const row_vi x = *(const row_vi *)(packed + i * stride);
    *(row_vi *)(wide + 2 * i * TILE_ROWS) = WIDEN(form, x, 0, row_vi, row_vs);
    *(row_vi *)(wide + (2 * i + 1) * TILE_ROWS) = WIDEN(form, x, 1, row_vi, row_vs);
  }
}

#endif
