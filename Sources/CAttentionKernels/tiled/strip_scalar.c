// SPDX-License-Identifier: MIT
#include <math.h>

#include "filter.h"

enum { LANES = 32, KEYS = 8 };

static size_t scalar_strip_bytes(int32_t head_dim, int32_t value_dim) {
  return tiled_strip_bytes(head_dim, value_dim, LANES);
}

static void scalar_load(void *memory, const float *q, ptrdiff_t q_stride, const int32_t *ids,
                        int32_t count, int32_t head_dim, int32_t value_dim, float scale) {
  const tiled_view_t view = tiled_reset(memory, LANES, head_dim, value_dim, count);
  for (int d = 0; d < head_dim; ++d) {
    float *row = view.queries + d * LANES;
    for (int lane = 0; lane < LANES; ++lane) {
      row[lane] = lane < count ? q[ids[lane] * q_stride + d] * scale : 0;
    }
  }
  memset(view.outputs, 0, (size_t)value_dim * LANES * sizeof(float));
}

/// `bias_step` is 0 where all lanes share one bias.
static void score_key(const tiled_view_t *view, const float *key, const float *bias, int bias_step,
                      uint32_t word, float *scores) {
  float sums[LANES] = {0};
  for (int d = 0; d < view->head_dim; ++d) {
    const float x = key[d];
    const float *row = view->queries + d * LANES;
    for (int lane = 0; lane < LANES; ++lane) sums[lane] += x * row[lane];
  }
  for (int lane = 0; lane < LANES; ++lane) {
    scores[lane] = word >> lane & 1 ? sums[lane] + bias[lane * bias_step] : -INFINITY;
  }
}

/// Raises the maximum of every lane to those of a tile; returns whether the output had to follow.
static int raise_maxima(const tiled_view_t *view, const float *scores, int32_t keys) {
  tiled_strip_t *strip = view->strip;
  float factors[LANES];
  int changed = 0;
  for (int lane = 0; lane < LANES; ++lane) {
    float maximum = strip->maximum[lane];
    for (int i = 0; i < keys; ++i) maximum = fmaxf(maximum, scores[i * LANES + lane]);
    factors[lane] = exp2f(strip->maximum[lane] - maximum);
    changed |= maximum > strip->maximum[lane];
    strip->maximum[lane] = maximum;
    strip->denominator[lane] *= factors[lane];
  }
  if (!changed || !strip->output_started) return 0;
  for (int d = 0; d < view->value_dim; ++d) {
    for (int lane = 0; lane < LANES; ++lane) view->outputs[d * LANES + lane] *= factors[lane];
  }
  return 1;
}

static void add_key(const tiled_view_t *view, const float *value, const float *scores) {
  tiled_strip_t *strip = view->strip;
  float weights[LANES];
  for (int lane = 0; lane < LANES; ++lane) {
    // A masked score is -inf, whose weight is exactly 0.
    weights[lane] = exp2f(scores[lane] - strip->maximum[lane]);
    strip->denominator[lane] += weights[lane];
  }
  for (int d = 0; d < view->value_dim; ++d) {
    const float x = value[d];
    float *row = view->outputs + d * LANES;
    for (int lane = 0; lane < LANES; ++lane) row[lane] += weights[lane] * x;
  }
}

static void scalar_bias(void *memory, const float *table, const attn_bias_rows_t *rows) {
  tiled_bias(memory, table, rows);
}

/// Where the rows of one call to `attend` lie.
typedef struct {
  const float *k;
  ptrdiff_t k_stride;
  const float *key_bias;
  const attn_run_t *runs;
  const uint32_t *masks;
} scalar_rows_t;

