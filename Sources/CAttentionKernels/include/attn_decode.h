// SPDX-License-Identifier: MIT
#ifndef ATTN_DECODE_H
#define ATTN_DECODE_H

#include "attn_types.h"

/// How keys and values of a decode step lie in memory.
typedef enum {
  ATTN_DECODE_FLOAT32 = 0,   ///< Pages of 32 keys.
  /// Pages of 32 keys; queries are rounded to bfloat16 too, weights stay in float32.
  ATTN_DECODE_BFLOAT16 = 1,
  /// Pages of 64 keys: keys as code + 128 with a scale per key, values as codes with a scale per
  /// channel; weights are rounded to 255 steps of the largest weight of their page.
  ATTN_DECODE_INT8 = 2,
} attn_decode_format_t;

typedef struct {
  attn_decode_format_t format;
  int32_t head_dim, value_dim;
  float scale;  ///< softmax scale times log2 e
} attn_decode_plan_t;

/// Keys and values of one key-value head: natural rows to be packed, pages to be read.
typedef struct {
  const float *k, *v;
  ptrdiff_t k_stride, v_stride;  ///< in floats
  const void *pages;             ///< 64-byte aligned
  const float *value_scales;     ///< INT8: as `value_scales` wrote them
} attn_decode_cache_t;

/// Queries that share a key-value head: row r is query r / group of the group's head r % group.
typedef struct {
  const float *q;
  ptrdiff_t head_stride, query_stride;  ///< in floats
  int32_t group;
  const int32_t *visible;  ///< per query: how many keys it sees, counted from key 0
} attn_decode_queries_t;

/// Kernels of attention with few queries and many keys.
///
/// A state is 64-byte aligned scratch of `state_bytes` for up to `ATTN_DECODE_ROWS` rows; it needs
/// no initialisation. Calls: `load`, `attend` any number of times, `store`. Every block of keys is
/// read from memory once for all rows of a state.
typedef struct {
  size_t (*state_bytes)(const attn_decode_plan_t *plan);

  /// scales[c] = max |v[., c]| / 127 over `keys` rows, and after `attn_decode_value_columns` of
  /// them as many factors 127 / max.
  void (*value_scales)(const attn_decode_plan_t *plan, const float *v, ptrdiff_t v_stride,
                       int32_t keys, float *scales);

  /// Writes the page that starts at key `first` of `keys`; what lies beyond the last key is zero.
  void (*pack_page)(const attn_decode_plan_t *plan, const attn_decode_cache_t *source,
                    int32_t first, int32_t keys, void *page);

  /// Starts a state with the rows `first ..< first + count` of `queries`.
  void (*load)(void *state, const attn_decode_plan_t *plan, const attn_decode_queries_t *queries,
               int32_t first, int32_t count);

  /// Attends to the keys `first ..< last`. Both are multiples of 64, but `last` may be the number of
  /// keys: what lies beyond it must be seen by no row. Counts pairs and their exponentials.
  void (*attend)(void *state, const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                 int32_t first, int32_t last, attn_counts_t *counts);

  /// Writes per row the sum of weighted values to `o` and (maximum in log2 units, sum of weights)
  /// to `sums`: -inf and 0 for a row without keys.
  void (*store)(void *state, const attn_decode_plan_t *plan, const attn_decode_cache_t *cache,
                float *o, ptrdiff_t o_stride, float *sums);

  /// Joins `count` partial rows, `part_stride` and `sum_stride` floats apart, in order; a row
  /// without keys is zero.
  void (*merge)(const float *parts, ptrdiff_t part_stride, const float *sums, ptrdiff_t sum_stride,
                int32_t count, int32_t width, float *o);

  /// Reads the keys and values `first ..< last` once, as fast as memory gives them, and does nothing
  /// with them: what `attend` is held against. Bounds as in `attend`; rows must be adjacent. Returns
  /// a checksum, so that nothing can be left out.
  int32_t (*read)(const attn_decode_plan_t *plan, const attn_decode_cache_t *cache, int32_t first,
                  int32_t last);
} attn_decode_kernels_t;

/// Most rows of a state.
enum { ATTN_DECODE_ROWS = 64 };

/// Keys of a page.
static inline int32_t attn_decode_page_keys(attn_decode_format_t format) {
  return format == ATTN_DECODE_INT8 ? 64 : 32;
}

/// Channels of a key in a 32-bit word.
static inline int32_t attn_decode_word_channels(attn_decode_format_t format) {
  return format == ATTN_DECODE_FLOAT32 ? 1 : format == ATTN_DECODE_BFLOAT16 ? 2 : 4;
}

/// Columns of a packed value row including padding.
static inline int32_t attn_decode_value_columns(const attn_decode_plan_t *plan) {
  return (plan->value_dim + 31) / 32 * 32;
}

/// Bytes of a packed key row.
static inline size_t attn_decode_key_bytes(const attn_decode_plan_t *plan) {
  const size_t elements = 16 * (size_t)attn_decode_word_channels(plan->format);
  return ((size_t)plan->head_dim + elements - 1) / elements * 64;
}

/// Bytes of a page: key scales (INT8), keys, values.
static inline size_t attn_decode_page_bytes(const attn_decode_plan_t *plan) {
  const size_t element = 4 / (size_t)attn_decode_word_channels(plan->format);
  const size_t values = (size_t)attn_decode_value_columns(plan) * element;
  const size_t scales = plan->format == ATTN_DECODE_INT8 ? sizeof(float) : 0;
  return (size_t)attn_decode_page_keys(plan->format)
         * (scales + attn_decode_key_bytes(plan) + values);
}

extern const attn_decode_kernels_t attn_decode_scalar;
extern const attn_decode_kernels_t attn_decode_avx2;
extern const attn_decode_kernels_t attn_decode_avx512;
extern const attn_decode_kernels_t attn_decode_avx512_vnni;
extern const attn_decode_kernels_t attn_decode_avx512_bf16;

#endif
