// SPDX-License-Identifier: MIT
#ifndef ATTN_CONVOLVE_TOKENS_H
#define ATTN_CONVOLVE_TOKENS_H

#include "butterflies.h"

// Rows of inputs and outputs, walked in their order.

typedef float row16 __attribute__((ext_vector_type(16)));
typedef float row16_any __attribute__((ext_vector_type(16), aligned(4)));

/// Rows ahead that are fetched.
enum { AHEAD = 32 };

CONVOLVE_INLINE row16 row_first(const float *p, int32_t columns) {
  if (columns >= ATTN_CONVOLVE_LANES) return *(const row16_any *)p;
  float some[ATTN_CONVOLVE_LANES] = {0};
  memcpy(some, p, (size_t)columns * sizeof(float));
  return *(const row16_any *)some;
}

CONVOLVE_INLINE void row_store_first(float *p, int32_t columns, row16 x) {
  if (columns >= ATTN_CONVOLVE_LANES) {
    *(row16_any *)p = x;
    return;
  }
  float some[ATTN_CONVOLVE_LANES];
  *(row16_any *)some = x;
  memcpy(p, some, (size_t)columns * sizeof(float));
}

/// Floats from one 16 columns of the tokens to the next.
static inline ptrdiff_t tokens_apart(const attn_convolve_t *plan) {
  return plan->blocks * (ptrdiff_t)attn_convolve_token_floats(plan->part);
}

/// Floats ahead of token `t`.
static inline ptrdiff_t token_at(const attn_convolve_t *plan, int32_t t) {
  return ((ptrdiff_t)t + (t >> __builtin_ctz((unsigned)plan->part))) * ATTN_CONVOLVE_LANES;
}

CONVOLVE_INLINE void take_row(const float *x, const float *gate, ptrdiff_t ahead, int32_t columns,
                              float *to, ptrdiff_t apart) {
  for (int32_t c = 0; c < columns; c += ATTN_CONVOLVE_LANES, to += apart) {
    __builtin_prefetch(x + c + ahead);
    row16 row = row_first(x + c, columns - c);
    if (gate) {
      __builtin_prefetch(gate + c + ahead);
      row *= row_first(gate + c, columns - c);
    }
    *(row16 *)to = row;
  }
}

static void convolve_take(const attn_convolve_t *plan, const attn_convolve_rows_t *x,
                          const float *gate, int32_t first, int32_t end, float *tokens) {
  const ptrdiff_t apart = tokens_apart(plan), ahead = AHEAD * x->stride;
  int32_t t = first;
  for (; t < end && t < x->rows; t++) {
    const ptrdiff_t at = t * x->stride;
    take_row(x->values + at, gate ? gate + at : NULL, ahead, x->columns,
             tokens + token_at(plan, t), apart);
  }
  const ptrdiff_t taken = token_at(plan, t);
  const size_t left = (size_t)(token_at(plan, end) - taken) * sizeof(float);
  for (int32_t c = 0; c < x->columns; c += ATTN_CONVOLVE_LANES, tokens += apart) {
    memset(tokens + taken, 0, left);
  }
}

static void convolve_give(const attn_convolve_t *plan, const float *tokens, const float *gate,
                          const float *sums, int32_t first, int32_t end,
                          const attn_convolve_rows_t *y) {
  const ptrdiff_t apart = tokens_apart(plan), ahead = AHEAD * y->stride;
  for (int32_t t = first; t < end && t < y->rows; t++) {
    const float *from = tokens + token_at(plan, t);
    const float inverse = sums ? 1 / sums[t] : 1;
    for (int32_t c = 0; c < y->columns; c += ATTN_CONVOLVE_LANES, from += apart) {
      const ptrdiff_t at = t * y->stride + c;
      __builtin_prefetch(y->values + at + ahead, 1);
      row16 row = *(const row16 *)from;
      if (gate) {
        __builtin_prefetch(gate + at + ahead);
        row *= row_first(gate + at, y->columns - c);
      }
      if (sums) row *= inverse;
      row_store_first(y->values + at, y->columns - c, row);
    }
  }
}

#endif
