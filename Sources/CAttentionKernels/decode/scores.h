// SPDX-License-Identifier: MIT
// Scores of one block of keys: vectors whose lane i is key i / rows, row i mod rows.
#ifndef DECODE_SCORES_H
#define DECODE_SCORES_H

#include "state.h"

/// Walks through the memory that will be read next, a cache line per line read now: a burst of
/// prefetches would fill the miss buffers, a steady one keeps 8 KB on their way.
typedef struct {
  uintptr_t at;
  uintptr_t step;  ///< 1, or 0 for rows that follow others over the same keys
} ahead_t;

INLINE void prefetch(ahead_t *ahead, uintptr_t bytes) {
  UNROLL for (uintptr_t i = 0; i < bytes; i += 64) {
    __builtin_prefetch((const void *)(ahead->at + i), 0, 3);
  }
  ahead->at += bytes * ahead->step;
}

/// Where a block's keys and values lie.
typedef struct {
  const void *keys, *values;
  const float *key_scales;  ///< INT8
  ptrdiff_t key_bytes, value_bytes;  ///< between rows; INT8 values: between groups of 4 keys
  int32_t count;    ///< keys that exist
} block_t;

/// Adds up LANES vectors: lane i of the result is the sum of the lanes of x[i].
#define FOLD(x)                                                                     \
  do {                                                                              \
    FOLD_FIRST(x)                                                                   \
    UNROLL for (int i = 0; i < 2; i++) {                                            \
      (x)[i] = FOLD_LOW_4((x)[i], (x)[i + 2]) + FOLD_HIGH_4((x)[i], (x)[i + 2]);    \
    }                                                                               \
    (x)[0] = FOLD_LOW_2((x)[0], (x)[1]) + FOLD_HIGH_2((x)[0], (x)[1]);              \
  } while (0)

#define FOLD_8(x)                                                                   \
  UNROLL for (int i = 0; i < 4; i++) {                                              \
    (x)[i] = FOLD_LOW_8((x)[i], (x)[i + 4]) + FOLD_HIGH_8((x)[i], (x)[i + 4]);      \
  }
#if LANES == 16
#define FOLD_FIRST(x)                                                               \
  UNROLL for (int i = 0; i < 8; i++) {                                              \
    (x)[i] = FOLD_LOW_16((x)[i], (x)[i + 8]) + FOLD_HIGH_16((x)[i], (x)[i + 8]);    \
  }                                                                                 \
  FOLD_8(x)
#elif LANES == 8
#define FOLD_FIRST(x) FOLD_8(x)
#else
#define FOLD_FIRST(x)
#endif

/// Elements 16 h .. 16 h + 15 of a line of 32 bfloat16 are the halves h of its 32-bit words.
INLINE vf widen(const void *line, int vector) {
  const vi words = load_i((const char *)line + vector % (16 / LANES) * 4 * LANES);
  return vector < 16 / LANES ? (vf)((vu)words << 16) : (vf)(words & (int32_t)0xffff0000);
}

/// Keys read side by side: enough sums for the latency of a multiply-add, few enough that memory
/// is read nearly in row order.
INLINE int keys_at_once(const int rows) {
  const int most = LANES / rows;
  const int wanted = KEY_SUMS / rows;
  return wanted < most ? wanted : most;
}

