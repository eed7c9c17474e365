// SPDX-License-Identifier: MIT
#include "strip.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "pv_avx512.h"
#include "qk_avx512.h"
#include "transpose_avx512.h"

enum { LANES = 32, PART = 16, KEYS = 8 };

static int score(const tiled_view_t *view, const tiled_tile_t *tile, const tiled_tile_t *pending) {
  if (tile->parts == 3) {
    switch (tile->count) {
      case 1: return tiled_score_keys(view, tile, pending, 1, 2);
      case 2: return tiled_score_keys(view, tile, pending, 2, 2);
      case 3: return tiled_score_keys(view, tile, pending, 3, 2);
      case 4: return tiled_score_keys(view, tile, pending, 4, 2);
      case 5: return tiled_score_keys(view, tile, pending, 5, 2);
      case 6: return tiled_score_keys(view, tile, pending, 6, 2);
      case 7: return tiled_score_keys(view, tile, pending, 7, 2);
      default: return tiled_score_keys(view, tile, pending, 8, 2);
    }
  }
  switch (tile->count) {
    case 1: return tiled_score_keys(view, tile, pending, 1, 1);
    case 2: return tiled_score_keys(view, tile, pending, 2, 1);
    case 3: return tiled_score_keys(view, tile, pending, 3, 1);
    case 4: return tiled_score_keys(view, tile, pending, 4, 1);
    case 5: return tiled_score_keys(view, tile, pending, 5, 1);
    case 6: return tiled_score_keys(view, tile, pending, 6, 1);
    case 7: return tiled_score_keys(view, tile, pending, 7, 1);
    default: return tiled_score_keys(view, tile, pending, 8, 1);
  }
}

static int weigh(const tiled_view_t *view, const tiled_tile_t *pending) {
  tiled_raw_t raw = tiled_raw(view->strip, pending);
  while (raw.pairs > 0) tiled_weigh_pair(&raw);
  return tiled_raw_end(&raw, view->strip);
}

static void scale_rows(float *rows, int32_t count, __m512 factor) {
  for (int32_t i = 0; i < count; ++i, rows += LANES) {
    _mm512_store_ps(rows, _mm512_mul_ps(_mm512_load_ps(rows), factor));
  }
}

/// Raises the maxima of one part; returns the factor by which older weights shrink.
static __m512 raise_maxima(tiled_strip_t *strip, const tiled_tile_t *tile, int lane) {
  const __m512 old = _mm512_load_ps(strip->maximum + lane);
  __m512 highest = old;
  for (int32_t i = 0; i < tile->count; ++i) {
    highest = _mm512_max_ps(highest, _mm512_load_ps(tile->scores + i * LANES + lane));
  }
  const __m512 limit = _mm512_add_ps(old, _mm512_set1_ps(TILED_SLACK));
  const __mmask16 exceeds = _mm512_cmp_ps_mask(highest, limit, _CMP_GT_OQ);
  const __m512 maximum = _mm512_mask_mov_ps(old, exceeds, highest);
  _mm512_store_ps(strip->maximum + lane, maximum);
  // Lanes that stay must keep their weights to the last bit.
  return _mm512_mask_mov_ps(_mm512_set1_ps(1), exceeds,
                            tiled_exp2_avx512(_mm512_sub_ps(old, maximum), &tiled_exp_constants));
}

static void rescale(const tiled_view_t *view, const tiled_tile_t *tile, const tiled_tile_t *tiles,
                    int32_t count) {
  tiled_strip_t *strip = view->strip;
  for (int part = 0; part < 2; ++part) {
    if (!(tile->parts >> part & 1)) continue;
    const int lane = part * PART;
    const __m512 factor = raise_maxima(strip, tile, lane);
    scale_rows(strip->denominator + lane, 1, factor);
    scale_rows(strip->block_denominator + lane, 1, factor);
    for (int32_t t = 0; t < count; ++t) scale_rows(tiles[t].weights + lane, tiles[t].count, factor);
    if (strip->output_started) scale_rows(view->outputs + lane, view->value_dim, factor);
  }
}

