// SPDX-License-Identifier: MIT
#ifndef SELECT_BLOCK16_H
#define SELECT_BLOCK16_H

#include "block_weights16.h"

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

/// Rows that are brought closer while values are multiplied.
typedef struct {
  const float *rows[BLOCK_FETCHES];
  int32_t count;
  int32_t key;  ///< keys of the next block already fetched
} block_fetch_t;

/// Transposes whole vectors of keys: element e of key k goes to `columns[e * stride + k]`.
static inline void block_columns(const attn_block_t *of, int32_t vectors, int32_t keys) {
  const ptrdiff_t stride = 16 * vectors;
  for (int32_t v = 0; v < vectors; v++) {
    for (int32_t e = 0; e < of->head_dim; e += 16) {
      __m512 rows[16];
      PANEL_UNROLL for (int32_t i = 0; i < 16; i++) {
        rows[i] = _mm512_loadu_ps(of->keys + least_of(16 * v + i, keys - 1) * of->key_stride + e);
      }
      tiled_transpose16_avx512(rows);
      PANEL_UNROLL for (int32_t i = 0; i < 16; i++) {
        _mm512_store_ps(of->memory + (e + i) * stride + 16 * v, rows[i]);
      }
    }
  }
}

/// Scores of `vectors` vectors of keys for `rows` rows, both constant.
PANEL_INLINE void block_score(const float *const x[BLOCK_ROWS], const float *columns,
                              ptrdiff_t stride, int32_t width, float *scores, const int rows,
                              const int vectors) {
  __m512 sums[BLOCK_ROWS][BLOCK_VECTORS];
  PANEL_UNROLL for (int r = 0; r < rows; r++) {
    PANEL_UNROLL for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_setzero_ps();
  }
  for (ptrdiff_t e = 0; e < width; e++) {
    __m512 keys[BLOCK_VECTORS];
    PANEL_UNROLL for (int v = 0; v < vectors; v++) keys[v] = _mm512_load_ps(columns + 16 * v);
    columns += stride;
    PANEL_UNROLL for (int r = 0; r < rows; r++) {
      const __m512 factor = _mm512_set1_ps(x[r][e]);
      PANEL_UNROLL for (int v = 0; v < vectors; v++) {
        sums[r][v] = _mm512_fmadd_ps(factor, keys[v], sums[r][v]);
      }
    }
  }
  PANEL_UNROLL for (int r = 0; r < rows; r++) {
    PANEL_UNROLL for (int v = 0; v < vectors; v++) {
      _mm512_store_ps(scores + r * BLOCK_STRIDE + 16 * v, sums[r][v]);
    }
  }
}

#define BLOCK_CASES(call)    \
  switch (rows) {            \
    case 1: call(1); break;  \
    case 2: call(2); break;  \
    case 3: call(3); break;  \
    case 4: call(4); break;  \
    case 5: call(5); break;  \
    case 6: call(6); break;  \
    case 7: call(7); break;  \
    default: call(8); break; \
  }

static __attribute__((noinline)) void block_score_any(const float *const x[BLOCK_ROWS],
                                                      const float *columns, ptrdiff_t stride,
                                                      int32_t width, float *scores, int rows,
                                                      int vectors) {
#define BLOCK_SCORE3(n) block_score(x, columns, stride, width, scores, n, 3)
#define BLOCK_SCORE2(n) block_score(x, columns, stride, width, scores, n, 2)
#define BLOCK_SCORE1(n) block_score(x, columns, stride, width, scores, n, 1)
  switch (vectors) {
    case 1: BLOCK_CASES(BLOCK_SCORE1) break;
    case 2: BLOCK_CASES(BLOCK_SCORE2) break;
    default: BLOCK_CASES(BLOCK_SCORE3)
  }
}

/// Products of eight rows with one key, as `block_sums` leaves them.
PANEL_INLINE __m512 block_single(const float *const x[BLOCK_ROWS], const float *key,
                                 int32_t width) {
  __m512 sums[BLOCK_ROWS];
  PANEL_UNROLL for (int r = 0; r < BLOCK_ROWS; r++) sums[r] = _mm512_setzero_ps();
  for (int32_t e = 0; e < width; e += 16) {
    const __m512 y = _mm512_loadu_ps(key + e);
    PANEL_UNROLL for (int r = 0; r < BLOCK_ROWS; r++) {
      sums[r] = _mm512_fmadd_ps(y, _mm512_loadu_ps(x[r] + e), sums[r]);
    }
  }
  return block_sums(sums);
}

/// Adds its factor times the weighted values to 32 channels of row r, or writes them.
PANEL_INLINE void block_values(const float *values, ptrdiff_t stride, int32_t keys,
                               const float *weights, float *const o[BLOCK_ROWS], int32_t channel,
                               const float *factors, int adds, const block_fetch_t *fetch,
                               const int rows) {
  __m512 sums[BLOCK_ROWS][2];
  PANEL_UNROLL for (int r = 0; r < rows; r++) sums[r][0] = sums[r][1] = _mm512_setzero_ps();
  values += channel;
  for (int32_t k = 0; k < keys; k++, values += stride) {
    const float *coming = fetch->rows[least_of(k, fetch->count - 1)] + channel;
    _mm_prefetch((const char *)coming, _MM_HINT_T1);
    _mm_prefetch((const char *)(coming + 16), _MM_HINT_T1);
    const __m512 low = _mm512_loadu_ps(values), high = _mm512_loadu_ps(values + 16);
    PANEL_UNROLL for (int r = 0; r < rows; r++) {
      const __m512 weight = _mm512_set1_ps(weights[r * BLOCK_STRIDE + k]);
      sums[r][0] = _mm512_fmadd_ps(weight, low, sums[r][0]);
      sums[r][1] = _mm512_fmadd_ps(weight, high, sums[r][1]);
    }
  }
  PANEL_UNROLL for (int r = 0; r < rows; r++) {
    const __m512 factor = _mm512_set1_ps(factors[block_lane(r)]);
    PANEL_UNROLL for (int j = 0; j < 2; j++) {
      float *to = o[r] + channel + 16 * j;
      const __m512 row = adds ? _mm512_fmadd_ps(sums[r][j], factor, _mm512_loadu_ps(to))
                              : _mm512_mul_ps(sums[r][j], factor);
      _mm512_storeu_ps(to, row);
    }
  }
}

