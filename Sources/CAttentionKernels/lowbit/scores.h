// SPDX-License-Identifier: MIT
// Scores of one key tile, with the weights of an earlier tile computed in between.
#ifndef ATTN_LOWBIT_SCORES_H
#define ATTN_LOWBIT_SCORES_H

#include "weights.h"

/// A finished tile whose weights are still to be computed.
typedef struct {
  const vf *scores;
  int32_t slot;
} pending_t;

/// Scores of a masked pair: finite, and below NO_MAXIMUM at any usual query scale.
#define MASKED_SCORE (-0x1p120f)

INLINE const dword *tile_keys(const variant_t variant, const strip_t *s,
                              const attn_lowbit_packed_t *packed, int32_t first_key,
                              ptrdiff_t *stride) {
  const dword *keys = (const dword *)packed->keys + (ptrdiff_t)first_key * s->dwords;
  const int form = dot_form((attn_lowbit_t)variant.qk);
  *stride = s->steps;
  if (form == DOT_U8 || form == DOT_BF16) return keys;
  for (int r = 0; r < KEY_TILE; r++)
    widen_keys(form, keys + r * s->dwords, s->dwords, s->wide_keys + r * s->steps);
  return s->wide_keys;
}

/// The scores of one key, from its sums, and what they raise.
INLINE void finish_row(const variant_t variant, const attn_lowbit_packed_t *packed, int32_t key,
                       const vi acc[QUERY_VECTORS], vf *scores, vf largest[QUERY_VECTORS]) {
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    const vf score = variant.qk == ATTN_LOWBIT_INT8
                         ? vf_to_float(acc[v]) * vf_set1(packed->key_scales[key])
                         : (vf)acc[v];
    largest[v] = vf_max(largest[v], score);
    scores[v] = score;
  }
}

enum { LAST_STEPS = 2 };  ///< steps of a tile that are done row by row

/// Whether tiles end row by row. INT8 scores that become bf16 weights lose 2 % by it on Zen 4.
INLINE int ends_by_row(const variant_t variant) { return INTERLEAVE && variant.qk == variant.pv; }

/// The last `left` steps of a tile, dwords of its queries `a` and keys `b`, and its scores from key
/// `key` on, TILE_ROWS rows of QUERY_VECTORS; raises `largest`.
///
/// Row by row at the end, each with its stores: those of a whole tile at once cost two cycles each,
/// single ones hide behind the products of the next row.
INLINE void finish_tile(const variant_t variant, const attn_lowbit_packed_t *packed, int32_t key,
                        vi acc[TILE_ROWS][QUERY_VECTORS], const vi *a, const dword *b,
                        ptrdiff_t stride, int32_t left, vf *scores, vf largest[QUERY_VECTORS]) {
  const int form = dot_form((attn_lowbit_t)variant.qk);
  const int by_row = ends_by_row(variant) && left >= LAST_STEPS;
  const int32_t together = by_row ? left - LAST_STEPS : left;
  multiply(form, acc, a, b, stride, 1, together);
  if (!by_row) {
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++)
      finish_row(variant, packed, key + r, acc[r], scores + r * QUERY_VECTORS, largest);
    return;
  }
  a += together * QUERY_VECTORS;
  b += together;
  vi lanes[LAST_STEPS][QUERY_VECTORS];
  UNROLL
  for (int i = 0; i < LAST_STEPS; i++) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) lanes[i][v] = a[i * QUERY_VECTORS + v];
  }
  UNROLL
  for (int r = 0; r < TILE_ROWS; r++) {
    UNROLL
    for (int i = 0; i < LAST_STEPS; i++)
      multiply_row(form, r, acc[r], lanes[i], b + r * stride + i);
    finish_row(variant, packed, key + r, acc[r], scores + r * QUERY_VECTORS, largest);
  }
}

/// Scores of KEY_TILE keys into `scores` (INT8: without the query scale), their maxima per lane
/// into `largest` (raised, not set). `pending`, if not NULL, is weighed between the steps.
INLINE void score_tile(const variant_t variant, const strip_t *s,
                       const attn_lowbit_packed_t *packed, int32_t first_key, vf *scores,
                       vf largest[QUERY_VECTORS], softmax_t *x, const pending_t *pending) {
  const int form = dot_form((attn_lowbit_t)variant.qk);
  const int weight_form = dot_form((attn_lowbit_t)variant.pv);
  const int terms = dot_terms(weight_form), group = weight_group(weight_form);
  ptrdiff_t stride;
  const dword *keys = tile_keys(variant, s, packed, first_key, &stride);
  const int32_t units = TILE_ROWS * QUERY_VECTORS;
  const int32_t share = s->steps / units, held = !ends_by_row(variant) ? 0 : group < 2 ? 1 : 2;
  for (int row = 0; row < KEY_TILE; row += TILE_ROWS) {
    vi acc[TILE_ROWS][QUERY_VECTORS];
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++)
        acc[r][v] = form == DOT_U8 ? vi_set1(packed->key_sums[first_key + row + r]) : vi_set1(0);
    }
    const vi *a = s->queries;
    const dword *b = keys + row * stride;
    int32_t left = s->steps;
    if (pending) {
      vi *out = s->weights + (pending->slot + row) / terms * QUERY_VECTORS;
      const vf *in = pending->scores + row * QUERY_VECTORS;
      for (int key = 0; key < TILE_ROWS; key += group) {
        UNROLL
        for (int v = 0; v < QUERY_VECTORS; v++) {
          vf p[4];
          UNROLL
          for (int i = 0; i < group; i++) {
            // The steps of the last weights are left for the end of the tile.
            const int is_last =
                v == QUERY_VECTORS - 1 && i >= group - held && key + group >= TILE_ROWS;
            for (int32_t step = 0; !is_last && step < share; step++) {
              multiply_step(form, acc, a, b, stride);
              a += QUERY_VECTORS;
              b++;
            }
            p[i] = weight(variant, x, v, in[i * QUERY_VECTORS + v]);
          }
          pack_weights(variant, x, v, p, out + v);
        }
        in += group * QUERY_VECTORS;
        out += group / terms * QUERY_VECTORS;
      }
      left -= (units - held) * share;
    }
    finish_tile(variant, packed, first_key + row, acc, a, b, stride, left,
                scores + row * QUERY_VECTORS, largest);
  }
}

/// Overwrites masked scores and sets `largest` to the maxima of the others.
INLINE void mask_scores(const tile_t *tile, vf *scores, vf largest[QUERY_VECTORS]) {
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    largest[v] = vf_set1(MASKED_SCORE);
    for (int r = 0; r < KEY_TILE; r++) {
      vf *score = scores + r * QUERY_VECTORS + v;
      *score = (vf)vi_select(vi_lane_mask(tile_word(tile, r), v), (vi)*score,
                             (vi)vf_set1(MASKED_SCORE));
      largest[v] = vf_max(largest[v], *score);
    }
  }
}

#endif
