// SPDX-License-Identifier: MIT
#ifndef ATTN_FEATURES_H
#define ATTN_FEATURES_H

#include "attn_types.h"

/// What one step of a feature map does to every row of a block.
typedef enum {
  ATTN_ROW_COPY = 0,
  ATTN_ROW_SCALE,          ///< a x
  ATTN_ROW_CHANNELS,       ///< p[c] x[c], or x[c], plus q[c], where p and q are given
  ATTN_ROW_PROJECT,        ///< W x + b: p packed by `pack`, q the bias (padded) or NULL
  ATTN_ROW_ADD_INPUT,      ///< x plus the row that the map began with
  /// Turns the pairs (2 i, 2 i + 1) by angles of which p[position] has cosine and sine, times a;
  /// with `count`, rows of queries divided by their product of a MARK ahead of it plus b
  ATTN_ROW_ROTATE,
  ATTN_ROW_RELU,           ///< max(x, 0) + a
  ATTN_ROW_ELU1,           ///< x + 1 for x > 0, else e^x
  ATTN_ROW_SIGMOID,        ///< 1 / (1 + e^-x)
  ATTN_ROW_SILU,           ///< x / (1 + e^-x)
  ATTN_ROW_GELU,           ///< x Phi(x)
  ATTN_ROW_SOFTPLUS,       ///< log(1 + e^x)
  ATTN_ROW_LOG_SIGMOID,    ///< -a log(1 + e^-x)
  ATTN_ROW_LEAKY,          ///< x for x > 0, else a x
  ATTN_ROW_EXP,            ///< e^(a x - b)
  ATTN_ROW_EXP_CHANNELS,   ///< e^(p[c] x[c] - q[c])
  ATTN_ROW_EXP_ROW,        ///< e^(p[0] x - the row's largest)
  ATTN_ROW_SOFTMAX,        ///< e^x / sum of e^x over the row
  ATTN_ROW_PAIRS,          ///< (a x, -a x)
  ATTN_ROW_UNIT,           ///< x / max(|x|, a)
  ATTN_ROW_LAYER_NORM,     ///< (x - mean) / sqrt(variance + a)
  ATTN_ROW_FOCUS,          ///< |x| x^n / |x^n|, n = count
  ATTN_ROW_TAYLOR,         ///< a x_i, a^2 x_i^2 / sqrt 2, a^2 x_i x_j by distance i - j, 1
  ATTN_ROW_WAVE,           ///< (p[position] x, q[position] x)
  ATTN_ROW_TIMES,          ///< p[position] x
  ATTN_ROW_APPEND,         ///< x, a
  ATTN_ROW_MARK,           ///< copies x; keys: adds it to `sums`; queries: its product with `sums`
} attn_row_kind_t;

/// One step with what it needs; widths are those of rows before and after it.
typedef struct {
  attn_row_kind_t kind;
  int32_t width, width_out;
  int32_t count;
  float a, b;
  const float *p, *q;
} attn_row_op_t;

/// Buffers of one application of a map; rows of all of them are whole vectors of 16.
typedef struct {
  float *first, *second;  ///< [ATTN_ROW_BLOCK][stride], 64-byte aligned
  ptrdiff_t stride;
  float *sums;            ///< MARK: [width], added to (keys) or multiplied with (queries)
  float *products;        ///< MARK: where products go, by row; NULL for keys
  float *factors;         ///< FOCUS, the last step: where factors left to do go, by row, or NULL
} attn_row_scratch_t;

/// Rows of a block at most.
enum { ATTN_ROW_BLOCK = 64 };

/// A convolution of each channel of the values of one head over a grid of tokens.
///
/// Axes have `extent` tokens and odd kernels of `taps`, centred, with zeros outside.
typedef struct {
  int32_t width;
  int32_t extent[3], taps[3];
  const float *weights;  ///< [taps][width padded to 16]
  const float *bias;     ///< [width padded to 16], or NULL
} attn_depthwise_t;

/// Causal flow attention of one head: width, and the guard of its products.
typedef struct {
  int32_t width;
  float eps;
} attn_flow_t;

/// What `map_rows` balances rows by, as `balance_rows` does.
typedef struct {
  const float *other;  ///< [width padded to 16]
  float eps;
  float *factor;       ///< by row
  float *conserved;    ///< [width padded to 16], added to
} attn_balance_t;

/// Rows under gates, which are sigmoids of logits to the power of `root`; strides in floats.
typedef struct {
  int32_t width;
  float root;
  float least;             ///< logarithm to base 2 that no product of gates may be below, < 0
  const float *logits;     ///< whole vectors of 16
  ptrdiff_t logit_stride;
  const float *q, *k;
  ptrdiff_t q_stride, k_stride;
  float *q_features, *k_features;  ///< in whole vectors, zeros beyond the width
  ptrdiff_t feature_stride;
} attn_gates_t;

