// SPDX-License-Identifier: MIT
// Attention of a strip to its runs, one key block after the other.
#ifndef ATTN_QUANTISED_ATTEND_H
#define ATTN_QUANTISED_ATTEND_H

#include "weights.h"

/// Adds weights times values of `count` keys to sums that are rounded every `sum_depth` keys.
INLINE void multiply_values(const attn_sum_t keep, const int two_level, const visit_t *visit,
                            const strip_t *s, int32_t first, int32_t count,
                            const vf alpha[QUERY_VECTORS]) {
  const attn_quantised_plan_t *plan = visit->plan;
  const int32_t depth = keep == ATTN_SUM_F32 ? count : plan->sum_depth;
  for (int32_t channel = 0; channel < plan->value_dim; channel += TILE_ROWS) {
    const int32_t rows =
        plan->value_dim - channel < TILE_ROWS ? plan->value_dim - channel : TILE_ROWS;
    const float *values = visit->head->values + (ptrdiff_t)first * plan->value_dim + channel;
    vf acc[TILE_ROWS][QUERY_VECTORS], *out = s->output + channel * QUERY_VECTORS;
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++)
        acc[r][v] = two_level ? vf_set1(0)
                              : vf_keep(keep, out[r * QUERY_VECTORS + v] * alpha[v]);
    }
    for (int32_t from = 0; from < count; from += depth) {
      const int32_t end = from + depth < count ? from + depth : count;
      for (int32_t j = from; j < end; j++) {
        const vf *p = s->scores + j * QUERY_VECTORS;
        const float *row = values + (ptrdiff_t)j * plan->value_dim;
        UNROLL
        for (int r = 0; r < TILE_ROWS; r++) {
          const vf x = vf_set1(row[r < rows ? r : 0]);
          UNROLL
          for (int v = 0; v < QUERY_VECTORS; v++) acc[r][v] = vf_fma(p[v], x, acc[r][v]);
        }
      }
      UNROLL
      for (int r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (int v = 0; v < QUERY_VECTORS; v++) acc[r][v] = vf_keep(keep, acc[r][v]);
      }
    }
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++) {
        vf *sum = out + r * QUERY_VECTORS + v;
        *sum = two_level ? vf_fma(*sum, alpha[v], acc[r][v]) : acc[r][v];
      }
    }
  }
}

static void attend_block(const visit_t *visit, const strip_t *s, int32_t first, int32_t count) {
  const attn_quantised_plan_t *plan = visit->plan;
  vf alpha[QUERY_VECTORS];
  if (HAS_DOT_U8 && has_codes(plan))
    score_block(1, visit, s, first, count);
  else
    score_block(0, visit, s, first, count);
  raise_maximum(s, count, alpha, visit->counts);
  weigh_block(visit, s, count);
  if (!plan->quantised_denominator) add_denominator(s, count);
  round_weights(visit, s, count);
  if (plan->quantised_denominator) add_denominator(s, count);
  if (plan->sum == ATTN_SUM_F32)
    multiply_values(ATTN_SUM_F32, 0, visit, s, first, count, alpha);
  else if (plan->sum == ATTN_SUM_F16)
    multiply_values(ATTN_SUM_F16, plan->two_level, visit, s, first, count, alpha);
  else
    multiply_values(ATTN_SUM_FP22, plan->two_level, visit, s, first, count, alpha);
}

static void count_run(const strip_t *s, const attn_run_t *run, attn_counts_t *counts) {
  if (counts == NULL || run->count <= 0) return;
  const uint64_t keys = (uint64_t)run->count, pairs = keys * (uint64_t)*s->lanes;
  *(run->mask >= 0 ? &counts->tiles_partial : &counts->tiles_full) +=
      (keys + KEY_TILE - 1) / KEY_TILE;
  counts->pairs += pairs;
  counts->exponentials += pairs;
}

static void attend(void *strip, const attn_quantised_plan_t *plan,
                   const attn_quantised_head_t *head, const float *offsets,
                   const attn_run_t *runs, int32_t run_count, const uint32_t *masks,
                   attn_counts_t *counts) {
  size_t bytes;
  const strip_t s = strip_view(strip, plan, &bytes);
  const visit_t visit = {plan, head, offsets, counts};
  const int32_t depth = plan->key_block;
  int32_t block = -1, used = 0;
  for (int32_t i = 0; i < run_count; i++) {
    const attn_run_t *run = runs + i;
    count_run(&s, run, counts);
    for (int32_t offset = 0; offset < run->count; offset++) {
      const int32_t key = run->first_key + offset;
      if (key / depth != block) {
        if (used > 0) attend_block(&visit, &s, block * depth, round_up(used, 32));
        block = key / depth;
        used = 0;
        memset(s.words, 0, (size_t)depth * 4);
      }
      const int32_t at = key - block * depth;
      s.words[at] |= run->mask >= 0 ? masks[run->mask + offset] : UINT32_MAX;
      used = at + 1 > used ? at + 1 : used;
    }
  }
  if (used > 0) attend_block(&visit, &s, block * depth, round_up(used, 32));
}

#define QUANTISED_TABLE                                                                     \
  {                                                                                         \
    .lanes = STRIP_LANES, .key_tile = KEY_TILE, .round_row = round_row,                     \
    .round_columns = round_columns, .largest = largest, .raise_columns = raise_columns,     \
    .micro_row = micro_row, .micro_columns = micro_columns,                                 \
    .asymmetric_row = asymmetric_row, .rotate_row = rotate_row, .pack_row = pack_row,       \
    .row_bytes = row_bytes, .strip_bytes = strip_bytes, .load = load, .attend = attend,     \
    .store = store                                                                          \
  }

#endif
