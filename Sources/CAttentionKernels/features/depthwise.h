// SPDX-License-Identifier: MIT
#ifndef ATTN_DEPTHWISE_H
#define ATTN_DEPTHWISE_H

#include "columns.h"

/// Tokens along the last axis that share what is read of kernels.
enum { FEATURE_CONVOLVED = 8 };

/// Adds the convolution at `tokens` tokens from (z, y, x) on; more than one only where all taps along
/// the last axis are inside, and with widths of whole vectors.
FEATURE_INLINE void f_depthwise_run(const attn_depthwise_t *plan, const float *v,
                                    ptrdiff_t v_stride, int32_t z, int32_t y, int32_t x, float *o,
                                    ptrdiff_t o_stride, int tokens) {
  int32_t width = plan->width, padded = attn_row_padded(width);
  const int32_t *extent = plan->extent, *taps = plan->taps;
  int32_t half = taps[2] / 2, past = extent[2] - x + half;
  int32_t from = tokens > 1 || x >= half ? 0 : half - x;
  int32_t to = tokens > 1 || past >= taps[2] ? taps[2] : past;
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    int32_t left = tokens > 1 ? FEATURE_LANES : width - c;
    vec16 sum[FEATURE_CONVOLVED];
    FEATURE_UNROLL for (int i = 0; i < tokens; ++i) {
      sum[i] = f_load_first(o + i * o_stride + c, left);
      if (plan->bias) sum[i] += f_load(plan->bias + c);
    }
    const float *weights = plan->weights + c;
    for (int32_t a = z - taps[0] / 2; a <= z + taps[0] / 2; ++a) {
      for (int32_t b = y - taps[1] / 2; b <= y + taps[1] / 2; ++b) {
        int inside = a >= 0 && a < extent[0] && b >= 0 && b < extent[1];
        const float *row = v + ((a * extent[1] + b) * extent[2] + x - half) * v_stride + c;
        for (int32_t d = from; inside && d < to; ++d) {
          vec16 w = f_load(weights + d * padded);
          FEATURE_UNROLL for (int i = 0; i < tokens; ++i) {
            sum[i] += w * f_load_first(row + (d + i) * v_stride, left);
          }
        }
        weights += (ptrdiff_t)taps[2] * padded;
      }
    }
    FEATURE_UNROLL for (int i = 0; i < tokens; ++i) {
      f_store_first(o + i * o_stride + c, left, sum[i]);
    }
  }
}

/// The same along one axis with `taps` taps: values stay in registers from token to token.
FEATURE_INLINE void f_depthwise_line(const attn_depthwise_t *plan, const float *v,
                                     ptrdiff_t v_stride, float *o, ptrdiff_t o_stride, int taps) {
  enum { tokens = FEATURE_CONVOLVED, most = 5 };
  int32_t padded = attn_row_padded(plan->width);
  v -= taps / 2 * v_stride;
  for (int32_t c = 0; c < plan->width; c += FEATURE_LANES) {
    vec16 w[most], x[FEATURE_CONVOLVED + most];
    vec16 bias = plan->bias ? f_load(plan->bias + c) : f_set1(0.0f);
    FEATURE_UNROLL for (int d = 0; d < taps; ++d) w[d] = f_load(plan->weights + d * padded + c);
    FEATURE_UNROLL for (int i = 0; i < tokens + taps - 1; ++i) {
      x[i] = f_load(v + i * v_stride + c);
    }
    FEATURE_UNROLL for (int i = 0; i < tokens; ++i) {
      vec16 sum = f_load(o + i * o_stride + c) + bias;
      FEATURE_UNROLL for (int d = 0; d < taps; ++d) sum += w[d] * x[i + d];
      f_store(o + i * o_stride + c, sum);
    }
  }
}

static void f_depthwise(const attn_depthwise_t *plan, const float *v, ptrdiff_t v_stride,
                        int32_t first, int32_t count, float *o, ptrdiff_t o_stride) {
  const int32_t *extent = plan->extent;
  int32_t half = plan->taps[2] / 2, whole = plan->width % FEATURE_LANES == 0;
  int32_t line = plan->taps[0] * plan->taps[1] == 1 ? plan->taps[2] : 0;
  for (int32_t i = 0; i < count;) {
    int32_t token = first + i, x = token % extent[2], y = token / extent[2] % extent[1];
    int32_t z = token / extent[2] / extent[1], inside = extent[2] - half - x;
    int32_t room = count - i < inside ? count - i : inside;
    if (whole && x >= half && room >= FEATURE_CONVOLVED) {
      float *to = o + i * o_stride;
      switch (line) {
        case 3: f_depthwise_line(plan, v + token * v_stride, v_stride, to, o_stride, 3); break;
        case 5: f_depthwise_line(plan, v + token * v_stride, v_stride, to, o_stride, 5); break;
        default:
          f_depthwise_run(plan, v, v_stride, z, y, x, to, o_stride, FEATURE_CONVOLVED);
      }
      i += FEATURE_CONVOLVED;
    } else {
      f_depthwise_run(plan, v, v_stride, z, y, x, o + i * o_stride, o_stride, 1);
      i += 1;
    }
  }
}

#endif
