// SPDX-License-Identifier: MIT
// The two schedules of a strip: a stale maximum for F32 and BF16 weights, the exact maximum of
// every key block for INT8 weights.
#ifndef ATTN_LOWBIT_ATTEND_H
#define ATTN_LOWBIT_ATTEND_H

#include "products.h"
#include "runs.h"
#include "scores.h"

/// Weights may grow to 2^STALE_LIMIT before the maximum is raised.
#define STALE_LIMIT 10.0f

/// One call of `attend`.
typedef struct {
  const attn_lowbit_plan_t *plan;
  const attn_lowbit_packed_t *packed;
  const float *v;
  ptrdiff_t v_stride;
  attn_counts_t *counts;
} visit_t;

/// Scores of tile t are computed while the weights of tile t - 1 are; values follow when the
/// weight buffer is full or the maximum has to be raised.
INLINE void attend_stale(const variant_t variant, const strip_t *s, const visit_t *visit,
                         cursor_t cursor) {
  softmax_t state = softmax_load(s, visit->plan), *x = softmax_operands(&state);
  segments_t segments = {0, 0, {{0, 0, 0}}};
  tile_t tiles[2];
  int turn = 0, waiting = 0;
  for (; next_tile(&cursor, &tiles[turn]); turn ^= 1, waiting = 1) {
    const tile_t *tile = &tiles[turn], *last = &tiles[turn ^ 1];
    vf *scores = s->scores[turn];
    const pending_t pending = {s->scores[turn ^ 1], segments.slots};
    vf largest[QUERY_VECTORS];
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) largest[v] = vf_set1(MASKED_SCORE);
    if (INTERLEAVE && waiting && !last->masked) {
      score_tile(variant, s, visit->packed, tile->first_key, scores, largest, x, &pending);
    } else {
      if (waiting) weigh_tile(variant, s, x, pending.scores, last, pending.slot);
      score_tile(variant, s, visit->packed, tile->first_key, scores, largest, x, NULL);
    }
    if (waiting) segments_add(&segments, last);
    if (tile->masked) mask_scores(tile, scores, largest);
    int grows = 0;
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      largest[v] = scaled_score(variant, x, v, largest[v]);
      grows |= vf_any_greater(largest[v], x->maximum[v] + STALE_LIMIT);
    }
    if (!grows && segments.slots < WEIGHT_KEYS) continue;
    product(variant, s, visit->plan, visit->packed, visit->v, visit->v_stride, &segments, NULL);
    segments.count = segments.slots = 0;
    if (!grows) continue;
    vf alpha[QUERY_VECTORS];
    raise_maximum(x, largest, alpha);
    rescale_output(s, alpha);
    if (visit->counts) visit->counts->rescales++;
  }
  if (waiting) {
    const tile_t *last = &tiles[turn ^ 1];
    weigh_tile(variant, s, x, s->scores[turn ^ 1], last, segments.slots);
    segments_add(&segments, last);
    product(variant, s, visit->plan, visit->packed, visit->v, visit->v_stride, &segments, NULL);
  }
  softmax_save(s, x);
}

/// Weights of tiles `from ..< count` of a block, then their values; older sums times `alpha`.
INLINE void finish_block(const variant_t variant, const strip_t *s, const visit_t *visit,
                         softmax_t *x, int which, int32_t from, int32_t count,
                         vf alpha[QUERY_VECTORS]) {
  const tile_t *tiles = s->tiles[which];
  for (int32_t i = from; i < count; i++)
    weigh_tile(variant, s, x, s->scores[which] + i * KEY_TILE * QUERY_VECTORS, &tiles[i],
               i * KEY_TILE);
  segments_t segments = {0, 0, {{0, 0, 0}}};
  for (int32_t i = 0; i < count; i++) {
    segments_add(&segments, &tiles[i]);
    if (segments.count < WEIGHT_KEYS / KEY_TILE && i + 1 < count) continue;
    product(variant, s, visit->plan, visit->packed, NULL, 0, &segments, alpha);
    segments.count = 0;
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) alpha[v] = vf_set1(1);
  }
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    x->denominator[v] += vf_to_float(x->code_sum[v]);
    x->code_sum[v] = vi_set1(0);
  }
}

/// Scores of block b are computed while the weights of block b - 1 are. A block is the keys with
/// equal key / key_block among consecutive runs of one call.
INLINE void attend_blocks(const variant_t variant, const strip_t *s, const visit_t *visit,
                          cursor_t cursor) {
  softmax_t state = softmax_load(s, visit->plan), *x = softmax_operands(&state);
  tile_t ahead = {NULL, 0, 0, 0, 0};
  int has_ahead = next_tile(&cursor, &ahead);
  int32_t last_count = 0;
  vf alpha[QUERY_VECTORS];
  for (int turn = 0;; turn ^= 1) {
    tile_t *tiles = s->tiles[turn];
    const tile_t *last = s->tiles[turn ^ 1];
    const int32_t block = ahead.block;
    vf largest[QUERY_VECTORS];
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) largest[v] = vf_set1(MASKED_SCORE);
    int32_t count = 0;
    for (; has_ahead && ahead.block == block && count < s->slots / KEY_TILE; count++) {
      const tile_t tile = ahead;
      tiles[count] = tile;
      has_ahead = next_tile(&cursor, &ahead);
      const int32_t at = count * KEY_TILE * QUERY_VECTORS;
      vf *scores = s->scores[turn] + at;
      const pending_t pending = {s->scores[turn ^ 1] + at, count * KEY_TILE};
      vf tile_largest[QUERY_VECTORS];
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++) tile_largest[v] = vf_set1(MASKED_SCORE);
      if (INTERLEAVE && count < last_count && !last[count].masked) {
        score_tile(variant, s, visit->packed, tile.first_key, scores, tile_largest, x, &pending);
      } else {
        if (count < last_count)
          weigh_tile(variant, s, x, pending.scores, &last[count], pending.slot);
        score_tile(variant, s, visit->packed, tile.first_key, scores, tile_largest, x, NULL);
      }
      if (tile.masked) mask_scores(&tile, scores, tile_largest);
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++) largest[v] = vf_max(largest[v], tile_largest[v]);
    }
    if (last_count > 0)
      finish_block(variant, s, visit, x, turn ^ 1, count, last_count, alpha);
    if (count == 0) break;
    int grows = 0;
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      largest[v] = scaled_score(variant, x, v, largest[v]);
      grows |= vf_any_greater(largest[v], x->maximum[v]);
    }
    raise_maximum(x, largest, alpha);
    if (grows && visit->counts) visit->counts->rescales++;
    last_count = count;
  }
  softmax_save(s, x);
}

#endif
