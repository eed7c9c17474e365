// SPDX-License-Identifier: MIT
#ifndef ATTN_SURROUND_H
#define ATTN_SURROUND_H

#include "columns.h"

// What surrounds feature maps: statistics ahead of them, decays and norms after them.

static void f_column_max(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                         float *largest) {
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    int32_t left = width - c;
    vec16 y = f_load_first(largest + c, left);
    for (int32_t t = 0; t < rows; ++t) y = f_max(f_load_first(x + t * stride + c, left), y);
    f_store_first(largest + c, left, y);
  }
}

static void f_column_sum(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                         const float *factor, float *sums) {
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    int32_t left = width - c;
    vec16 y = f_load_first(sums + c, left);
    for (int32_t t = 0; t < rows; ++t) {
      vec16 row = f_load_first(x + t * stride + c, left);
      y += factor ? f_set1(factor[t]) * row : row;
    }
    f_store_first(sums + c, left, y);
  }
}

static void f_row_dots(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                       const float *y, float eps, float *dots) {
  const vec16 guard = f_set1(eps), zero = f_set1(0.0f);
  for (int32_t t = 0; t < rows; ++t) {
    vec16 sum = zero;
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      int32_t left = width - c;
      vec16 a = f_load_first(x + t * stride + c, left), b = f_load_first(y + c, left);
      sum += f_first((a + guard) * (b + guard), left, zero);
    }
    dots[t] = f_sum(sum);
  }
}

static float f_largest_norm(const float *x, ptrdiff_t stride, int32_t rows, int32_t width) {
  feature_block_t in = {x, stride, rows, 1};
  float largest = 0;
  for (int32_t t = 0; t < rows; ++t) {
    float norm = f_row_squares(&in, x + t * stride, width);
    largest = norm > largest ? norm : largest;
  }
  return largest;
}

static void f_moments(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                      double *sums) {
  for (int32_t t = 0; t < rows; ++t) {
    vec16 sum = f_set1(0.0f), squares = sum;
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      vec16 y = f_load_first(x + t * stride + c, width - c);
      sum += y;
      squares += y * y;
    }
    sums[0] += (double)f_sum(sum);
    sums[1] += (double)f_sum(squares);
  }
}

static float f_exponentials(float *values, int64_t count, float shift) {
  vec16 sum = f_set1(0.0f);
  for (int64_t i = 0; i < count; i += FEATURE_LANES) {
    int32_t left = count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(count - i);
    vec16 y = f_exp(f_load_first(values + i, left) - f_set1(shift));
    f_store_first(values + i, left, y);
    sum += f_first(y, left, f_set1(0.0f));
  }
  return f_sum(sum);
}

static void f_sigmoids(float *values, int64_t count, float factor) {
  for (int64_t i = 0; i < count; i += FEATURE_LANES) {
    int32_t left = count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(count - i);
    f_store_first(values + i, left, f_sigmoid(f_set1(factor) * f_load_first(values + i, left)));
  }
}

static float f_largest_of(const float *values, int64_t count) {
  vec16 largest = f_set1(-__builtin_inff());
  for (int64_t i = 0; i < count; i += FEATURE_LANES) {
    int32_t left = count - i > FEATURE_LANES ? FEATURE_LANES : (int32_t)(count - i);
    largest = f_max(largest, f_first(f_load_first(values + i, left), left, largest));
  }
  return f_largest(largest);
}

static void f_gaussians(float *scores, ptrdiff_t stride, int32_t rows, int32_t count,
                        const float *by_row, const float *by_column) {
  for (int32_t t = 0; t < rows; ++t) {
    float *row = scores + t * stride;
    for (int32_t i = 0; i < count; i += FEATURE_LANES) {
      int32_t left = count - i;
      vec16 x = f_load_first(row + i, left) - f_load_first(by_column + i, left);
      f_store_first(row + i, left, f_exp(x - f_set1(by_row[t])));
    }
  }
}

