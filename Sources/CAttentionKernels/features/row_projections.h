// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_PROJECTIONS_H
#define ATTN_ROW_PROJECTIONS_H

#include "row_block.h"

/// y[row] = W x[row] + b for `tile` rows and `vectors` vectors of channels from `r` on.
FEATURE_INLINE void f_project_part(const attn_row_op_t *op, const float *x, ptrdiff_t stride,
                                   float *out, ptrdiff_t out_stride, int32_t r,
                                   feature_fetch_t *fetch, int tile, int vectors) {
  int32_t padded = attn_row_padded(op->width_out);
  vec16 sum[FEATURE_TILE][FEATURE_TILE_VECTORS];
  FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
    vec16 start = op->q ? f_load(op->q + r + j * FEATURE_LANES) : f_set1(0.0f);
    FEATURE_UNROLL for (int i = 0; i < tile; ++i) sum[i][j] = start;
  }
  const float *w = op->p + r;
  for (int32_t c = 0; c < op->width; ++c, w += padded) {
    vec16 column[FEATURE_TILE_VECTORS];
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      column[j] = f_load(w + j * FEATURE_LANES);
    }
    if (fetch) f_fetch(fetch + c % 2);
    FEATURE_UNROLL for (int i = 0; i < tile; ++i) {
      vec16 scalar = f_set1(x[i * stride + c]);
      FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
        sum[i][j] += scalar * column[j];
      }
    }
  }
  FEATURE_UNROLL for (int i = 0; i < tile; ++i) {
    FEATURE_UNROLL for (int j = 0; j < vectors; ++j) {
      f_store(out + i * out_stride + r + j * FEATURE_LANES, sum[i][j]);
    }
  }
}

/// y[row] = W x[row] + b for `tile` rows.
FEATURE_INLINE void f_project_tile(const attn_row_op_t *op, const float *x, ptrdiff_t stride,
                                   float *out, ptrdiff_t out_stride, feature_fetch_t *fetch,
                                   int tile) {
  int32_t padded = attn_row_padded(op->width_out), r = 0;
  enum { step = FEATURE_TILE_VECTORS * FEATURE_LANES };
  for (; r + step <= padded; r += step) {
    f_project_part(op, x, stride, out, out_stride, r, fetch, tile, FEATURE_TILE_VECTORS);
  }
  for (; r < padded; r += FEATURE_LANES) {
    f_project_part(op, x, stride, out, out_stride, r, fetch, tile, 1);
  }
}

static void f_project(const attn_row_op_t *op, const feature_block_t *in, float *out,
                      ptrdiff_t out_stride) {
  int32_t t = 0;
  for (; t + FEATURE_TILE <= in->rows; t += FEATURE_TILE) {
    f_project_tile(op, in->x + t * in->stride, in->stride, out + t * out_stride, out_stride,
                   in->fetch, FEATURE_TILE);
  }
  for (; t < in->rows; ++t) {
    f_project_tile(op, in->x + t * in->stride, in->stride, out + t * out_stride, out_stride,
                   in->fetch, 1);
  }
}

#endif
