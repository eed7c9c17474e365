// SPDX-License-Identifier: MIT
// Stand-ins for the instructions of VNNI and BF16 in tables that widen instead.
#ifndef ATTN_LOWBIT_NO_DOTS_H
#define ATTN_LOWBIT_NO_DOTS_H

#include "vector.h"

#if !HAS_DOT_U8
INLINE vi dot_from_memory(int u8, vi acc, vi a, const dword *b) {
  (void)u8, (void)a, (void)b;
  return acc;
}

INLINE vi dot_u8(vi acc, vi a, vi b) {
  (void)a, (void)b;
  return acc;
}
#endif

#if !HAS_DOT_BF16
INLINE vf dot_bf16(vf acc, vi a, vi b) {
  (void)a, (void)b;
  return acc;
}

INLINE vi pair_bf16(vf a, vf b) {
  (void)b;
  return (vi)a;
}
#endif

#endif