static __attribute__((noinline)) void block_values_any(const attn_block_t *of, int32_t keys,
                                                       const float *weights,
                                                       float *const o[BLOCK_ROWS],
                                                       const float *factors,
                                                       const block_fetch_t *fetch, int rows) {
  const int adds = of->weights != NULL;
  for (int32_t c = 0; c < of->value_dim; c += 32) {
#define BLOCK_VALUES(n) \
  block_values(of->values, of->value_stride, keys, weights, o, c, factors, adds, fetch, n)
    BLOCK_CASES(BLOCK_VALUES)
  }
}

/// Lists the rows of the next group, and a share of those of the next block.
static inline void block_announce(const attn_block_t *of, block_fetch_t *fetch, int32_t first,
                                  int32_t count, int32_t groups) {
  fetch->count = 0;
  for (int32_t i = first; i < first + count; i++) {
    fetch->rows[fetch->count++] = of->queries + of->rows[i] * of->query_stride;
    fetch->rows[fetch->count++] = of->outputs + of->rows[i] * of->output_stride;
  }
  if (of->next_keys == NULL) return;
  int32_t keys = (of->key_count - fetch->key + groups - 1) / groups;
  keys = least_of(keys, (BLOCK_FETCHES - fetch->count) / 2);
  for (; keys > 0; keys--, fetch->key++) {
    fetch->rows[fetch->count++] = of->next_keys + fetch->key * of->key_stride;
    fetch->rows[fetch->count++] = of->next_values + fetch->key * of->value_stride;
  }
}

static inline void block_attend(const attn_block_t *of, int32_t first, int32_t rows,
                                block_cut_t all, const block_fetch_t *fetch) {
  block_rows_t at;
  const float *x[BLOCK_ROWS];
  float *o[BLOCK_ROWS];
  int32_t keys = of->visible ? 0 : of->key_count;
  for (int r = 0; r < BLOCK_ROWS; r++) {
    const int32_t row = first + least_of(r, rows - 1);
    x[r] = of->queries + of->rows[row] * of->query_stride;
    o[r] = of->outputs + of->rows[row] * of->output_stride;
    if (of->visible == NULL) continue;
    const int32_t visible = of->visible[row];
    at.visible[block_lane(r)] = at.visible[block_lane(r) + 1] = visible;
    keys = visible > keys ? visible : keys;
  }
  block_cut_t cut = all;
  if (keys <= 16 * all.vectors) cut = (block_cut_t){(keys + 15) / 16, 0};
  const ptrdiff_t stride = 16 * all.vectors;
  for (int32_t v = 0; v < cut.vectors; v += BLOCK_VECTORS) {
    block_score_any(x, of->memory + 16 * v, stride, of->head_dim, at.weights + 16 * v, rows,
                    least_of(BLOCK_VECTORS, cut.vectors - v));
  }
  for (int32_t j = 0; j < cut.singles; j++) {
    const float *key = of->keys + (16 * cut.vectors + j) * of->key_stride;
    _mm512_store_ps(at.singles[j], block_single(x, key, of->head_dim));
  }
  block_weigh(&at, cut, keys, rows, of->visible != NULL, of->scale);
  _Alignas(64) float factors[16] = {0};
  if (of->weights == NULL) {
    block_share(of, first, rows, &at, factors);
  } else {
    for (int r = 0; r < rows; r++) factors[block_lane(r)] = of->weights[first + r];
    const __m512 sum = _mm512_load_ps(at.sums);
    const __mmask16 any = _mm512_cmp_ps_mask(sum, _mm512_setzero_ps(), _CMP_GT_OQ);
    _mm512_store_ps(factors, _mm512_maskz_div_ps(any, _mm512_load_ps(factors), sum));
  }
  block_values_any(of, keys, at.weights, o, factors, fetch, rows);
}

static inline void attend_block16(const attn_block_t *of) {
  const block_cut_t cut = block_cut(of->key_count);
  block_columns(of, cut.vectors, of->key_count);
  block_fetch_t fetch;
  fetch.key = 0;
  // Groups of nearly equal size: none is left with a row or two.
  int32_t groups = (of->count + BLOCK_ROWS - 1) / BLOCK_ROWS;
  for (int32_t first = 0; first < of->count; groups--) {
    const int32_t rows = (of->count - first + groups - 1) / groups;
    const int32_t next = first + rows;
    block_announce(of, &fetch, next, least_of(BLOCK_ROWS, of->count + of->next_count - next),
                   groups);
    if (fetch.count == 0) fetch.rows[fetch.count++] = of->queries;
    block_attend(of, first, rows, cut, &fetch);
    first = next;
  }
}

#pragma clang attribute pop

#endif
