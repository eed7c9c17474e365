// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_FEATURES_H
#define ATTN_SCAN_FEATURES_H

#include "scan_layout.h"

/// Maps as the vector kernels know them; IDENTITY and RELU differ by data only, FACTOR is the step of
/// rows that have a factor only, SOFTMAX those of keys that are a softmax over the tokens so far and of
/// queries that pass a SiLU, with neither factors nor tables: what a step may be, this one need not ask.
typedef enum {
  SCAN_MAP_FLOOR,
  SCAN_MAP_ELU1,
  SCAN_MAP_EXP,
  SCAN_MAP_READY,
  SCAN_MAP_STEP,
  SCAN_MAP_FACTOR,
  SCAN_MAP_SOFTMAX,
} scan_map_t;

/// Inputs, values, outputs and tables that the next call begins with.
enum { SCAN_LATER = 4 };

/// What a feature step does; constant in every kernel.
enum {
  SCAN_KEYS = 1,     ///< maps key rows
  SCAN_QUERIES = 2,  ///< maps query rows
  SCAN_NORM = 4,     ///< keys: adds to z; queries: sums q'.z
  SCAN_DECAY = 8,    ///< multiplies key rows by their factor, and S by a factor per block
  SCAN_SHARES = 16,  ///< keys: adds to z; queries: divides by z
  SCAN_OWES = 32,    ///< queries: sums q', and outputs are left undivided
};

/// Produces the features of one block of rows, a vector at a time.
///
/// The matrix kernels call `scan_step` once per few dozen multiply-adds, so that the maps of the
/// next block hide behind the products of the current one.
typedef struct {
  const float *k, *q;  // next row to map
  ptrdiff_t k_stride, q_stride;
  float *k_features, *q_features;  // READY: rows to be multiplied next, fetched into cache
  ptrdiff_t feature_stride;
  const float *k_shift, *q_shift, *k_factor;  // next row's; STEP: shifts are its factors
  const attn_scan_step_t *k_step, *q_step;
  const float *k_table, *q_table;  // next row of the tables of steps
  float *z;    // [features]
  float *sums, *masses;  // next rows of [rows][SCAN_LANES]: q'.z and the sum of q' by lane
  vec sum, mass;
  float floor, k_eps, q_eps;
  int32_t features, column, rows_left;
  ptrdiff_t k_ahead, q_ahead;  // bytes from the row mapped to the row fetched into cache
  ptrdiff_t k_drift, q_drift;  // `scan_drifts`: what these grow by from row to row
  int32_t fetched;             // `scan_widens`: columns of the rows fetched
  const char *v_fetched;       // row of v fetched along with the key, or with a query alone
  char *o_fetched;             // row of o, along with the query
  ptrdiff_t v_stride, o_stride;  // bytes
  // With the last block, which leaves nothing to map, what the next call begins with: rows left, where
  // they and what belongs to them stand, and bytes between rows of each.
  int32_t later_rows;
  const char *later[SCAN_LATER];
  ptrdiff_t later_stride[SCAN_LATER];
} scan_cursor_t;

/// Fetches a vector of each row that the next call begins with.
SCAN_INLINE void scan_fetch_later(scan_cursor_t *c) {
  if (c->later_rows == 0) return;
  SCAN_UNROLL_ALL
  for (int i = 0; i < SCAN_LATER; ++i) {
    __builtin_prefetch(c->later[i] + c->column * (ptrdiff_t)sizeof(float));
  }
  c->column += SCAN_LANES;
  if (c->column < c->fetched) return;
  c->column = 0;
  c->later_rows -= 1;
  SCAN_UNROLL_ALL
  for (int i = 0; i < SCAN_LATER; ++i) c->later[i] += c->later_stride[i];
}