static void f_scale_rows(float *s, ptrdiff_t stride, int32_t rows, int32_t width,
                         const float *factor) {
  for (int32_t t = 0; t < rows; ++t) {
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      float *at = s + t * stride + c;
      f_store_first(at, width - c, f_set1(factor[t]) * f_load_first(at, width - c));
    }
  }
}

static void f_divide_rows(float *o, ptrdiff_t stride, int32_t rows, int32_t width,
                          const float *products, float eps) {
  for (int32_t t = 0; t < rows; ++t) {
    float factor = 1 / (products[t] + eps);
    f_scale_rows(o + t * stride, stride, 1, width, &factor);
  }
}

static void f_normalise_rows(float *o, ptrdiff_t stride, int32_t rows, int32_t width,
                             int32_t centred, float eps) {
  const vec16 zero = f_set1(0.0f);
  for (int32_t t = 0; t < rows; ++t) {
    float *row = o + t * stride;
    vec16 sum = zero, squares = zero;
    for (int32_t c = 0; c < width && centred; c += FEATURE_LANES) {
      sum += f_load_first(row + c, width - c);
    }
    vec16 mean = f_set1(f_sum(sum) / (float)width);
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      vec16 y = f_first(f_load_first(row + c, width - c) - mean, width - c, zero);
      squares += y * y;
    }
    vec16 factor = f_set1(1 / __builtin_sqrtf(f_sum(squares) / (float)width + eps));
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      f_store_first(row + c, width - c, factor * (f_load_first(row + c, width - c) - mean));
    }
  }
}

static int32_t f_gate_rows(float *q, float *k, ptrdiff_t stride, const float *gates,
                           ptrdiff_t gate_stride, int32_t rows, int32_t width, float limit,
                           float *opening, float *total) {
  int32_t done = 1;
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    f_store_first(opening + c, width - c, f_exp(f_load(gates + c)));
    f_store_first(total + c, width - c, f_set1(0.0f));
  }
  for (; done < rows; ++done) {
    const float *gate = gates + done * gate_stride;
    vec16 least = f_set1(0.0f);
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      int32_t left = width - c;
      vec16 b = f_load_first(total + c, left) + f_load(gate + c);
      least = f_min(least, f_first(b, left, f_set1(0.0f)));
    }
    if (-f_largest(-least) < limit) break;
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      int32_t left = width - c;
      vec16 b = f_load_first(total + c, left) + f_load(gate + c);
      f_store_first(total + c, left, b);
      float *query = q + done * stride + c, *key = k + done * stride + c;
      f_store(query, f_load(query) * f_exp(b));
      f_store(key, f_load(key) * f_exp(-b));
    }
  }
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    int32_t left = width - c;
    f_store_first(total + c, left, f_exp(f_load_first(total + c, left)));
  }
  return done;
}

static void f_running_softmax(float *q, float *k, ptrdiff_t stride, int32_t rows, int32_t width,
                              float *largest, float *sums, float *rescale) {
  for (int32_t c = 0; c < width; c += FEATURE_LANES) {
    int32_t left = width - c;
    vec16 before = f_load_first(largest + c, left), now = before;
    for (int32_t t = 0; t < rows; ++t) now = f_max(f_load(k + t * stride + c), now);
    vec16 keep = f_exp(before - now), sum = f_load_first(sums + c, left) * keep;
    f_store_first(rescale + c, left, keep);
    f_store_first(largest + c, left, now);
    for (int32_t t = 0; t < rows; ++t) {
      float *key = k + t * stride + c, *query = q + t * stride + c;
      vec16 y = f_exp(f_load(key) - now);
      sum += y;
      f_store(key, y);
      f_store(query, f_load(query) / sum);
    }
    f_store_first(sums + c, left, sum);
  }
}

