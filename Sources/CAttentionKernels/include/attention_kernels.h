// SPDX-License-Identifier: MIT
#ifndef ATTENTION_KERNELS_H
#define ATTENTION_KERNELS_H

#include "attn_convolve.h"
#include "attn_decode.h"
#include "attn_diagonal.h"
#include "attn_features.h"
#include "attn_lowbit.h"
#include "attn_quantised.h"
#include "attn_rows.h"
#include "attn_scan.h"
#include "attn_select.h"
#include "attn_threads.h"
#include "attn_tiled.h"
#include "attn_types.h"
#include "attn_window.h"

/// Every kernel of one instruction set. A stronger set borrows what it does not do better.
typedef struct {
  attn_isa_t isa;
  const char *name;
  const attn_tiled_kernels_t *tiled;
  const attn_lowbit_kernels_t *lowbit;
  const attn_scan_kernels_t *scan;
  const attn_select_kernels_t *select;
  const attn_rows_kernels_t *rows;
  const attn_diagonal_kernels_t *diagonal;
  const attn_decode_kernels_t *decode;
  const attn_window_kernels_t *window;  ///< NULL where strips serve short windows too
  const attn_quantised_kernels_t *quantised;
  const attn_features_kernels_t *features;
  const attn_convolve_kernels_t *convolve;
} attn_kernel_table_t;

/// The table of `isa`, or NULL where this CPU or its system lacks the instructions.
const attn_kernel_table_t *attn_kernel_table(attn_isa_t isa);

#endif
