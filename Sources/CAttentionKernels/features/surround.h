// SPDX-License-Identifier: MIT
#ifndef ATTN_SURROUND_H
#define ATTN_SURROUND_H

#include "depthwise.h"
#include "flows.h"
#include "gates.h"
#include "mapped_rows.h"
#include "output_rows.h"

// What surrounds feature maps: statistics ahead of them, decays and norms after them.

static void f_gelu_all(float *x, int64_t count) {
  for (int64_t i = 0; i < count; i += FEATURE_LANES) {
    int32_t left = count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(count - i);
    f_store_first(x + i, left, f_gelu(f_load_first(x + i, left)));
  }
}

#define FEATURE_TABLE                                                                    \
  {                                                                                      \
    .apply = f_apply, .column_max = f_column_max, .column_sum = f_column_sum,            \
    .row_dots = f_row_dots, .largest_norm = f_largest_norm, .moments = f_moments,        \
    .exponentials = f_exponentials, .largest = f_largest_of,                             \
    .gaussians = f_gaussians, .scale_rows = f_scale_rows,                                \
    .divide_rows = f_divide_rows, .normalise_rows = f_normalise_rows,                    \
    .gate_rows = f_gate_rows, .rows_below = f_rows_below,                                \
    .row_factors = f_row_factors, .balance_rows = f_balance_rows,                        \
    .map_rows = f_map_rows, .causal_flow = f_causal_flow, .depthwise = f_depthwise,      \
    .gelu = f_gelu_all, .gather = f_gather, .scatter = f_scatter,                        \
  }

#endif
