// SPDX-License-Identifier: MIT
#ifndef SELECT_PANEL16_H
#define SELECT_PANEL16_H

#include "products16.h"

#define PANEL_INLINE static inline __attribute__((always_inline))
#define PANEL_UNROLL _Pragma("clang loop unroll(full)")

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)

#include "../tiled/transpose_avx512.h"

enum {
  PANEL_ROWS = 16,
  /// Floats of the widest row that a panel holds.
  PANEL_WIDTH = 256,
  /// Fewer rows than this leave too many lanes of a panel empty.
  PANEL_LEAST = 6
};

/// Sixteen rows, one per lane, the last one again where there are fewer.
typedef struct {
  _Alignas(64) float columns[PANEL_WIDTH * PANEL_ROWS];
} panel_t;

static inline void fill_panel(panel_t *panel, const float *x, ptrdiff_t stride, int32_t count,
                              int32_t width) {
  for (int32_t e = 0; e < width; e += 16) {
    const __mmask16 rest = first_lanes(width - e);
    __m512 rows[16];
    PANEL_UNROLL for (int32_t i = 0; i < 16; i++) {
      rows[i] = _mm512_maskz_loadu_ps(rest, x + least_of(i, count - 1) * stride + e);
    }
    tiled_transpose16_avx512(rows);
    PANEL_UNROLL for (int32_t i = 0; i < 16; i++) _mm512_store_ps(panel->columns + 16 * (e + i), rows[i]);
  }
}

static inline void add_to_blocks16(const float *weights, ptrdiff_t stride, int32_t rows,
                                   int32_t count, const int32_t *blocks, float *sums) {
  for (int32_t j = 0; j < count; j += 16) {
    const __mmask16 rest = first_lanes(count - j);
    __m512 columns[16];
    for (int32_t i = 0; i < 16; i++) {
      columns[i] = _mm512_maskz_loadu_ps(i < rows ? rest : 0, weights + i * stride + j);
    }
    tiled_transpose16_avx512(columns);
    const int32_t end = least_of(16, count - j);
    for (int32_t t = 0; t < end; t++) {
      float *sum = sums + 16 * (ptrdiff_t)blocks[j + t];
      _mm512_storeu_ps(sum, _mm512_add_ps(_mm512_loadu_ps(sum), columns[t]));
    }
  }
}

/// Something of four keys: one lane per row of the panel.
typedef struct {
  __m512 key[4];
} key_quad_t;

PANEL_INLINE key_quad_t quad_sum(key_quad_t a, key_quad_t b) {
  PANEL_UNROLL for (int32_t i = 0; i < 4; i++) a.key[i] = _mm512_add_ps(a.key[i], b.key[i]);
  return a;
}

/// The partial sums of elements e with e mod 16 = `part`.
PANEL_INLINE key_quad_t quad_partial(const panel_t *panel, const float *const keys[4],
                                     int32_t width, int32_t part) {
  key_quad_t sum;
  PANEL_UNROLL for (int32_t i = 0; i < 4; i++) sum.key[i] = _mm512_setzero_ps();
  if (part >= width) return sum;
  // A product, not a multiply-add with 0: adding to it can run beside it.
  const __m512 first = _mm512_load_ps(panel->columns + 16 * part);
  PANEL_UNROLL for (int32_t i = 0; i < 4; i++) {
    sum.key[i] = _mm512_mul_ps(first, _mm512_set1_ps(keys[i][part]));
  }
  for (int32_t e = part + 16; e < width; e += 16) {
    const __m512 x = _mm512_load_ps(panel->columns + 16 * e);
    PANEL_UNROLL for (int32_t i = 0; i < 4; i++) {
      sum.key[i] = _mm512_fmadd_ps(x, _mm512_set1_ps(keys[i][e]), sum.key[i]);
    }
  }
  return sum;
}

