// SPDX-License-Identifier: MIT
#ifndef ATTN_SURROUND_H
#define ATTN_SURROUND_H

#include "columns.h"

// What surrounds feature maps: statistics ahead of them, decays and norms after them.

/// Columns that walks over rows take along: a cache line of every row is not fetched twice.
enum { FEATURE_COLUMNS = 4 };

/// Calls `part(columns)` for all vectors of a width, at most FEATURE_COLUMNS at a time; whole vectors
/// only where there are more than one.
#define FEATURE_EACH_COLUMNS(width, part)                                     \
  for (int32_t c = 0, step; c < (width); c += step) {                         \
    step = (width) - c >= FEATURE_COLUMNS * FEATURE_LANES                     \
               ? FEATURE_COLUMNS * FEATURE_LANES : FEATURE_LANES;             \
    if (step > FEATURE_LANES) { part(FEATURE_COLUMNS); } else { part(1); }    \
  }

FEATURE_INLINE void f_column_max_part(const float *x, ptrdiff_t stride, int32_t rows, int32_t left,
                                      float *largest, int columns) {
  vec16 y[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    y[j] = columns > 1 ? f_load(largest + j * FEATURE_LANES) : f_load_first(largest, left);
  }
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      y[j] = f_max(columns > 1 ? f_load(at) : f_load_first(at, left), y[j]);
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(largest + j * FEATURE_LANES, left, y[j]);
}

static void f_column_max(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                         float *largest) {
#define FEATURE_PART(columns) f_column_max_part(x + c, stride, rows, width - c, largest + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
}