static void accumulate(const tiled_view_t *view, const tiled_tile_t *tiles, int32_t count) {
  const int32_t value_dim = view->value_dim;
  ptrdiff_t channel = 0;
  for (; channel + 8 <= value_dim; channel += 8) tiled_panel(view, tiles, count, channel, 8);
  if (channel + 4 <= value_dim) {
    tiled_panel(view, tiles, count, channel, 4);
    channel += 4;
  }
  for (; channel < value_dim; ++channel) tiled_panel(view, tiles, count, channel, 1);
  tiled_strip_t *strip = view->strip;
  for (int lane = 0; lane < LANES; ++lane) {
    strip->denominator[lane] += strip->block_denominator[lane];
    strip->block_denominator[lane] = 0;
  }
  strip->output_started = 1;
}

static size_t avx512_strip_bytes(int32_t head_dim, int32_t value_dim) {
  return tiled_strip_bytes(head_dim, value_dim, LANES);
}

static void avx512_load(void *memory, const float *q, ptrdiff_t q_stride, const int32_t *ids,
                        int32_t count, int32_t head_dim, int32_t value_dim, float scale) {
  const tiled_view_t view = tiled_reset(memory, LANES, head_dim, value_dim, count);
  const uint32_t valid = (uint32_t)((1ull << count) - 1);
  for (int lane = 0; lane < LANES; lane += PART) {
    const float *rows[PART];
    for (int i = 0; i < PART; ++i) {
      // Lanes without a query read a row that exists and are cleared by the mask.
      rows[i] = q + ids[lane + i < count ? lane + i : 0] * q_stride;
    }
    tiled_load_rows(view.queries + lane, rows, head_dim, (__mmask16)(valid >> lane), scale);
  }
}

/// However rows lie: two panels use a line of values, not four, and fewer keys gained nothing.
static int32_t block_keys(ptrdiff_t value_stride) {
  (void)value_stride;
  return TILED_BLOCK_KEYS;
}

static const tiled_steps_t avx512_steps = {
    .lanes = LANES,
    .part_lanes = PART,
    .tile_keys = KEYS,
    .block_keys = block_keys,
    .score_fetches = 0,  // dense attention loses on Zen 4
    .score = score,
    .weigh = weigh,
    .rescale = rescale,
    .accumulate = accumulate,
};

static void avx512_announce(void *memory, const attn_tiled_next_t *next) {
  tiled_announce(memory, next);
}

static void avx512_bias(void *memory, const float *table, const attn_bias_rows_t *rows) {
  tiled_bias(memory, table, rows);
}

static void avx512_attend(void *memory, const float *k, ptrdiff_t k_stride, const float *v,
                          ptrdiff_t v_stride, const float *key_bias, const attn_run_t *runs,
                          int32_t run_count, const uint32_t *masks, attn_counts_t *counts) {
  const tiled_rows_t rows = {k, v, k_stride, v_stride, key_bias, masks};
  tiled_attend(memory, &avx512_steps, rows, runs, run_count, counts);
}

static void avx512_store(void *memory, float *o, ptrdiff_t o_stride, const int32_t *ids,
                         int32_t count, float *lse) {
  const tiled_view_t view = tiled_view(memory, LANES);
  if (!view.strip->output_started) {
    memset(view.outputs, 0, (size_t)view.value_dim * LANES * sizeof(float));
  }
  for (int lane = 0; lane < count; lane += PART) {
    const __m512 denominator = _mm512_load_ps(view.strip->denominator + lane);
    const __mmask16 any = _mm512_cmp_ps_mask(denominator, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 inverse = _mm512_maskz_div_ps(any, _mm512_set1_ps(1), denominator);
    const int32_t left = count - lane < PART ? count - lane : PART;
    tiled_store_rows(view.outputs + lane, inverse, o, o_stride, ids + lane, left, view.value_dim);
  }
  for (int lane = 0; lse && lane < count; ++lane) {
    lse[ids[lane]] = tiled_log_sum_exp(view.strip, lane);
  }
}

const attn_tiled_kernels_t attn_tiled_avx512 = {
    .lanes = LANES,
    .key_tile = KEYS,
    .strip_bytes = avx512_strip_bytes,
    .load = avx512_load,
    .announce = avx512_announce,
    .bias = avx512_bias,
    .attend = avx512_attend,
    .store = avx512_store,
};

#pragma clang attribute pop

#else

const attn_tiled_kernels_t attn_tiled_avx512 = {0};

#endif