SCAN_INLINE vec scan_map(const scan_cursor_t *c, vec x, const float *shift, float eps,
                         scan_map_t map) {
  vec exponent = map == SCAN_MAP_EXP ? vec_sub(x, vec_set1(*shift))
                                     : vec_mul(vec_min(vec_zero(), x), vec_set1(0x1.715476p+0f));
  switch (map) {
    case SCAN_MAP_FLOOR: return vec_add(vec_max(vec_set1(c->floor), x), vec_set1(eps));
    case SCAN_MAP_ELU1: return vec_add(vec_max(vec_zero(), x), vec_exp2(exponent));
    case SCAN_MAP_EXP: return vec_add(vec_exp2(exponent), vec_set1(eps));
    case SCAN_MAP_READY:
    case SCAN_MAP_SOFTMAX:
    case SCAN_MAP_STEP: return x;
    case SCAN_MAP_FACTOR: return vec_mul(x, vec_set1(*shift));
  }
}

/// e^x.
SCAN_INLINE vec scan_exp(vec x) {
  return vec_exp2(vec_min(vec_set1(127.0f), vec_mul(x, vec_set1(0x1.715476p+0f))));
}

SCAN_INLINE vec scan_sigmoid(vec x) {
  return vec_reciprocal(vec_add(vec_set1(1.0f), scan_exp(vec_sub(vec_zero(), x))));
}

SCAN_INLINE vec scan_silu(vec x) { return vec_mul(x, scan_sigmoid(x)); }

/// The exponential of a step, by column.
SCAN_INLINE vec scan_exp_columns(const attn_scan_step_t *step, vec x, int32_t column) {
  return scan_exp(
      vec_sub(vec_mul(vec_load(step->scale + column), x), vec_load(step->shift + column)));
}

/// The step of a vector that begins at `column`; its kind is the same all the time.
SCAN_INLINE vec scan_map_step(const attn_scan_step_t *step, vec x, int32_t column,
                              const float *factor) {
  switch (step->kind) {
    case ATTN_SCAN_STEP_SCALE:
      if (step->constant != 1) x = vec_mul(x, vec_set1(step->constant));
      break;
    case ATTN_SCAN_STEP_RELU:
      x = vec_add(vec_max(vec_zero(), x), vec_set1(step->constant));
      break;
    case ATTN_SCAN_STEP_ELU1:
      x = vec_add(vec_max(vec_zero(), x), scan_exp(vec_min(vec_zero(), x)));
      break;
    case ATTN_SCAN_STEP_EXP: x = scan_exp_columns(step, x, column); break;
    case ATTN_SCAN_STEP_EXP_ROW:
      return scan_exp(vec_sub(vec_mul(vec_set1(step->constant), x), vec_set1(*factor)));
    case ATTN_SCAN_STEP_SIGMOID: x = scan_sigmoid(x); break;
    case ATTN_SCAN_STEP_SILU: x = scan_silu(x); break;
    case ATTN_SCAN_STEP_SHIFT: x = vec_add(x, vec_load(step->shift + column)); break;
  }
  return factor ? vec_mul(x, vec_set1(*factor)) : x;
}

SCAN_INLINE vec scan_map_any(const scan_cursor_t *c, vec x, scan_map_t map, int keys) {
  const float *shift = keys ? c->k_shift : c->q_shift;
  if (map == SCAN_MAP_SOFTMAX) {
    return keys ? scan_exp_columns(c->k_step, x, c->column) : scan_silu(x);
  }
  if (map != SCAN_MAP_STEP) return scan_map(c, x, shift, keys ? c->k_eps : c->q_eps, map);
  return scan_map_step(keys ? c->k_step : c->q_step, x, c->column, shift);
}

/// Features of the `left` columns from `x` on, zero in lanes beyond.
SCAN_INLINE vec scan_map_part(const scan_cursor_t *c, const float *x, scan_map_t map, int keys) {
  int32_t left = c->features - c->column;
  x += c->column;
  if (map == SCAN_MAP_READY) return vec_load(x);
  if (__builtin_expect(left >= SCAN_LANES, 1)) return scan_map_any(c, vec_load(x), map, keys);
  return vec_keep_first(scan_map_any(c, vec_load_first(x, left), map, keys), left);
}