PANEL_INLINE key_quad_t quad_two(const panel_t *panel, const float *const keys[4], int32_t width,
                             int32_t part) {
  return quad_sum(quad_partial(panel, keys, width, part),
                  quad_partial(panel, keys, width, part + 8));
}

PANEL_INLINE key_quad_t quad_four(const panel_t *panel, const float *const keys[4], int32_t width,
                              int32_t part) {
  return quad_sum(quad_two(panel, keys, width, part), quad_two(panel, keys, width, part + 4));
}

PANEL_INLINE key_quad_t quad_eight(const panel_t *panel, const float *const keys[4], int32_t width,
                               int32_t part) {
  return quad_sum(quad_four(panel, keys, width, part), quad_four(panel, keys, width, part + 2));
}

/// Products of the panel's rows with four keys, summed as a single product is: partials 8, 4, 2 and
/// 1 apart. Few are alive at a time, so that all stay in registers, and no lane is moved. Adding 0
/// makes 0 of -0, as a sum that begins with 0 is.
PANEL_INLINE key_quad_t quad_products(const panel_t *panel, const float *const keys[4],
                                  int32_t width) {
  key_quad_t sum =
      quad_sum(quad_eight(panel, keys, width, 0), quad_eight(panel, keys, width, 1));
  PANEL_UNROLL for (int32_t i = 0; i < 4; i++) {
    sum.key[i] = _mm512_add_ps(sum.key[i], _mm512_setzero_ps());
  }
  return sum;
}

/// Products of the first `lanes` rows of a panel with `count` rows.
PANEL_INLINE void panel_block(const panel_t *panel, int32_t lanes, const float *rows,
                              ptrdiff_t stride, int32_t count, int32_t width, float *scores,
                              ptrdiff_t score_stride) {
  for (int32_t k = 0; k < count; k += 16) {
    const int32_t keys = least_of(16, count - k);
    __m512 tile[16];
    // One copy of the long products is enough.
    _Pragma("clang loop unroll(disable)") for (int32_t j = 0; j < 16; j += 4) {
      if (j >= keys) {
        for (int32_t i = 0; i < 4; i++) tile[j + i] = _mm512_setzero_ps();
        continue;
      }
      const float *four[4];
      for (int32_t i = 0; i < 4; i++) four[i] = rows + least_of(k + j + i, count - 1) * stride;
      const key_quad_t quad = quad_products(panel, four, width);
      for (int32_t i = 0; i < 4; i++) tile[j + i] = quad.key[i];
    }
    tiled_transpose16_avx512(tile);
    if (keys == 16 && lanes == 16) {
      // Stores under a mask are slow.
      PANEL_UNROLL for (int32_t i = 0; i < 16; i++) {
        _mm512_storeu_ps(scores + i * score_stride + k, tile[i]);
      }
      continue;
    }
    const __mmask16 valid = first_lanes(keys);
    for (int32_t i = 0; i < lanes; i++) {
      _mm512_mask_storeu_ps(scores + i * score_stride + k, valid, tile[i]);
    }
  }
}

static inline void dot_block16(const float *x, ptrdiff_t x_stride, int32_t x_count,
                               const float *rows, ptrdiff_t stride, int32_t count, int32_t width,
                               float *scores, ptrdiff_t score_stride) {
  panel_t panel;
  for (; x_count >= PANEL_LEAST && width <= PANEL_WIDTH && count > 0;
       x_count -= PANEL_ROWS, x += PANEL_ROWS * x_stride, scores += PANEL_ROWS * score_stride) {
    const int32_t lanes = least_of(PANEL_ROWS, x_count);
    fill_panel(&panel, x, x_stride, lanes, width);
    // The usual widths, unrolled.
    switch (width) {
      case 16: panel_block(&panel, lanes, rows, stride, count, 16, scores, score_stride); break;
      case 64: panel_block(&panel, lanes, rows, stride, count, 64, scores, score_stride); break;
      case 128: panel_block(&panel, lanes, rows, stride, count, 128, scores, score_stride); break;
      default: panel_block(&panel, lanes, rows, stride, count, width, scores, score_stride);
    }
  }
  if (x_count > 0) {
    dot_tiles16(x, x_stride, x_count, rows, stride, count, width, scores, score_stride);
  }
}

