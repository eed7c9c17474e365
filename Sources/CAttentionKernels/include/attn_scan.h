// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_H
#define ATTN_SCAN_H

#include "attn_types.h"

/// Feature maps of linear attention, applied to query and key rows inside the kernels.
typedef enum {
  ATTN_SCAN_IDENTITY = 0,
  ATTN_SCAN_ELU1 = 1,  ///< x + 1 for x > 0, else e^x
  ATTN_SCAN_RELU = 2,  ///< max(x, 0) + feature_eps
  /// exp(u - |x'|^2 / 2 - max u) + feature_eps with x' = input_scale * x, u = projection * x';
  /// the maximum is over the row of a query and over all keys of a head (Performer, FAVOR+).
  /// Needs a projection.
  ATTN_SCAN_EXP = 3,
  /// Rows are features already: `ready_stride` apart, 64-byte aligned, zeros up to whole vectors of
  /// 16. They are read where they stand.
  ATTN_SCAN_READY = 4,
  /// Rows pass one step on their way into the products, one for queries and one for keys.
  ATTN_SCAN_STEP = 5,
} attn_scan_map_t;

/// Functions of one step.
typedef enum {
  ATTN_SCAN_STEP_SCALE = 0,  ///< constant x
  ATTN_SCAN_STEP_RELU,       ///< max(x, 0) + constant
  ATTN_SCAN_STEP_ELU1,       ///< x + 1 for x > 0, else e^x
  ATTN_SCAN_STEP_EXP,        ///< e^(scale[c] x - shift[c])
  ATTN_SCAN_STEP_SIGMOID,    ///< 1 / (1 + e^-x)
  ATTN_SCAN_STEP_SILU,       ///< x / (1 + e^-x)
  ATTN_SCAN_STEP_EXP_ROW,    ///< e^(constant x - factor[row]), times no factor
  ATTN_SCAN_STEP_SHIFT,      ///< x + shift[c]
} attn_scan_step_kind_t;

/// A step of every element, times a factor per row where one is given.
///
/// Where there is a table, pairs of channels (2 i, 2 i + 1) are turned then, by the
/// angles of which it has cosine and sine; sums of keys and products with them are those of rows
/// that have not been turned.
typedef struct {
  attn_scan_step_kind_t kind;
  float constant;
  const float *scale, *shift;  ///< EXP, SHIFT: [feature_dim padded to 16]
  const float *factor;         ///< of the rows, or NULL
  const float *table;          ///< of the rows, in whole vectors of 16, or NULL
  ptrdiff_t table_stride;      ///< floats between its rows
} attn_scan_step_t;

/// What the scan kernels compute: feature map, widths, decay and normaliser.
///
/// The factor featureDim^-1/2 of random features is left out: it cancels between numerator and
/// denominator (scale `denominator_eps` by featureDim to keep an epsilon's meaning).
typedef struct {
  attn_scan_map_t map;
  int32_t input_dim;        ///< width of query and key rows
  int32_t feature_dim;      ///< width of the features; equals input_dim without a projection
  int32_t value_dim;
  int32_t ready_stride;     ///< READY: floats between rows of q and of k, a multiple of 16
  const float *projection;  ///< packed by `pack_projection` of the same table, or NULL
  float input_scale;        ///< x' = input_scale * x ahead of a projection
  float feature_eps;        ///< added to every feature of RELU and EXP
  int32_t normalised;       ///< non-zero: output divided by (q'.z + denominator_eps)
  /// `output`, normalised, STEP of rows that are features in whole vectors, scaled at most: non-zero:
  /// output multiplied by the sigmoid of (q' + denominator_eps).z instead, q' not scaled (flow attention)
  int32_t allocates;
  int32_t sums_values;      ///< non-zero: a state has the sum of its values too
  int32_t shares;           ///< `scan`, STEP: non-zero: queries are divided by z, channel by channel
  float denominator_eps;
  float output_scale;       ///< factor of the output when not normalised
  double decay;             ///< factor of the state between tokens, in [0, 1]; 1 if non-causal
  int32_t block_length;     ///< `scan`, STEP, no decay: tokens that see each other; 0: none do
  int32_t chunk_length;     ///< `scan`: tokens per block, at most 64; speed only; 0 = the table's
  int32_t panel_vectors;    ///< `scan`: vectors per column panel of S; speed only; 0 = the table's
} attn_scan_plan_t;

/// Rows of one head; row strides in floats. Fields a call does not use may be NULL.
typedef struct {
  const float *q, *k, *v;
  float *o;
  ptrdiff_t q_stride, k_stride, v_stride, o_stride;
  attn_scan_step_t q_step, k_step;  ///< STEP
  /// READY and STEP: inputs to be mapped after these rows, fetched into cache meanwhile, or NULL;
  /// speed only.
  const float *q_next, *k_next;
  ptrdiff_t next_stride;
  /// `output`: values, `v_stride` apart, fetched along with the rows for what follows the products, or
  /// NULL; speed only.
  const float *v_next;
  float key_maximum;  ///< EXP: what `key_maximum` returned for all keys; -inf: found on the way
  float *owed;        ///< `scan`, EXP, maximum found on the way: ATTN_SCAN_OWED floats per token, else NULL
} attn_scan_rows_t;

