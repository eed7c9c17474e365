// SPDX-License-Identifier: MIT
#if defined(__x86_64__)
#include <immintrin.h>

#include "attn_rows.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), \
                             apply_to = function)

/// 2^x for -126 <= x <= 0: a whole number moved to the exponent, a minimax polynomial for the rest.
static inline __m512 power_of_2(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(0x1.5bba12p-10f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.3cea88p-7f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.c6b752p-5f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.ebf9bcp-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(0x1.62e42ap-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1));
  return _mm512_scalef_ps(p, n);
}

static __mmask16 rest_mask(int64_t rest) {
  return rest >= 16 ? 0xFFFF : (__mmask16)((1u << rest) - 1);
}

static float exponentiate(float *scores, int64_t count) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __m512 largest[2] = {lowest, lowest};
  int64_t i = 0;
  for (; i + 32 <= count; i += 32) {
    largest[0] = _mm512_max_ps(largest[0], _mm512_loadu_ps(scores + i));
    largest[1] = _mm512_max_ps(largest[1], _mm512_loadu_ps(scores + i + 16));
  }
  for (; i < count; i += 16) {
    const __mmask16 lanes = rest_mask(count - i);
    largest[0] = _mm512_max_ps(largest[0], _mm512_mask_loadu_ps(lowest, lanes, scores + i));
  }
  const __m512 maximum = _mm512_set1_ps(_mm512_reduce_max_ps(_mm512_max_ps(largest[0], largest[1])));
  const __m512 clamp = _mm512_set1_ps(-126);
  __m512 sums = _mm512_setzero_ps();
  for (i = 0; i < count; i += 16) {
    const __mmask16 lanes = rest_mask(count - i);
    const __m512 x = _mm512_sub_ps(_mm512_mask_loadu_ps(lowest, lanes, scores + i), maximum);
    const __m512 weights = power_of_2(_mm512_max_ps(x, clamp));
    _mm512_mask_storeu_ps(scores + i, lanes, weights);
    sums = _mm512_mask_add_ps(sums, lanes, sums, weights);
  }
  return _mm512_reduce_add_ps(sums);
}

const attn_rows_kernels_t attn_rows_avx512 = {exponentiate};

#pragma clang attribute pop
#endif