/// The turn of a step, after what its features are summed for.
SCAN_INLINE vec scan_turn(const scan_cursor_t *c, vec x, scan_map_t map, int keys) {
  const float *table = keys ? c->k_table : c->q_table;
  if (map != SCAN_MAP_STEP || !table) return x;
  return vec_turn(x, vec_load(table + c->column));
}

/// Fetches the row of a table that is needed a few rows later.
SCAN_INLINE void scan_fetch_table(const attn_scan_step_t *step, const float *table,
                                  int32_t column) {
  if (table) __builtin_prefetch(table + column + SCAN_NEAR * step->table_stride);
}

/// Whether rows of a map may be other ones than those that are fetched beside them.
SCAN_INLINE int scan_drifts(scan_map_t map) {
  return map != SCAN_MAP_FLOOR && map != SCAN_MAP_ELU1 && map != SCAN_MAP_SOFTMAX;
}

/// Whether a row may have more features than there are inputs and values to be fetched beside them.
SCAN_INLINE int scan_widens(scan_map_t map) {
  return map == SCAN_MAP_READY || map == SCAN_MAP_EXP;
}

/// Moves on to the next row.
SCAN_INLINE void scan_next_row(scan_cursor_t *c, scan_map_t map, int flags) {
  c->column = 0;
  c->rows_left -= 1;
  if (flags & SCAN_KEYS) {
    c->k += c->k_stride;
    c->k_features += c->feature_stride;
    c->v_fetched += c->v_stride;
    if (map == SCAN_MAP_EXP || map == SCAN_MAP_FACTOR) c->k_shift += 1;
    if (map == SCAN_MAP_STEP && c->k_shift) c->k_shift += 1;
    if (map == SCAN_MAP_STEP && c->k_table) c->k_table += c->k_step->table_stride;
    if (scan_drifts(map)) c->k_ahead += c->k_drift;
    if (flags & SCAN_DECAY) c->k_factor += 1;
  }
  if (flags & SCAN_QUERIES) {
    c->q += c->q_stride;
    c->q_features += c->feature_stride;
    c->o_fetched += c->o_stride;
    if (!(flags & SCAN_KEYS)) c->v_fetched += c->v_stride;
    if (map == SCAN_MAP_EXP || map == SCAN_MAP_FACTOR) c->q_shift += 1;
    if (map == SCAN_MAP_STEP && c->q_shift) c->q_shift += 1;
    if (map == SCAN_MAP_STEP && c->q_table) c->q_table += c->q_step->table_stride;
    if (scan_drifts(map)) c->q_ahead += c->q_drift;
  }
  if ((flags & SCAN_QUERIES) && (flags & SCAN_NORM)) {
    vec_store(c->sums, c->sum);
    c->sums += SCAN_LANES;
    c->sum = vec_zero();
  }
  if (flags & SCAN_OWES) {
    vec_store(c->masses, c->mass);
    c->masses += SCAN_LANES;
    c->mass = vec_zero();
  }
}

/// Maps the next vector of keys.
SCAN_INLINE void scan_step_keys(scan_cursor_t *c, scan_map_t map, int flags) {
  int32_t column = c->column;
  if (!scan_widens(map) || column < c->fetched) {
    __builtin_prefetch((const char *)(c->k + column) + c->k_ahead);
    __builtin_prefetch(c->v_fetched + column * (ptrdiff_t)sizeof(float));
  }
  if (map == SCAN_MAP_READY) __builtin_prefetch(c->k_features + column);
  if (map == SCAN_MAP_STEP) scan_fetch_table(c->k_step, c->k_table, column);
  if (map == SCAN_MAP_READY && !(flags & (SCAN_DECAY | SCAN_NORM))) return;
  vec k = scan_map_part(c, c->k, map, 1);
  if (flags & SCAN_DECAY) k = vec_mul(k, vec_set1(*c->k_factor));
  if (flags & (SCAN_NORM | SCAN_SHARES)) {
    vec_store(c->z + column, vec_add(vec_load(c->z + column), k));
  }
  if (map != SCAN_MAP_READY || (flags & SCAN_DECAY)) {
    vec_store(c->k_features + column, scan_turn(c, k, map, 1));
  }
}