/// The keys of a list of blocks, one after the other.
typedef struct {
  const int32_t *first;
  int32_t count, size, block, offset;
} block_keys_t;

/// Row of the next key, the last one again at the end.
static inline int32_t next_key(block_keys_t *keys) {
  const int32_t row = keys->first[keys->block] + keys->offset;
  if (keys->offset + 1 < keys->size) {
    keys->offset++;
  } else if (keys->block + 1 < keys->count) {
    keys->block++;
    keys->offset = 0;
  }
  return row;
}

/// The largest lanes of four vectors; those that are no numbers count as -inf.
static inline __m128 largest_of_quad(key_quad_t quad) {
  __m512 x[4];
  for (int32_t i = 0; i < 4; i++) x[i] = _mm512_max_ps(quad.key[i], _mm512_set1_ps(-INFINITY));
  const __m512d a = _mm512_castps_pd(
      _mm512_max_ps(_mm512_unpacklo_ps(x[0], x[1]), _mm512_unpackhi_ps(x[0], x[1])));
  const __m512d b = _mm512_castps_pd(
      _mm512_max_ps(_mm512_unpacklo_ps(x[2], x[3]), _mm512_unpackhi_ps(x[2], x[3])));
  const __m512 quarters = _mm512_max_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                                        _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  const __m256 eight =
      _mm256_max_ps(_mm512_castps512_ps256(quarters), _mm512_extractf32x8_ps(quarters, 1));
  return _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}

PANEL_INLINE void panel_raise(const panel_t *panel, const float *rows, ptrdiff_t stride,
                              const int32_t *first, int32_t count, int32_t size, int32_t width,
                              float *best) {
  block_keys_t keys = {first, count, size, 0, 0}, coming = keys;
  // Rows lie anywhere: they are fetched two groups of four ahead.
  for (int32_t j = 0; j < 8; j++) next_key(&coming);
  for (int32_t k = 0; k < count * size; k += 4) {
    const float *four[4];
    int32_t block[4];
    for (int32_t j = 0; j < 4; j++) {
      block[j] = keys.block;
      four[j] = rows + (ptrdiff_t)next_key(&keys) * stride;
      const float *ahead = rows + (ptrdiff_t)next_key(&coming) * stride;
      for (int32_t e = 0; e < width; e += 16) _mm_prefetch((const char *)(ahead + e), _MM_HINT_T0);
    }
    float largest[4];
    _mm_storeu_ps(largest, largest_of_quad(quad_products(panel, four, width)));
    for (int32_t j = 0; j < 4; j++) {
      best[block[j]] = largest[j] > best[block[j]] ? largest[j] : best[block[j]];
    }
  }
}

static inline void raise_products16(const float *x, ptrdiff_t x_stride, int32_t x_count,
                                    const float *rows, ptrdiff_t stride, const int32_t *first,
                                    int32_t count, int32_t size, int32_t width, float *best) {
  if (count <= 0) return;
  if (width > PANEL_WIDTH) {
    return raise_products(x, x_stride, x_count, rows, stride, first, count, size, width, best);
  }
  panel_t panel;
  for (int32_t q = 0; q < x_count; q += PANEL_ROWS) {
    fill_panel(&panel, x + q * x_stride, x_stride, least_of(PANEL_ROWS, x_count - q), width);
    if (width == 64) {
      panel_raise(&panel, rows, stride, first, count, size, 64, best);
    } else {
      panel_raise(&panel, rows, stride, first, count, size, width, best);
    }
  }
}

#pragma clang attribute pop

#endif