/// state: sums of k, of q, of k / outflow, of q / inflow; then the sum of competition weights.
static void f_causal_flow(const attn_flow_t *flow, const float *q, const float *k,
                          ptrdiff_t stride, int32_t rows, int64_t first, float *state,
                          float *query_factor, float *key_factor) {
  int32_t width = flow->width, padded = attn_row_padded(width);
  float *keys = state, *queries = state + padded, *kept = state + 2 * padded;
  float *taken = state + 3 * padded, *weights = state + 4 * padded;
  for (int32_t t = 0; t < rows; ++t) {
    const float *query = q + t * stride, *key = k + t * stride;
    float count = (float)(first + t + 1), in, out, conserved_in, conserved_out;
    f_column_sum(key, stride, 1, width, NULL, keys);
    f_column_sum(query, stride, 1, width, NULL, queries);
    f_row_dots(query, stride, 1, width, keys, flow->eps, &in);
    f_row_dots(key, stride, 1, width, queries, flow->eps, &out);
    float from_source = count / out, into_sink = count / in;
    f_column_sum(key, stride, 1, width, &from_source, kept);
    f_column_sum(query, stride, 1, width, &into_sink, taken);
    f_row_dots(query, stride, 1, width, kept, flow->eps, &conserved_in);
    f_row_dots(key, stride, 1, width, taken, flow->eps, &conserved_out);
    conserved_in /= count;
    conserved_out /= count;
    conserved_out = conserved_out > 1 ? 1 : conserved_out < -1 ? -1 : conserved_out;
    float weight = f_sum(f_exp(f_set1(conserved_out))) / FEATURE_LANES;
    weights[0] += weight;
    key_factor[t] = weight / weights[0] * count;
    query_factor[t] = f_sum(f_sigmoid(f_set1(conserved_in))) / FEATURE_LANES / in;
  }
}

static void f_depthwise(const attn_depthwise_t *plan, const float *v, ptrdiff_t v_stride,
                        int32_t first, int32_t count, float *o, ptrdiff_t o_stride) {
  int32_t width = plan->width, padded = attn_row_padded(width);
  const int32_t *extent = plan->extent, *taps = plan->taps;
  for (int32_t i = 0; i < count; ++i) {
    int32_t token = first + i, x = token % extent[2], y = token / extent[2] % extent[1];
    int32_t z = token / extent[2] / extent[1];
    for (int32_t c = 0; c < width; c += FEATURE_LANES) {
      int32_t left = width - c;
      vec16 sum = f_load_first(o + i * o_stride + c, left);
      if (plan->bias) sum += f_load(plan->bias + c);
      const float *weights = plan->weights + c;
      for (int32_t a = z - taps[0] / 2; a <= z + taps[0] / 2; ++a) {
        for (int32_t b = y - taps[1] / 2; b <= y + taps[1] / 2; ++b) {
          int inside = a >= 0 && a < extent[0] && b >= 0 && b < extent[1];
          int32_t from = x - taps[2] / 2 < 0 ? taps[2] / 2 - x : 0;
          int32_t past = extent[2] - x + taps[2] / 2, to = past < taps[2] ? past : taps[2];
          const float *row = v + ((a * extent[1] + b) * extent[2] + x - taps[2] / 2) * v_stride + c;
          for (int32_t d = from; inside && d < to; ++d) {
            sum += f_load(weights + d * padded) * f_load_first(row + d * v_stride, left);
          }
          weights += (ptrdiff_t)taps[2] * padded;
        }
      }
      f_store_first(o + i * o_stride + c, left, sum);
    }
  }
}

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
    .exponentials = f_exponentials, .sigmoids = f_sigmoids, .largest = f_largest_of,     \
    .gaussians = f_gaussians, .scale_rows = f_scale_rows,                                \
    .divide_rows = f_divide_rows, .normalise_rows = f_normalise_rows,                    \
    .gate_rows = f_gate_rows, .running_softmax = f_running_softmax,                      \
    .causal_flow = f_causal_flow, .depthwise = f_depthwise, .gelu = f_gelu_all,          \
    .gather = f_gather, .scatter = f_scatter, .multiply = f_multiply, .weigh = f_weigh,  \
  }

#endif