FEATURE_INLINE void f_column_sum_part(const float *x, ptrdiff_t stride, int32_t rows, int32_t left,
                                      const float *factor, float *sums, int columns) {
  vec16 y[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    y[j] = columns > 1 ? f_load(sums + j * FEATURE_LANES) : f_load_first(sums, left);
  }
  for (int32_t t = 0; t < rows; ++t) {
    vec16 scale = f_set1(factor ? factor[t] : 1.0f);
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      const float *at = x + t * stride + j * FEATURE_LANES;
      vec16 row = columns > 1 ? f_load(at) : f_load_first(at, left);
      y[j] += factor ? scale * row : row;
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(sums + j * FEATURE_LANES, left, y[j]);
}

static void f_column_sum(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                         const float *factor, float *sums) {
#define FEATURE_PART(columns) \
  f_column_sum_part(x + c, stride, rows, width - c, factor, sums + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
}

static void f_row_dots(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                       const float *y, float eps, float *dots) {
  const vec16 guard = f_set1(eps), zero = f_set1(0.0f);
  if (width == FEATURE_COLUMNS * FEATURE_LANES) {
    vec16 other[FEATURE_COLUMNS];
    FEATURE_UNROLL
    for (int j = 0; j < FEATURE_COLUMNS; ++j) other[j] = f_load(y + j * FEATURE_LANES) + guard;
    for (int32_t t = 0; t < rows; ++t) {
      vec16 sum = zero;
      FEATURE_UNROLL
      for (int j = 0; j < FEATURE_COLUMNS; ++j) {
        sum += (f_load(x + t * stride + j * FEATURE_LANES) + guard) * other[j];
      }
      dots[t] = f_sum(sum);
    }
    return;
  }
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

/// Rows whose moments are summed by lane before they are added in Double.
enum { FEATURE_MOMENT_ROWS = 16 };

static void f_moments(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                      double *sums) {
  for (int32_t first = 0; first < rows; first += FEATURE_MOMENT_ROWS) {
    int32_t last = first + FEATURE_MOMENT_ROWS < rows ? first + FEATURE_MOMENT_ROWS : rows;
    vec16 sum = f_set1(0.0f), squares = sum;
    for (int32_t t = first; t < last; ++t) {
      for (int32_t c = 0; c < width; c += FEATURE_LANES) {
        vec16 y = f_load_first(x + t * stride + c, width - c);
        sum += y;
        squares += y * y;
      }
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

/// Rows that are normalised together, so that their sums do not wait for each other.
enum { FEATURE_NORMALISED = 4 };

/// Rows of `vectors` whole vectors.
FEATURE_INLINE void f_normalise_part(float *o, ptrdiff_t stride, int32_t centred, float eps,
                                     int vectors) {
  enum { rows = FEATURE_NORMALISED };
  const float width = (float)(vectors * FEATURE_LANES);
  const vec16 zero = f_set1(0.0f);
  vec16 x[FEATURE_NORMALISED][FEATURE_COLUMNS], squares[FEATURE_NORMALISED];
  FEATURE_UNROLL
  for (int i = 0; i < rows; ++i) {
    vec16 sum = zero;
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      x[i][j] = f_load(o + i * stride + j * FEATURE_LANES);
      sum += x[i][j];
    }
    squares[i] = zero;
    vec16 mean = f_set1(centred ? f_sum(sum) / width : 0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      x[i][j] = x[i][j] - mean;
      squares[i] += x[i][j] * x[i][j];
    }
  }
  FEATURE_UNROLL
  for (int i = 0; i < rows; ++i) {
    vec16 factor = f_set1(1 / __builtin_sqrtf(f_sum(squares[i]) / width + eps));
    FEATURE_UNROLL
    for (int j = 0; j < vectors; ++j) {
      f_store(o + i * stride + j * FEATURE_LANES, factor * x[i][j]);
    }
  }
}

/// A row of any width.
static void f_normalise_row(float *row, int32_t width, int32_t centred, float eps) {
  const vec16 zero = f_set1(0.0f);
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

static void f_normalise_rows(float *o, ptrdiff_t stride, int32_t rows, int32_t width,
                             int32_t centred, float eps) {
  int32_t t = 0;
  if (width == FEATURE_COLUMNS * FEATURE_LANES) {
    for (; t + FEATURE_NORMALISED <= rows; t += FEATURE_NORMALISED) {
      f_normalise_part(o + t * stride, stride, centred, eps, FEATURE_COLUMNS);
    }
  }
  for (; t < rows; ++t) f_normalise_row(o + t * stride, width, centred, eps);
}

/// Rows from the first on until the sum of later gates falls below `limit` in any channel.
FEATURE_INLINE int32_t f_gate_reach(const float *gates, ptrdiff_t stride, int32_t rows,
                                    int32_t left, float limit, int columns) {
  vec16 b[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) b[j] = f_set1(0.0f);
  for (int32_t t = 1; t < rows; ++t) {
    vec16 least = f_set1(0.0f);
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      b[j] += f_load(gates + t * stride + j * FEATURE_LANES);
      least = f_min(least, columns > 1 ? b[j] : f_first(b[j], left, least));
    }
    if (-f_largest(-least) < limit) return t;
  }
  return rows;
}

FEATURE_INLINE void f_gate_part(float *q, float *k, ptrdiff_t stride, const float *gates,
                                ptrdiff_t gate_stride, int32_t rows, int32_t left, float *opening,
                                float *total, int columns) {
  vec16 b[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    b[j] = f_set1(0.0f);
    f_store_first(opening + j * FEATURE_LANES, left, f_exp(f_load(gates + j * FEATURE_LANES)));
  }
  for (int32_t t = 1; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      float *query = q + t * stride + j * FEATURE_LANES, *key = k + t * stride + j * FEATURE_LANES;
      b[j] += f_load(gates + t * gate_stride + j * FEATURE_LANES);
      f_store(query, f_load(query) * f_exp(b[j]));
      f_store(key, f_load(key) * f_exp(-b[j]));
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(total + j * FEATURE_LANES, left, f_exp(b[j]));
}

static int32_t f_gate_rows(float *q, float *k, ptrdiff_t stride, const float *gates,
                           ptrdiff_t gate_stride, int32_t rows, int32_t width, float limit,
                           float *opening, float *total) {
  int32_t done = rows;
#define FEATURE_PART(columns) \
  done = f_gate_reach(gates + c, gate_stride, done, width - c, limit, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
#define FEATURE_PART(columns)                                                              \
  f_gate_part(q + c, k + c, stride, gates + c, gate_stride, done, width - c, opening + c,  \
              total + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
  return done;
}

FEATURE_INLINE void f_running_part(float *q, float *k, ptrdiff_t stride, int32_t rows,
                                   int32_t left, float *largest, float *sums, float *rescale,
                                   int columns) {
  vec16 now[FEATURE_COLUMNS], sum[FEATURE_COLUMNS];
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    now[j] = columns > 1 ? f_load(largest + j * FEATURE_LANES) : f_load_first(largest, left);
    sum[j] = now[j];
  }
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      now[j] = f_max(f_load(k + t * stride + j * FEATURE_LANES), now[j]);
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) {
    vec16 keep = f_exp(sum[j] - now[j]);
    const float *before = sums + j * FEATURE_LANES;
    sum[j] = (columns > 1 ? f_load(before) : f_load_first(before, left)) * keep;
    f_store_first(rescale + j * FEATURE_LANES, left, keep);
    f_store_first(largest + j * FEATURE_LANES, left, now[j]);
  }
  for (int32_t t = 0; t < rows; ++t) {
    FEATURE_UNROLL
    for (int j = 0; j < columns; ++j) {
      float *key = k + t * stride + j * FEATURE_LANES, *query = q + t * stride + j * FEATURE_LANES;
      vec16 y = f_exp(f_load(key) - now[j]);
      sum[j] += y;
      f_store(key, y);
      f_store(query, f_load(query) * f_reciprocal(sum[j]));
    }
  }
  FEATURE_UNROLL
  for (int j = 0; j < columns; ++j) f_store_first(sums + j * FEATURE_LANES, left, sum[j]);
}

static void f_running_softmax(float *q, float *k, ptrdiff_t stride, int32_t rows, int32_t width,
                              float *largest, float *sums, float *rescale) {
#define FEATURE_PART(columns)                                                          \
  f_running_part(q + c, k + c, stride, rows, width - c, largest + c, sums + c, rescale + c, columns)
  FEATURE_EACH_COLUMNS(width, FEATURE_PART)
#undef FEATURE_PART
}

/// What flows in and out at every token, given what was before it: factors are conserved flows then.
///
/// sums: of k, of q, of k / outflow, of q / inflow, `vectors` each. Rows are zero beyond the width.
FEATURE_INLINE void f_flow_rows(const attn_flow_t *flow, const float *q, const float *k,
                                ptrdiff_t stride, int32_t rows, int64_t first, vec16 *sums,
                                float *inflow, float *query_factor, float *key_factor,
                                int32_t vectors) {
  vec16 *keys = sums, *queries = sums + vectors, *kept = queries + vectors, *taken = kept + vectors;
  int32_t last = flow->width - (vectors - 1) * FEATURE_LANES;
  vec16 whole = f_set1(flow->eps), rest = f_first(whole, last, f_set1(0.0f));
  for (int32_t t = 0; t < rows; ++t) {
    const float *query = q + t * stride, *key = k + t * stride;
    float count = (float)(first + t + 1);
    vec16 in = f_set1(0.0f), out = in, conserved_in = in, conserved_out = in;
    for (int32_t j = 0; j < vectors; ++j) {
      vec16 a = f_load(query + j * FEATURE_LANES), b = f_load(key + j * FEATURE_LANES);
      vec16 guard = j < vectors - 1 ? whole : rest;
      keys[j] += b;
      queries[j] += a;
      in += (a + guard) * (keys[j] + guard);
      out += (b + guard) * (queries[j] + guard);
    }
    inflow[t] = f_sum(in);
    vec16 from_source = f_set1(count / f_sum(out)), into_sink = f_set1(count / inflow[t]);
    for (int32_t j = 0; j < vectors; ++j) {
      vec16 a = f_load(query + j * FEATURE_LANES), b = f_load(key + j * FEATURE_LANES);
      vec16 guard = j < vectors - 1 ? whole : rest;
      kept[j] += from_source * b;
      taken[j] += into_sink * a;
      conserved_in += (a + guard) * (kept[j] + guard);
      conserved_out += (b + guard) * (taken[j] + guard);
    }
    query_factor[t] = f_sum(conserved_in) / count;
    key_factor[t] = f_sum(conserved_out) / count;
  }
}

/// Allocation and competition from conserved flows; `weights` is the sum of competition so far.
FEATURE_INLINE void f_flow_factors(int32_t rows, int64_t first, const float *inflow,
                                   float *weights, float *query_factor, float *key_factor) {
  const vec16 one = f_set1(1.0f);
  for (int32_t t = 0; t < rows; t += FEATURE_LANES) {
    int32_t left = rows - t;
    vec16 in = f_load_first(query_factor + t, left), out = f_load_first(key_factor + t, left);
    f_store_first(query_factor + t, left, f_sigmoid(in) / f_load_first(inflow + t, left));
    f_store_first(key_factor + t, left, f_exp(f_max(f_min(out, one), -one)));
  }
  for (int32_t t = 0; t < rows; ++t) {
    weights[0] += key_factor[t];
    key_factor[t] = key_factor[t] / weights[0] * (float)(first + t + 1);
  }
}

/// state: the sums of `f_flow_rows`, then the sum of competition weights.
static void f_causal_flow(const attn_flow_t *flow, const float *q, const float *k,
                          ptrdiff_t stride, int32_t rows, int64_t first, float *state,
                          float *query_factor, float *key_factor) {
  int32_t vectors = attn_row_padded(flow->width) / FEATURE_LANES;
  float inflow[ATTN_ROW_BLOCK];
  enum { held = 4 };
  vec16 sums[4 * held];
  if (vectors == held) {
    for (int j = 0; j < 4 * held; ++j) sums[j] = f_load(state + j * FEATURE_LANES);
    f_flow_rows(flow, q, k, stride, rows, first, sums, inflow, query_factor, key_factor, held);
    for (int j = 0; j < 4 * held; ++j) f_store(state + j * FEATURE_LANES, sums[j]);
  } else {
    f_flow_rows(flow, q, k, stride, rows, first, (vec16 *)(void *)state, inflow, query_factor,
                key_factor, vectors);
  }
  f_flow_factors(rows, first, inflow, state + 4 * vectors * FEATURE_LANES, query_factor,
                 key_factor);
}

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

static void f_depthwise(const attn_depthwise_t *plan, const float *v, ptrdiff_t v_stride,
                        int32_t first, int32_t count, float *o, ptrdiff_t o_stride) {
  const int32_t *extent = plan->extent;
  int32_t half = plan->taps[2] / 2, whole = plan->width % FEATURE_LANES == 0;
  for (int32_t i = 0; i < count;) {
    int32_t token = first + i, x = token % extent[2], y = token / extent[2] % extent[1];
    int32_t z = token / extent[2] / extent[1], inside = extent[2] - half - x;
    int32_t room = count - i < inside ? count - i : inside;
    if (whole && x >= half && room >= FEATURE_CONVOLVED) {
      f_depthwise_run(plan, v, v_stride, z, y, x, o + i * o_stride, o_stride, FEATURE_CONVOLVED);
      i += FEATURE_CONVOLVED;
    } else {
      f_depthwise_run(plan, v, v_stride, z, y, x, o + i * o_stride, o_stride, 1);
      i += 1;
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