INLINE void float_products(const int rows, const int format, const attn_decode_plan_t *plan,
                           const tile_t *tile, const block_t *block, int32_t key, vf *sums,
                           ahead_t *ahead) {
  const int keys = keys_at_once(rows);
  const int bf16 = format == ATTN_DECODE_BFLOAT16;
  const int elements = bf16 ? 32 : 16;
  const char *row[KEY_SUMS];
  UNROLL for (int j = 0; j < keys; j++) {
    // Beyond the last key its row is read again; the score is masked.
    const int32_t existing = key + j < block->count ? key + j : block->count - 1;
    row[j] = (const char *)block->keys + existing * block->key_bytes;
  }
  const float *query = tile->query;
  const ptrdiff_t stride = query_stride(plan);
  const int32_t whole = bf16 ? (plan->head_dim + 31) / 32 : plan->head_dim / 16;
  for (int32_t line = 0; line < whole; line++) {
    prefetch(ahead, (uintptr_t)(64 * keys));
    UNROLL for (int vector = 0; vector < elements / LANES; vector++) {
      UNROLL for (int j = 0; j < keys; j++) {
        const vf k = bf16 ? widen(row[j] + 64 * line, vector)
                          : load_f((const float *)row[j] + 16 * line + LANES * vector);
        UNROLL for (int r = 0; r < rows; r++) {
          const vf q = load_f(query + r * stride + elements * line + LANES * vector);
          sums[j * rows + r] = multiply_add(k, q, sums[j * rows + r]);
        }
      }
    }
  }
  if (bf16) return;
  for (int32_t from = 16 * whole; from < plan->head_dim; from += LANES) {
    const int32_t left = plan->head_dim - from;
    UNROLL for (int j = 0; j < keys; j++) {
      const float *at = (const float *)row[j] + from;
      const vf k = left >= LANES ? load_f(at) : load_part(at, left);
      UNROLL for (int r = 0; r < rows; r++) {
        const vf q = load_f(query + r * stride + from);
        sums[j * rows + r] = multiply_add(k, q, sums[j * rows + r]);
      }
    }
  }
}

INLINE void float_scores(const int rows, const int format, const attn_decode_plan_t *plan,
                         const tile_t *tile, const block_t *block, float *scores,
                         ahead_t *ahead) {
  const int group = LANES / rows;
  for (int32_t key = 0; key < block->count; key += group) {
    vf sums[LANES];
    UNROLL for (int i = 0; i < LANES; i++) sums[i] = all_f(0);
    UNROLL for (int part = 0; part < group; part += keys_at_once(rows)) {
      float_products(rows, format, plan, tile, block, key + part, sums + part * rows, ahead);
    }
    FOLD(sums);
    store_f(scores + key * rows, sums[0]);
  }
}

INLINE vf spread(const int rows, vf x) {
  return rows == 4 ? SPREAD_4(x) : rows == 2 ? SPREAD_2(x) : x;
}

/// Exact integer sums, less the zero point of the keys, times both scales.
INLINE void int8_scores(const int rows, const attn_decode_plan_t *plan, const tile_t *tile,
                        const block_t *block, float *scores, ahead_t *ahead) {
  const int group = LANES / rows, keys = keys_at_once(rows);
  const ptrdiff_t stride = 4 * query_stride(plan);
  const char *query = (const char *)tile->query;
  for (int32_t key = 0; key < MOST_PAGE_KEYS; key += group) {
    vi sums[LANES];
    UNROLL for (int i = 0; i < LANES; i++) sums[i] = all_i(0);
    UNROLL for (int part = 0; part < group; part += keys) {
      const char *from = (const char *)block->keys + (key + part) * block->key_bytes;
      for (ptrdiff_t line = 0; line < block->key_bytes; line += 64) {
        prefetch(ahead, (uintptr_t)(64 * keys));
        UNROLL for (int at = 0; at < 64; at += 4 * LANES) {
          UNROLL for (int j = 0; j < keys; j++) {
            const vi k = load_i(from + j * block->key_bytes + line + at);
            UNROLL for (int r = 0; r < rows; r++) {
              const int i = (part + j) * rows + r;
              sums[i] = dot_bytes(sums[i], k, load_i(query + r * stride + line + at));
            }
          }
        }
      }
    }
    FOLD(sums);
    const vi whole = sums[0] - load_i(tile->query_offset);
    const vf scale = spread(rows, load_f(block->key_scales + key)) * load_f(tile->query_scale);
    store_f(scores + key * rows, __builtin_convertvector(whole, vf) * scale);
  }
}

#endif
