// SPDX-License-Identifier: MIT
#ifndef ATTN_CONVOLVE_FILTERS_H
#define ATTN_CONVOLVE_FILTERS_H

#include "blocks.h"
#include "tokens.h"

// Products of the spectra of all blocks with those of the filter, while a group is in the first cache.

/// Products of one row of all blocks; `shared` numbers or rows of the filter, `part` of them from one
/// block to the next.
CONVOLVE_INLINE void filter_row(int blocks, int shared, int causal, int32_t part,
                                const float *filter, ptrdiff_t block, float *at) {
  const ptrdiff_t width = shared ? 2 : ROW, spectra = causal ? blocks : 2 * blocks - 1;
  CONVOLVE_UNROLL for (int h = 0; h < ATTN_CONVOLVE_LANES; h += CONVOLVE_LANES) {
    complex_lanes x[ATTN_CONVOLVE_BLOCKS];
    // What the next group begins with.
    CONVOLVE_UNROLL for (int j = 0; j < blocks; j++) {
      FETCH_ROW(at + j * block + (part + 1) * ROW + h, 1);
    }
    CONVOLVE_UNROLL for (int d = 0; d < (shared ? 0 : spectra); d++) {
      FETCH_ROW(filter + (spectra + d) * part * width + h, 0);
    }
    CONVOLVE_UNROLL for (int j = 0; j < blocks; j++) x[j] = c_load(at + j * block + h);
    CONVOLVE_UNROLL for (int i = 0; i < blocks; i++) {
      // Four sums, since each waits for the one before it.
      lanes rr = (lanes)0.0f, ii = rr, ri = rr, ir = rr;
      CONVOLVE_UNROLL for (int j = 0; j < (causal ? i + 1 : blocks); j++) {
        const int distance = causal ? i - j : i - j + blocks - 1;
        const float *g = filter + (ptrdiff_t)distance * part * width;
        lanes re, im;
        if (shared) {
          re = (lanes)g[0];
          im = (lanes)g[1];
        } else {
          re = *(const lanes *)(g + h);
          im = *(const lanes *)(g + IMAGINARY + h);
        }
        rr += x[j].re * re;
        ii += x[j].im * im;
        ri += x[j].re * im;
        ir += x[j].im * re;
      }
      c_store(at + i * block + h, (complex_lanes){rr - ii, ri + ir});
    }
  }
}

CONVOLVE_INLINE void filter_group(int blocks, int shared, int causal, int32_t part,
                                  const float *filter, ptrdiff_t block, float *rows) {
  const ptrdiff_t width = shared ? 2 : ROW;
  for (int32_t q = 0; q < part; q++) {
    filter_row(blocks, shared, causal, part, filter + q * width, block, rows + q * ROW);
  }
}

#define FILTER_BLOCKS(count)                                                            \
  case count:                                                                           \
    if (filter->shared) {                                                               \
      if (causal) filter_group(count, 1, 1, part, values, block, rows);                 \
      else filter_group(count, 1, 0, part, values, block, rows);                        \
    } else {                                                                            \
      if (causal) filter_group(count, 0, 1, part, values, block, rows);                 \
      else filter_group(count, 0, 0, part, values, block, rows);                        \
    }                                                                                   \
    break;

static void filter_groups(const attn_convolve_t *plan, const attn_convolve_filter_t *filter,
                          const float *values, ptrdiff_t block, float *rows) {
  const int causal = filter->first == 0;
  const int32_t part = plan->part;
  switch (plan->blocks) {
    FILTER_BLOCKS(1) FILTER_BLOCKS(2) FILTER_BLOCKS(3) FILTER_BLOCKS(4)
    FILTER_BLOCKS(5) FILTER_BLOCKS(6) FILTER_BLOCKS(7) FILTER_BLOCKS(8)
  }
}

static void convolve_filter(const attn_convolve_t *plan, const attn_convolve_filter_t *filter,
                            float *spectra) {
  const int32_t part = plan->part;
  const ptrdiff_t group = (part + 1) * (ptrdiff_t)ROW;
  const ptrdiff_t block = (ptrdiff_t)attn_convolve_spectrum_floats(part);
  const ptrdiff_t width = filter->shared ? 2 : ROW;
  const float *turns = turns_of_part(plan);
  for (int p = 0; p < GROUPS; p++) {
    float *rows = spectra + p * group;
    for (int32_t i = 0; i < plan->blocks; i++) part_forward(part, turns, rows + i * block);
    if (!filter->values) continue;
    filter_groups(plan, filter, filter->values + (ptrdiff_t)p * filter->count * part * width, block,
                  rows);
    for (int32_t i = 0; i < plan->blocks; i++) part_back(part, turns, rows + i * block);
  }
}

#define CONVOLVE_TABLE \
  {.take = convolve_take, .split = convolve_split, .filter = convolve_filter, \
   .join = convolve_join, .give = convolve_give}

#endif
