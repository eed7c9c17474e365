// SPDX-License-Identifier: MIT
// Attention of a strip to its runs, one key block after the other.
#ifndef ATTN_QUANTISED_ATTEND_H
#define ATTN_QUANTISED_ATTEND_H

#include "strip.h"

/// One call of `attend`.
typedef struct {
  const attn_quantised_plan_t *plan;
  const attn_quantised_head_t *head;
  const float *offsets;
  attn_counts_t *counts;
} visit_t;

/// Byte `i` of a packed row of `dwords` words of codes.
INLINE int32_t unpacked(const attn_keys_t keys, const uint8_t *row, int32_t i, int32_t half) {
  if (keys == ATTN_KEYS_INT8) return (int8_t)row[i];
  return (i < half ? row[i] & 15 : row[i - half] >> 4) - 8;
}

/// Rows of codes as bytes or, where no instruction multiplies bytes, as float32s.
INLINE void unpack(const attn_keys_t keys, const strip_t *s, const uint8_t *rows, int32_t count) {
  const int32_t bytes = s->dwords * 4, half = bytes / 2;
  const int32_t stride = keys == ATTN_KEYS_INT8 ? bytes : half;
  for (int32_t j = 0; j < count; j++) {
    const uint8_t *row = rows + (ptrdiff_t)j * stride;
    if (HAS_DOT_U8) {
      int8_t *out = (int8_t *)s->tile + (ptrdiff_t)j * bytes;
      for (int32_t i = 0; i < half; i++) {
        out[i] = (int8_t)((row[i] & 15) - 8);
        out[half + i] = (int8_t)((row[i] >> 4) - 8);
      }
    } else {
      float *out = (float *)s->tile + (ptrdiff_t)j * bytes;
      for (int32_t i = 0; i < bytes; i++) out[i] = (float)unpacked(keys, row, i, half);
    }
  }
}

/// Keys of a block from `first` on in the form of the products, and their distance in words.
INLINE const dword *block_keys(const visit_t *visit, const strip_t *s, int32_t first,
                               int32_t count, ptrdiff_t *stride) {
  const attn_quantised_plan_t *plan = visit->plan;
  const attn_keys_t keys = plan->keys;
  const char *rows = (const char *)visit->head->keys +
                     (size_t)first * row_bytes(keys, plan->head_dim);
  if (keys == ATTN_KEYS_F32) {
    *stride = plan->head_dim;
    return (const dword *)rows;
  }
  *stride = HAS_DOT_U8 ? s->dwords : s->dwords * 4;
  if (HAS_DOT_U8 && keys == ATTN_KEYS_INT8) return (const dword *)rows;
  if (keys == ATTN_KEYS_INT8)
    unpack(ATTN_KEYS_INT8, s, (const uint8_t *)rows, count);
  else
    unpack(ATTN_KEYS_INT4, s, (const uint8_t *)rows, count);
  return s->tile;
}

/// Scores of `count` keys from `first` on, in log2 units, into the strip's buffer.
INLINE void score_block(const int codes, const visit_t *visit, const strip_t *s, int32_t first,
                        int32_t count) {
  ptrdiff_t stride;
  const attn_quantised_head_t *head = visit->head;
  const dword *keys = block_keys(visit, s, first, count, &stride);
  const int32_t steps = codes ? s->dwords : visit->plan->head_dim;
  for (int32_t tile = 0; tile < count; tile += TILE_ROWS) {
    vf acc[TILE_ROWS][QUERY_VECTORS];
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++)
        acc[r][v] = codes ? (vf)vi_set1(head->key_sums[first + tile + r]) : vf_set1(0);
    }
    const dword *b = keys + tile * stride;
    for (int32_t step = 0; step < steps; step++) {
      const vf *a = s->queries + step * QUERY_VECTORS;
      UNROLL
      for (int r = 0; r < TILE_ROWS; r++) {
        UNROLL
        for (int v = 0; v < QUERY_VECTORS; v++)
          acc[r][v] = codes ? (vf)dot_u8((vi)acc[r][v], (vi)a[v], b[r * stride + step])
                            : vf_fma(a[v], vf_set1(((const float *)b)[r * stride + step]),
                                     acc[r][v]);
      }
    }
    UNROLL
    for (int r = 0; r < TILE_ROWS; r++) {
      const int32_t key = first + tile + r;
      const vf offset = vf_set1(visit->offsets ? visit->offsets[key] : 0);
      UNROLL
      for (int v = 0; v < QUERY_VECTORS; v++) {
        const vf sum = codes ? __builtin_convertvector((vi)acc[r][v], vf) : acc[r][v];
        vf score = vf_fma(sum * head->key_scales[key], s->query_scale[v], offset);
        const uint32_t word = s->words[tile + r];
        if (word != UINT32_MAX)
          score = vf_select(vi_lane_mask(word, v), score, vf_set1(NO_MAXIMUM));
        s->scores[(tile + r) * QUERY_VECTORS + v] = score;
      }
    }
  }
}