/// Float32 kernels of feature maps and of what surrounds them. Strides are in floats; rows and
/// tables that a map reads in whole vectors are padded to 16 floats, inputs and outputs are not.
typedef struct {
  /// Applies `steps` steps to `rows <= ATTN_ROW_BLOCK` rows whose first stands at `position` and
  /// writes the features, then zeros up to the width padded to 16. Rows of `out` have room for
  /// them, and for one vector more after a TAYLOR step. `out` may be NULL for a map of one step and a
  /// MARK, of which only the sums or products are wanted.
  void (*apply)(const attn_row_op_t *ops, int32_t steps, const float *x, ptrdiff_t x_stride,
                int32_t rows, int64_t position, float *out, ptrdiff_t out_stride,
                const attn_row_scratch_t *scratch);

  /// largest[c] = max(largest[c], x[.][c]).
  void (*column_max)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width, float *largest);
  /// sums[c] += factor[row] x[row][c]; factor may be NULL.
  void (*column_sum)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                     const float *factor, float *sums);
  /// dots[row] = (x[row] + eps) . (y + eps).
  void (*row_dots)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width, const float *y,
                   float eps, float *dots);
  /// The largest |x[row]|^2.
  float (*largest_norm)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width);
  /// Adds the sum and the sum of squares of all elements to sums[0], sums[1]; returns the largest.
  float (*moments)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width, double *sums);
  /// values[i] = e^(values[i] - shift); returns their sum.
  float (*exponentials)(float *values, int64_t count, float shift);
  /// The largest of `count` values, -inf for none.
  float (*largest)(const float *values, int64_t count);
  /// scores[row][i] = e^(scores[row][i] - by_row[row] - by_column[i]).
  void (*gaussians)(float *scores, ptrdiff_t stride, int32_t rows, int32_t count,
                    const float *by_row, const float *by_column);

  /// s[row] *= factor[row].
  void (*scale_rows)(float *s, ptrdiff_t stride, int32_t rows, int32_t width, const float *factor);
  /// o[row] /= products[row] + eps.
  void (*divide_rows)(float *o, ptrdiff_t stride, int32_t rows, int32_t width,
                      const float *products, float eps);
  /// o[row] = (o[row] - centred mean) / sqrt(mean square + eps).
  void (*normalise_rows)(float *o, ptrdiff_t stride, int32_t rows, int32_t width, int32_t centred,
                         float eps);

  /// Features of the rows of a piece under gates, until their product falls below its limit; returns
  /// the rows done, at least 1. Rows of queries are multiplied by the product of the gates after the
  /// first row, rows of keys divided by it. The state is to be multiplied by `opening`, the gate of
  /// the first row, ahead of them and by `total`, the last product, after them.
  int32_t (*gate_rows)(const attn_gates_t *gates, int32_t rows, float *opening, float *total);
  /// Rows ahead of the first one that is above `limit` in any channel.
  int32_t (*rows_below)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                        const float *limit);
  /// What products have to know of whole rows to do a step: EXP_ROW and SOFTMAX, the largest of each
  /// row times p[0] or 1; UNIT, 1 / max(|x|, a).
  void (*row_factors)(const attn_row_op_t *op, const float *x, ptrdiff_t stride, int32_t rows,
                      float *factors);
  /// factor[row] = 1 / ((x[row] + eps) . (y + eps)) and sums[c] += factor[row] x[row][c]; unless `with`
  /// is NULL, dots[row] = (x[row] + eps) . (with + eps), which may take the place of the factors.
  void (*balance_rows)(const float *x, ptrdiff_t stride, int32_t rows, int32_t width,
                       const float *y, float eps, float *factor, float *sums, const float *with,
                       float *dots);
  /// Rows of features by SIGMOID or ELU1, zeros up to whole vectors, 64-byte aligned, and their sums,
  /// added to; unless it is NULL, their `balance` too. Rows are written past the caches.
  void (*map_rows)(const attn_row_op_t *map, const float *x, ptrdiff_t stride, int32_t rows,
                   float *mapped, ptrdiff_t mapped_stride, float *sums,
                   const attn_balance_t *balance);
  /// Causal flow attention: features of the rows `first ...` of a head, zeros up to whole vectors, and
  /// the factors of queries and of keys. `state` [4][width padded to 16], 64-byte aligned, then one
  /// float, is carried on; the row 0 begins it.
  void (*causal_flow)(const attn_flow_t *flow, const float *q, const float *k, ptrdiff_t stride,
                      int32_t rows, int64_t first, float *state, float *q_features,
                      float *k_features, ptrdiff_t feature_stride, float *q_factor,
                      float *k_factor);

  /// o[token] += convolution of v at the tokens `first ..< first + count` of the grid.
  void (*depthwise)(const attn_depthwise_t *plan, const float *v, ptrdiff_t v_stride, int32_t first,
                    int32_t count, float *o, ptrdiff_t o_stride);

  /// out[c][t] = x[t][c], times gate[t][c] unless NULL, for `columns <= 16` columns.
  void (*gather)(const float *x, const float *gate, ptrdiff_t stride, int32_t rows,
                 int32_t columns, float *out, ptrdiff_t out_stride);
  /// out[t][c] = y[c][t], times gate[t][c] and divided by sums[t] unless NULL; `columns <= 16`.
  void (*scatter)(const float *y, ptrdiff_t y_stride, const float *gate, const float *sums,
                  ptrdiff_t stride, int32_t rows, int32_t columns, float *out);
  /// x[i] -> x Phi(x) in place.
  void (*gelu)(float *x, int64_t count);
} attn_features_kernels_t;

/// Floats of a row in whole vectors.
static inline int32_t attn_row_padded(int32_t width) { return (width + 15) / 16 * 16; }

/// Floats of a packed matrix of `width_out` rows of `width`.
static inline size_t attn_row_matrix_floats(int32_t width, int32_t width_out) {
  return (size_t)width * (size_t)attn_row_padded(width_out);
}

/// Packs the rows of a matrix [width_out][width] for a PROJECT step.
static inline void attn_row_pack(const float *matrix, int32_t width, int32_t width_out,
                                 float *packed) {
  int32_t padded = attn_row_padded(width_out);
  for (int32_t c = 0; c < width; ++c) {
    for (int32_t r = 0; r < padded; ++r) {
      packed[(ptrdiff_t)c * padded + r] = r < width_out ? matrix[(ptrdiff_t)r * width + c] : 0;
    }
  }
}

extern const attn_features_kernels_t attn_features_scalar;
extern const attn_features_kernels_t attn_features_avx2;
extern const attn_features_kernels_t attn_features_avx512;

#endif
