// SPDX-License-Identifier: MIT
#ifndef ATTN_ROW_PRODUCTS_H
#define ATTN_ROW_PRODUCTS_H

#include "row_block.h"

/// Channels whose products are made from rows that stand twice in a row, and rows that are laid out
/// so together: what has just been stored in parts cannot be loaded across them yet.
enum { FEATURE_TAYLOR = 256, FEATURE_TAYLOR_ROWS = 8 };

/// All x_i x_j, ordered by the distance from i to j around the row, so that all but the last
/// distance of an even width give whole rows. Parts may run over into the next one, which is written
/// after; the last one into a spare vector.
FEATURE_INLINE void f_taylor_row(const attn_row_op_t *op, const float *twice, float *out) {
  int32_t width = op->width;
  vec16 a = f_set1(op->a), square = f_set1(op->a * op->a);
  for (int32_t c = 0; c < width; c += FEATURE_LANES) f_store(out + c, a * f_load(twice + c));
  out += width;
  for (int32_t distance = 0; distance <= width / 2; ++distance) {
    int32_t count = 2 * distance == width ? distance : width;
    vec16 factor = distance == 0 ? square * f_set1(0.70710678f) : square;
    for (int32_t c = 0; c < count; c += FEATURE_LANES) {
      f_store(out + c, factor * f_load(twice + c) * f_load(twice + c + distance));
    }
    out += count;
  }
  out[0] = 1;
}

/// The same for rows of any width.
static void f_taylor_wide(const attn_row_op_t *op, const float *x, float *out) {
  int32_t width = op->width;
  for (int32_t i = 0; i < width; ++i) *out++ = op->a * x[i];
  for (int32_t distance = 0; distance <= width / 2; ++distance) {
    float factor = op->a * op->a * (distance == 0 ? 0.70710678f : 1);
    int32_t count = 2 * distance == width ? distance : width;
    for (int32_t i = 0; i < count; ++i) *out++ = factor * x[i] * x[(i + distance) % width];
  }
  *out = 1;
}

static void f_taylor(const attn_row_op_t *op, const feature_block_t *in, float *out,
                     ptrdiff_t out_stride) {
  int32_t width = op->width, stride = 2 * width + FEATURE_LANES;
  if (width > FEATURE_TAYLOR) {
    for (int32_t t = 0; t < in->rows; ++t) {
      f_taylor_wide(op, in->x + t * in->stride, out + t * out_stride);
    }
    return;
  }
  float twice[FEATURE_TAYLOR_ROWS * (2 * FEATURE_TAYLOR + FEATURE_LANES)];
  for (int32_t first = 0; first < in->rows; first += FEATURE_TAYLOR_ROWS) {
    int32_t left = in->rows - first, rows = left < FEATURE_TAYLOR_ROWS ? left : FEATURE_TAYLOR_ROWS;
    for (int32_t t = 0; t < rows; ++t) {
      const float *x = in->x + (first + t) * in->stride;
      for (int32_t i = 0; i < 2; ++i) {
        for (int32_t c = 0; c < width; c += FEATURE_LANES) {
          f_store(twice + t * stride + i * width + c, f_row(in, x + c, width - c));
        }
      }
    }
    for (int32_t t = 0; t < rows; ++t) {
      f_taylor_row(op, twice + t * stride, out + (first + t) * out_stride);
    }
  }
}

static void f_pairs(const attn_row_op_t *op, const feature_block_t *in, float *out,
                    ptrdiff_t out_stride, int64_t position) {
  for (int32_t t = 0; t < in->rows; ++t) {
    const float *x = in->x + t * in->stride;
    float *to = out + t * out_stride;
    int wave = op->kind == ATTN_ROW_WAVE;
    vec16 left = f_set1(wave ? op->p[position + t] : op->a);
    vec16 right = f_set1(wave ? op->q[position + t] : -op->a);
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store(to + c, left * f_row(in, x + c, op->width - c));
    }
    for (int32_t c = 0; c < op->width; c += FEATURE_LANES) {
      f_store_first(to + op->width + c, op->width - c, right * f_row(in, x + c, op->width - c));
    }
  }
}

#endif
