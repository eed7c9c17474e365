// SPDX-License-Identifier: MIT
#ifndef ATTN_CONVOLVE_BLOCK_H
#define ATTN_CONVOLVE_BLOCK_H

#include "parts.h"

// From rows of tokens to groups of a spectrum, and back: transforms of 64 rows, `part` apart.

enum { GROUPS = ATTN_CONVOLVE_GROUPS };

/// Rows ahead, in every group, that are fetched into the second cache: no hardware follows 64 streams.
enum { ROWS_AHEAD = 2 };

/// Fetches a complex row that will be read, or written.
#define FETCH_ROW(at, writes)                                 \
  do {                                                        \
    __builtin_prefetch((at), (writes), 2);                    \
    __builtin_prefetch((at) + IMAGINARY, (writes), 2);        \
  } while (0)

static inline const float *turns_of_eight(const attn_convolve_t *plan) { return plan->turns; }
static inline const float *turns_inside(const attn_convolve_t *plan) { return plan->turns + 16; }
static inline const float *turns_between(const attn_convolve_t *plan, int32_t r) {
  return plan->turns + 16 + 128 + (ptrdiff_t)r * 2 * GROUPS;
}
static inline const float *turns_of_part(const attn_convolve_t *plan) {
  return turns_between(plan, plan->part);
}

/// Rows `r`, `r + part`, ... of a block into row `r` of every group.
CONVOLVE_INLINE void split_rows(const attn_convolve_t *plan, const float *tokens,
                                const float *weights, int weighed, int32_t r, float *spectrum) {
  const ptrdiff_t part = plan->part, group = (part + 1) * ROW;
  const float *eight = turns_of_eight(plan), *inside = turns_inside(plan);
  const float *between = turns_between(plan, r);
  _Alignas(64) float held[GROUPS * ROW];
  CONVOLVE_UNROLL for (int h = 0; h < ATTN_CONVOLVE_LANES; h += CONVOLVE_LANES) {
    CONVOLVE_ROLL for (int s = 0; s < 8; s++) {
      complex_lanes x[8];
      CONVOLVE_UNROLL for (int j = 0; j < 8; j++) {
        const ptrdiff_t piece = s + 8 * j;
        lanes v = *(const lanes *)(tokens + (r + (part + 1) * piece) * ATTN_CONVOLVE_LANES + h);
        if (weighed) v *= weights[r + part * piece];
        x[j] = j == 0 ? (complex_lanes){v, (lanes)0.0f}
                      : (complex_lanes){v * eight[2 * j], v * eight[2 * j + 1]};
      }
      c_eight(x);
      CONVOLVE_UNROLL for (int f = 0; f < 8; f++) {
        c_store(held + (8 * f + s) * ROW + h, c_turn(x[f], inside + 2 * (8 * s + f)));
      }
    }
    CONVOLVE_ROLL for (int f = 0; f < 8; f++) {
      complex_lanes x[8];
      CONVOLVE_UNROLL for (int s = 0; s < 8; s++) x[s] = c_load(held + (8 * f + s) * ROW + h);
      c_eight(x);
      CONVOLVE_UNROLL for (int g = 0; g < 8; g++) {
        const int p = 8 * f + g;
        float *to = spectrum + p * group + r * ROW + h;
        FETCH_ROW(to + ROWS_AHEAD * ROW, 1);
        c_store(to, c_turn(x[g], between + 2 * p));
      }
    }
  }
}

/// Row `r` of every group into rows `r`, `r + part`, ... of a block.
CONVOLVE_INLINE void join_rows(const attn_convolve_t *plan, const float *spectrum,
                               const float *weights, int weighed, int32_t r, float *tokens) {
  const ptrdiff_t part = plan->part, group = (part + 1) * ROW;
  const float *eight = turns_of_eight(plan), *inside = turns_inside(plan);
  const float *between = turns_between(plan, r);
  _Alignas(64) float held[GROUPS * ROW];
  CONVOLVE_UNROLL for (int h = 0; h < ATTN_CONVOLVE_LANES; h += CONVOLVE_LANES) {
    CONVOLVE_ROLL for (int f = 0; f < 8; f++) {
      complex_lanes x[8];
      CONVOLVE_UNROLL for (int g = 0; g < 8; g++) {
        const int p = 8 * f + g;
        const float *from = spectrum + p * group + r * ROW + h;
        FETCH_ROW(from + ROWS_AHEAD * ROW, 0);
        x[g] = c_turn_back(c_load(from), between + 2 * p);
      }
      c_inverse(8, x);
      CONVOLVE_UNROLL for (int s = 0; s < 8; s++) {
        c_store(held + (8 * f + s) * ROW + h, c_turn_back(x[s], inside + 2 * (8 * s + f)));
      }
    }
    CONVOLVE_ROLL for (int s = 0; s < 8; s++) {
      complex_lanes x[8];
      CONVOLVE_UNROLL for (int f = 0; f < 8; f++) x[f] = c_load(held + (8 * f + s) * ROW + h);
      c_inverse(8, x);
      CONVOLVE_UNROLL for (int j = 0; j < 8; j++) {
        const ptrdiff_t piece = s + 8 * j;
        lanes *y = (lanes *)(tokens + (r + (part + 1) * piece) * ATTN_CONVOLVE_LANES + h);
        lanes v = j == 0 ? x[j].re : x[j].re * eight[2 * j] + x[j].im * eight[2 * j + 1];
        *y = weighed ? v * weights[r + part * piece] + *y : v;
      }
    }
  }
}

static void convolve_split(const attn_convolve_t *plan, const float *tokens, const float *weights,
                           float *spectrum) {
  for (int32_t r = 0; r < plan->part; r++) {
    if (weights) {
      split_rows(plan, tokens, weights, 1, r, spectrum);
    } else {
      split_rows(plan, tokens, weights, 0, r, spectrum);
    }
  }
}

static void convolve_join(const attn_convolve_t *plan, const float *spectrum, const float *weights,
                          float *tokens) {
  for (int32_t r = 0; r < plan->part; r++) {
    if (weights) {
      join_rows(plan, spectrum, weights, 1, r, tokens);
    } else {
      join_rows(plan, spectrum, weights, 0, r, tokens);
    }
  }
}

#endif