/// Raises the maxima to the scores of the block; older sums shrink by `alpha`.
INLINE void raise_maximum(const strip_t *s, int32_t count, vf alpha[QUERY_VECTORS],
                          attn_counts_t *counts) {
  int grew = 0;
  UNROLL
  for (int v = 0; v < QUERY_VECTORS; v++) {
    vf most = s->maximum[v];
    for (int32_t j = 0; j < count; j++) most = vf_max(most, s->scores[j * QUERY_VECTORS + v]);
    alpha[v] = vf_exp2(s->maximum[v] - most);
    const vi greater = (vi)(most > s->maximum[v]);
    for (int i = 0; i < VECTOR_LANES; i++) grew |= greater[i];
    s->maximum[v] = most;
    s->denominator[v] *= alpha[v];
  }
  if (counts && grew) counts->rescales++;
}

/// Weights of the block in units of the weight scale, in place of its scores.
INLINE void weigh_block(const visit_t *visit, const strip_t *s, int32_t count) {
  const vf scale = vf_set1(visit->plan->weight_scale);
  for (int32_t j = 0; j < count; j++) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      vf p = vf_exp2(s->scores[j * QUERY_VECTORS + v] - s->maximum[v]) * scale;
      if (s->words[j] != UINT32_MAX)
        p = vf_select(vi_lane_mask(s->words[j], v), p, vf_set1(0));
      s->scores[j * QUERY_VECTORS + v] = p;
    }
  }
}

INLINE void add_denominator(const strip_t *s, int32_t count) {
  for (int32_t j = 0; j < count; j++) {
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++)
      s->denominator[v] += s->scores[j * QUERY_VECTORS + v];
  }
}

/// Rounds weights in blocks of keys that share a scale, lane by lane. Numbers are divided by the
/// scale as it was before it was rounded.
INLINE void round_micro_weights(const attn_micro_t micro, const strip_t *s, int32_t count) {
  const int32_t length = micro_length(micro);
  for (int32_t first = 0; first < count; first += length) {
    const int32_t end = first + length < count ? first + length : count;
    UNROLL
    for (int v = 0; v < QUERY_VECTORS; v++) {
      vf most = vf_set1(0);
      for (int32_t j = first; j < end; j++)
        most = vf_max(most, s->scores[j * QUERY_VECTORS + v]);
      vf exact, scale;
      if (micro == ATTN_MICRO_NVFP4) {
        exact = most / 6.0f;
        scale = vf_round(number_of(ATTN_NUMBER_E4M3), exact);
      } else {
        const vi exponent = ((vi)most & vi_set1(0x7f800000)) - vi_set1(2 << 23);
        exact = scale = (vf)exponent;
      }
      const vi counts = (vi)(most >= SMALLEST_GROUP);
      const vf divisor = vf_select(counts, exact, vf_set1(1));
      scale = vf_select(counts, scale, vf_set1(0));
      for (int32_t j = first; j < end; j++) {
        vf *p = s->scores + j * QUERY_VECTORS + v;
        *p = vf_round(number_of(ATTN_NUMBER_E2M1), *p / divisor) * scale;
      }
    }
  }
}

INLINE void round_weights(const visit_t *visit, const strip_t *s, int32_t count) {
  if (visit->plan->weights != ATTN_WEIGHTS_NUMBER) {
    if (visit->plan->weights == ATTN_WEIGHTS_NVFP4)
      round_micro_weights(ATTN_MICRO_NVFP4, s, count);
    else
      round_micro_weights(ATTN_MICRO_MXFP4, s, count);
    return;
  }
  if (visit->plan->weight_number == ATTN_NUMBER_F32) return;
  // 255 steps of an unsigned byte: the scale says how many there are.
  FOR_NUMBER(visit->plan->weight_number, ATTN_ROUND_EVEN, {
    (void)rule;
    number_t rule_to = to;
    if (to.integer) rule_to.largest = visit->plan->weight_scale;
    for (int32_t i = 0; i < count * QUERY_VECTORS; i++)
      s->scores[i] = vf_round(rule_to, s->scores[i]);
  })
}

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