/// Scores of `keys` keys of run `r` from its key `from` on.
static void score_tile(const tiled_view_t *view, const scalar_rows_t *rows, int32_t r, int32_t from,
                       int32_t keys, float *scores) {
  const tiled_strip_t *strip = view->strip;
  const attn_run_t run = rows->runs[r];
  const float nothing = 0;
  for (int32_t i = 0; i < keys; ++i) {
    const ptrdiff_t key = run.first_key + (ptrdiff_t)(from + i) * run.step;
    const uint32_t word = run.mask < 0 ? UINT32_MAX : rows->masks[run.mask + from + i];
    const float *bias = rows->key_bias ? rows->key_bias + key : &nothing;
    if (strip->bias_rows) {
      const attn_bias_rows_t at = strip->bias_rows[r];
      bias = strip->bias_table + at.first + (ptrdiff_t)(from + i) * at.step;
    }
    score_key(view, rows->k + key * rows->k_stride, bias, strip->bias_rows != NULL, word,
              scores + i * LANES);
  }
}

TILED_INLINE int32_t tile_keys(const attn_run_t *run, int32_t from) {
  return run->count - from < KEYS ? run->count - from : KEYS;
}

/// Scores all keys of a call ahead of their weights; whether they are left out.
static int leaves_out(const tiled_view_t *view, const scalar_rows_t *rows, int32_t run_count) {
  if (!(view->strip->left_out_below > 0)) return 0;
  tiled_filter_begin(view->strip);
  for (int32_t r = 0; r < run_count; ++r) {
    for (int32_t from = 0; from < rows->runs[r].count; from += KEYS) {
      const int32_t keys = tile_keys(&rows->runs[r], from);
      float scores[KEYS * LANES];
      score_tile(view, rows, r, from, keys, scores);
      tiled_filter_note(view->strip, scores, keys, LANES, 0, LANES);
    }
  }
  return tiled_filter_end(view->strip);
}

static void scalar_attend(void *memory, const float *k, ptrdiff_t k_stride, const float *v,
                          ptrdiff_t v_stride, const float *key_bias, const attn_run_t *runs,
                          int32_t run_count, const uint32_t *masks, attn_counts_t *counts) {
  const tiled_view_t view = tiled_view(memory, LANES);
  tiled_strip_t *strip = view.strip;
  const scalar_rows_t rows = {k, k_stride, key_bias, runs, masks};
  const int is_left_out = leaves_out(&view, &rows, run_count);
  for (int32_t r = 0; r < run_count; ++r) {
    const attn_run_t run = runs[r];
    for (int32_t from = 0; from < run.count; from += KEYS) {
      const int32_t keys = tile_keys(&run, from);
      counts->tiles_full += run.mask < 0;
      counts->tiles_partial += run.mask >= 0;
      counts->pairs += (uint64_t)keys * (uint64_t)strip->count;
      counts->exponentials += (uint64_t)keys * (uint64_t)strip->count;
      if (is_left_out) continue;
      float scores[KEYS * LANES];
      score_tile(&view, &rows, r, from, keys, scores);
      counts->rescales += (uint64_t)raise_maxima(&view, scores, keys);
      for (int32_t i = 0; i < keys; ++i) {
        const ptrdiff_t key = run.first_key + (ptrdiff_t)(from + i) * run.step;
        add_key(&view, v + key * v_stride, scores + i * LANES);
      }
      strip->output_started = 1;
    }
  }
  tiled_bias(memory, NULL, NULL);
}

static void scalar_store(void *memory, float *o, ptrdiff_t o_stride, const int32_t *ids,
                         int32_t count, float *lse) {
  const tiled_view_t view = tiled_view(memory, LANES);
  for (int lane = 0; lane < count; ++lane) {
    float *row = o + ids[lane] * o_stride;
    const float denominator = view.strip->denominator[lane];
    const float inverse = denominator > 0 ? 1 / denominator : 0;
    for (int d = 0; d < view.value_dim; ++d) row[d] = view.outputs[d * LANES + lane] * inverse;
    if (lse) lse[ids[lane]] = tiled_log_sum_exp(view.strip, lane);
  }
}

const attn_tiled_kernels_t attn_tiled_scalar = {
    .lanes = LANES,
    .key_tile = KEYS,
    .strip_bytes = scalar_strip_bytes,
    .load = scalar_load,
    .bias = scalar_bias,
    .attend = scalar_attend,
    .store = scalar_store,
};
