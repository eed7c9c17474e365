// SPDX-License-Identifier: MIT
// Vectors of LANES floats or 32-bit integers. The file of an instruction set defines LANES, PANEL
// (value vectors whose sums stay in registers) and the operations that plain C cannot express.
#ifndef DECODE_VECTOR_H
#define DECODE_VECTOR_H

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));
typedef float vf_loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t word_t __attribute__((aligned(4), may_alias));
typedef int32_t vi_loose __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

INLINE vf load_f(const float *at) { return *(const vf_loose *)at; }
INLINE void store_f(float *at, vf x) { *(vf_loose *)at = x; }
INLINE vi load_i(const void *at) { return *(const vi_loose *)at; }

/// `x` in the lanes of `mask` that are all ones, `y` in those that are zero.
INLINE vf choose(vi mask, vf x, vf y) { return (vf)((mask & (vi)x) | (~mask & (vi)y)); }

#if LANES == 16
#include "lanes16.h"
#elif LANES == 8
#include "lanes8.h"
#else
#include "lanes4.h"
#endif

#endif
