// SPDX-License-Identifier: MIT
#include "strip.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "pv_avx2.h"
#include "qk_avx2.h"
#include "transpose_avx2.h"

enum { LANES = TILED_AVX2_LANES, VECTOR = 8, KEYS = TILED_AVX2_KEYS };

static int score(const tiled_view_t *view, const tiled_tile_t *tile, const tiled_tile_t *pending) {
  switch (tile->count) {
    case 1: return tiled_score_keys(view, tile, pending, 1);
    case 2: return tiled_score_keys(view, tile, pending, 2);
    case 3: return tiled_score_keys(view, tile, pending, 3);
    default: return tiled_score_keys(view, tile, pending, 4);
  }
}

static int weigh(const tiled_view_t *view, const tiled_tile_t *pending) {
  tiled_raw_t raw = tiled_raw(view->strip, pending);
  tiled_weigh_rest(&raw);
  return tiled_raw_end(view->strip, pending);
}

static void scale_rows(float *rows, int32_t count, __m256 factor) {
  for (int32_t i = 0; i < count; ++i, rows += LANES) {
    _mm256_store_ps(rows, _mm256_mul_ps(_mm256_load_ps(rows), factor));
  }
}

/// Raises the maxima of one vector of lanes; returns the factor by which older weights shrink.
static __m256 raise_maxima(tiled_strip_t *strip, const tiled_tile_t *tile, int lane) {
  const __m256 old = _mm256_load_ps(strip->maximum + lane);
  __m256 highest = old;
  for (int32_t i = 0; i < tile->count; ++i) {
    highest = _mm256_max_ps(highest, _mm256_load_ps(tile->scores + i * LANES + lane));
  }
  const __m256 limit = _mm256_add_ps(old, _mm256_set1_ps(TILED_SLACK));
  const __m256 exceeds = _mm256_cmp_ps(highest, limit, _CMP_GT_OQ);
  const __m256 maximum = _mm256_blendv_ps(old, highest, exceeds);
  _mm256_store_ps(strip->maximum + lane, maximum);
  // Lanes that stay must keep their weights to the last bit.
  const __m256 factor = tiled_exp2_avx2(_mm256_sub_ps(old, maximum), &tiled_exp_constants);
  return _mm256_blendv_ps(_mm256_set1_ps(1), factor, exceeds);
}

static void rescale(const tiled_view_t *view, const tiled_tile_t *tile, const tiled_tile_t *tiles,
                    int32_t count) {
  tiled_strip_t *strip = view->strip;
  for (int lane = 0; lane < LANES; lane += VECTOR) {
    const __m256 factor = raise_maxima(strip, tile, lane);
    scale_rows(strip->denominator + lane, 1, factor);
    scale_rows(strip->block_denominator + lane, 1, factor);
    for (int32_t t = 0; t < count; ++t) scale_rows(tiles[t].weights + lane, tiles[t].count, factor);
    if (strip->output_started) scale_rows(view->outputs + lane, view->value_dim, factor);
  }
}

static void accumulate(const tiled_view_t *view, const tiled_tile_t *tiles, int32_t count) {
  const int32_t value_dim = view->value_dim;
  ptrdiff_t channel = 0;
  for (; channel + TILED_AVX2_PANEL <= value_dim; channel += TILED_AVX2_PANEL) {
    tiled_panel(view, tiles, count, channel, TILED_AVX2_PANEL);
  }
  for (; channel < value_dim; ++channel) tiled_panel(view, tiles, count, channel, 1);
  tiled_strip_t *strip = view->strip;
  for (int lane = 0; lane < LANES; ++lane) {
    strip->denominator[lane] += strip->block_denominator[lane];
    strip->block_denominator[lane] = 0;
  }
  strip->output_started = 1;
}

static size_t avx2_strip_bytes(int32_t head_dim, int32_t value_dim) {
  return tiled_strip_bytes(head_dim, value_dim, LANES);
}