/// Maps the next vector of queries; z must be complete up to their token.
SCAN_INLINE void scan_step_queries(scan_cursor_t *c, scan_map_t map, int flags) {
  int32_t column = c->column;
  if (!scan_widens(map) || column < c->fetched) {
    __builtin_prefetch((const char *)(c->q + column) + c->q_ahead);
    __builtin_prefetch(c->o_fetched + column * (ptrdiff_t)sizeof(float), 1);
    // What follows the products reads values. Hints for the second cache alone were no faster, and took
    // lines that were in the nearest one out of it.
    if (!(flags & SCAN_KEYS)) __builtin_prefetch(c->v_fetched + column * (ptrdiff_t)sizeof(float));
  }
  if (map == SCAN_MAP_READY) __builtin_prefetch(c->q_features + column);
  if (map == SCAN_MAP_STEP && !(flags & SCAN_KEYS)) {
    scan_fetch_table(c->q_step, c->q_table, column);
  }
  if (map == SCAN_MAP_READY && !(flags & SCAN_NORM)) return;
  vec q = scan_map_part(c, c->q, map, 0);
  if (flags & SCAN_NORM) c->sum = vec_fma(q, vec_load(c->z + column), c->sum);
  if (flags & SCAN_OWES) c->mass = vec_add(q, c->mass);
  if (flags & SCAN_SHARES) {
    // Sums are zero beyond the features.
    vec share = vec_reciprocal(vec_load(c->z + column));
    q = vec_keep_first(vec_mul(q, share), c->features - column);
  }
  if (map != SCAN_MAP_READY) vec_store(c->q_features + column, scan_turn(c, q, map, 0));
}

/// Moves on to the next vector.
SCAN_INLINE void scan_advance(scan_cursor_t *c, scan_map_t map, int flags) {
  c->column += SCAN_LANES;
  if (c->column >= c->features) scan_next_row(c, map, flags);
}

/// Whether rows are taken as they come, so that nobody else has fetched them.
SCAN_INLINE int scan_comes_raw(scan_map_t map) {
  return map == SCAN_MAP_STEP || map == SCAN_MAP_FACTOR;
}

/// Maps the next vector of the block, if one is left.
SCAN_INLINE void scan_step(scan_cursor_t *c, scan_map_t map, int flags) {
  if (c->rows_left == 0) {
    if (scan_comes_raw(map)) scan_fetch_later(c);
    return;
  }
  if (flags & SCAN_KEYS) scan_step_keys(c, map, flags);
  if (flags & SCAN_QUERIES) scan_step_queries(c, map, flags);
  scan_advance(c, map, flags);
}

/// Maps all that is left of the block.
SCAN_INLINE void scan_drain(scan_cursor_t *c, scan_map_t map, int flags) {
  while (c->rows_left > 0) scan_step(c, map, flags);
}

/// Copies `rows` rows of `dim` floats, padded with zeros to whole vectors.
static inline void scan_copy_padded(float *to, ptrdiff_t to_stride, const float *from,
                                    ptrdiff_t from_stride, int32_t rows, int32_t dim) {
  for (int32_t t = 0; t < rows; ++t) {
    for (int32_t c = 0; c < dim; c += SCAN_LANES) {
      vec_store(to + t * to_stride + c, vec_load_first(from + t * from_stride + c, dim - c));
    }
  }
}

/// Copies `rows` rows of `dim` floats out of padded rows.
static inline void scan_copy_rows(float *to, ptrdiff_t to_stride, const float *from,
                                  ptrdiff_t from_stride, int32_t rows, int32_t dim) {
  for (int32_t t = 0; t < rows; ++t) {
    for (int32_t c = 0; c < dim; c += SCAN_LANES) {
      vec_store_first(to + t * to_stride + c, dim - c, vec_load(from + t * from_stride + c));
    }
  }
}

#endif