/// Floats that `scan` leaves to `settle` per token: q'.z, the sum of q', the maximum of their keys.
enum { ATTN_SCAN_OWED = 3 };

/// What the scan kernels did, added up once per block.
typedef struct {
  uint64_t key_tokens;        ///< tokens added to a state
  uint64_t query_tokens;      ///< tokens for which an output row was written
  uint64_t projected_tokens;  ///< rows multiplied by the projection (the maximum pass included)
  uint64_t exponentials;      ///< exponentials of features (padding not counted)
} attn_scan_counts_t;

/// Float32 kernels of the scan engine: state S = sum phi(k) v^T and z = sum phi(k) of one head.
///
/// A state is a 64-byte aligned array of `attn_scan_state_floats(plan)` floats: S, that is
/// `attn_scan_state_rows(feature_dim)` rows `attn_scan_stride(value_dim)` floats apart, then z
/// (kept up only if normalised or by shares), then what a running maximum needs and the sum of values. It starts at `reset` and may be
/// carried from call to call. Scratch is 64-byte aligned and needs no initialisation.
///
/// Any widths >= 1 and any token counts >= 0 work. A row of output does not depend on how the rows
/// are split among calls of `output`; a state does, by rounding only.
typedef struct {
  size_t (*scratch_bytes)(const attn_scan_plan_t *plan);

  /// Floats of a packed projection.
  size_t (*projection_floats)(int32_t input_dim, int32_t feature_dim);

  /// Packs the rows `omega` [feature_dim][input_dim], times the plan's input scale.
  void (*pack_projection)(const attn_scan_plan_t *plan, const float *omega, float *packed);

  /// Largest u over the keys `first ..< first + count` and all features, in log2 units; -inf for
  /// none. The maximum over disjoint ranges is exact.
  float (*key_maximum)(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                       int32_t count, void *scratch, attn_scan_counts_t *counts);

  void (*reset)(const attn_scan_plan_t *plan, float *state);

  /// Adds the tokens `first ..< first + count` to a state; with decay the state is left as by
  /// `scan`, without any output.
  ///
  /// EXP with a `key_maximum` of -inf: S and z are kept relative to the largest u so far, and
  /// `finish` must follow the last token.
  void (*accumulate)(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                     int32_t count, float *state, void *scratch, attn_scan_counts_t *counts);

  /// Adds a state of other tokens (no decay). EXP: both with or both without a running maximum.
  void (*merge)(const attn_scan_plan_t *plan, float *state, const float *other);

  /// EXP with a running maximum: adds what feature_eps contributes over all `count` tokens.
  void (*finish)(const attn_scan_plan_t *plan, float *state, int32_t count);

  /// Writes the output rows `first ..< first + count` for a finished state.
  void (*output)(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                 int32_t count, const float *state, void *scratch, attn_scan_counts_t *counts);

  /// Causal pass over the tokens `first ..< first + count`: each token is added to the state, read,
  /// and the state decays. On return the state is as the next token will see it, decay included.
  /// With a block length the tokens of a block are all added ahead of their queries.
  ///
  /// EXP with a `key_maximum` of -inf: normalised only; outputs are not finished before `settle`.
  void (*scan)(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
               int32_t count, float *state, void *scratch, attn_scan_counts_t *counts);

  /// Finishes the outputs of a `scan` that found its maximum on the way, now that `key_maximum` is
  /// that of all keys: adds what feature_eps contributes and divides. `seen` keys are ahead of token
  /// `first`, whose values the state has the sum of; on return it has those of these tokens too.
  void (*settle)(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                 int32_t count, int32_t seen, float *state);
} attn_scan_kernels_t;

/// Floats between rows of S: whole cache lines, an odd number of them so that rows that follow each
/// other fall into different cache sets.
static inline int32_t attn_scan_stride(int32_t dim) { return (((dim + 15) / 16) | 1) * 16; }

/// Rows of S including padding.
static inline int32_t attn_scan_state_rows(int32_t feature_dim) {
  return (feature_dim + 7) / 8 * 8;
}

/// Floats ahead of z in a state.
static inline size_t attn_scan_normaliser_offset(const attn_scan_plan_t *plan) {
  return (size_t)attn_scan_state_rows(plan->feature_dim)
         * (size_t)attn_scan_stride(plan->value_dim);
}

/// Floats ahead of the running maximum and, 16 floats on, the column sums of v (kept up with a running
/// maximum and by `sums_values`).
static inline size_t attn_scan_running_offset(const attn_scan_plan_t *plan) {
  return attn_scan_normaliser_offset(plan) + (size_t)(plan->feature_dim + 15) / 16 * 16;
}

/// Floats of a state.
static inline size_t attn_scan_state_floats(const attn_scan_plan_t *plan) {
  return attn_scan_running_offset(plan) + 16 + (size_t)(plan->value_dim + 15) / 16 * 16;
}

extern const attn_scan_kernels_t attn_scan_scalar;
extern const attn_scan_kernels_t attn_scan_avx2;
extern const attn_scan_kernels_t attn_scan_avx512;

#endif