static void avx2_load(void *memory, const float *q, ptrdiff_t q_stride, const int32_t *ids,
                      int32_t count, int32_t head_dim, int32_t value_dim, float scale) {
  const tiled_view_t view = tiled_reset(memory, LANES, head_dim, value_dim, count);
  const uint32_t valid = (uint32_t)((1ull << count) - 1);
  for (int j = 0; j < TILED_AVX2_VECTORS; ++j) {
    const float *rows[VECTOR];
    for (int i = 0; i < VECTOR; ++i) {
      // Lanes without a query read a row that exists and are cleared by the mask.
      const int lane = VECTOR * j + i;
      rows[i] = q + ids[lane < count ? lane : 0] * q_stride;
    }
    tiled_load_rows(view.queries + VECTOR * j, TILED_AVX2_LANES, rows, head_dim,
                    tiled_word_mask(valid, j), scale);
  }
}

/// As many as leave a line of each one's values in level 1 (64 sets of 8 lines) for the four panels that
/// use it: rows a multiple of 128 channels apart lie in 8 sets, of 256 channels in 4, too few for a block.
static int32_t block_keys(ptrdiff_t value_stride) {
  if (value_stride % 256 == 0) return TILED_BLOCK_KEYS;
  return value_stride % 128 == 0 ? 32 : 64;
}

static const tiled_steps_t avx2_steps = {
    .lanes = LANES,
    .part_lanes = LANES,
    .tile_keys = KEYS,
    .block_keys = block_keys,
    .score_fetches = 1,
    .score = score,
    .weigh = weigh,
    .rescale = rescale,
    .accumulate = accumulate,
};

static void avx2_announce(void *memory, const attn_tiled_next_t *next) {
  tiled_announce(memory, next);
}

static void avx2_bias(void *memory, const float *table, const attn_bias_rows_t *rows) {
  tiled_bias(memory, table, rows);
}

static void avx2_attend(void *memory, const float *k, ptrdiff_t k_stride, const float *v,
                        ptrdiff_t v_stride, const float *key_bias, const attn_run_t *runs,
                        int32_t run_count, const uint32_t *masks, attn_counts_t *counts) {
  const tiled_rows_t rows = {k, v, k_stride, v_stride, key_bias, masks};
  tiled_attend(memory, &avx2_steps, rows, runs, run_count, counts);
}

static void avx2_store(void *memory, float *o, ptrdiff_t o_stride, const int32_t *ids,
                       int32_t count, float *lse) {
  const tiled_view_t view = tiled_view(memory, LANES);
  if (!view.strip->output_started) {
    memset(view.outputs, 0, (size_t)view.value_dim * LANES * sizeof(float));
  }
  for (int lane = 0; lane < count; lane += VECTOR) {
    const __m256 denominator = _mm256_load_ps(view.strip->denominator + lane);
    const __m256 any = _mm256_cmp_ps(denominator, _mm256_setzero_ps(), _CMP_GT_OQ);
    const __m256 inverse = _mm256_and_ps(any, _mm256_div_ps(_mm256_set1_ps(1), denominator));
    const int32_t left = count - lane < VECTOR ? count - lane : VECTOR;
    tiled_store_rows(view.outputs + lane, inverse, o, o_stride, ids + lane, left, view.value_dim);
  }
  for (int lane = 0; lse && lane < count; ++lane) {
    lse[ids[lane]] = tiled_log_sum_exp(view.strip, lane);
  }
}

const attn_tiled_kernels_t attn_tiled_avx2 = {
    .lanes = LANES,
    .key_tile = KEYS,
    .strip_bytes = avx2_strip_bytes,
    .load = avx2_load,
    .announce = avx2_announce,
    .bias = avx2_bias,
    .attend = avx2_attend,
    .store = avx2_store,
};

#pragma clang attribute pop

#else

const attn_tiled_kernels_t attn_tiled_avx2 = {0};

#endif
