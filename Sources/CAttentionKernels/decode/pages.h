// SPDX-License-Identifier: MIT
// Pages of a cache: lanes are keys in the scores and channels in the values, and a page is read from
// its first byte to its last in order.
#ifndef DECODE_PAGES_H
#define DECODE_PAGES_H

#include "layout.h"
#include "weights.h"

#ifndef PAGE_POWER
/// 2^x for x <= 126 and -inf.
INLINE vf page_power(vf x) { return power_of_2(x); }
#endif

/// The elements of a vector of 32-bit words that hold two bfloat16 each.
INLINE vf low_halves(vi words) { return (vf)((vu)words << 16); }
INLINE vf high_halves(vi words) { return (vf)(words & (int32_t)0xffff0000); }

/// Adds products of keys and a query, or of the pairs of bfloat16 in every lane (`dots`, where there is
/// an instruction for them).
INLINE vf add_products(vf sum, vf key, vf query, const int dots) {
#if BFLOAT16_DOTS
  if (dots) return dot_pairs(sum, (vi)key, (vi)query);
#else
  (void)dots;
#endif
  return multiply_add(key, query, sum);
}

/// Vector `i` of channel `channel` among the words of a run of keys.
INLINE vf float_keys(const int format, const char *keys, int i, int32_t channel) {
  if (format == ATTN_DECODE_FLOAT32) return load_f((const float *)keys + i * LANES);
  const vi pairs = load_i(keys + i * 4 * LANES);
  return channel % 2 ? high_halves(pairs) : low_halves(pairs);
}

/// Scores of `count` vectors of keys, which lie channel by channel; from `scores` on for row 0,
/// `page` floats further for the next.
INLINE void float_scores(const int rows, const int format, const int count,
                         const attn_decode_plan_t *plan, const tile_t *tile, const char *keys,
                         int32_t words, int32_t page, float *scores) {
  const int dots = BFLOAT16_DOTS && format == ATTN_DECODE_BFLOAT16;
  const int channels = format == ATTN_DECODE_BFLOAT16 && !dots ? 2 : 1;
  vf sums[TILE_ROWS][MOST_SCORE_VECTORS];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) sums[r][i] = all_f(0);
  }
  const ptrdiff_t stride = query_stride(plan);
  for (int32_t word = 0; word < words; word++, keys += count * 4 * LANES) {
    UNROLL for (int channel = 0; channel < channels; channel++) {
      vf k[MOST_SCORE_VECTORS];
      UNROLL for (int i = 0; i < count; i++) {
        k[i] = dots ? (vf)load_i(keys + i * 4 * LANES) : float_keys(format, keys, i, channel);
      }
      UNROLL for (int r = 0; r < rows; r++) {
        const vf q = all_f(tile->query[r * stride + channels * word + channel]);
        UNROLL for (int i = 0; i < count; i++) {
          sums[r][i] = add_products(sums[r][i], k[i], q, dots);
        }
      }
    }
  }
  // Queries of Float32 pages carry the scale already.
  const vf scale = all_f(format == ATTN_DECODE_FLOAT32 ? 1 : plan->scale);
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) {
      store_f(scores + r * page + i * LANES, sums[r][i] * scale);
    }
  }
}

/// Exact integer sums, less the zero point of the keys, times both scales.
INLINE void int8_scores(const int rows, const int count, const attn_decode_plan_t *plan,
                        const tile_t *tile, const char *keys, int32_t words, int32_t page,
                        const float *key_scales, float *scores) {
  vi sums[TILE_ROWS][MOST_SCORE_VECTORS];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) sums[r][i] = all_i(0);
  }
  const ptrdiff_t stride = query_stride(plan);
  for (int32_t word = 0; word < words; word++, keys += count * 4 * LANES) {
    UNROLL for (int r = 0; r < rows; r++) {
      const vi q = all_i(((const int32_t *)(tile->query + r * stride))[word]);
      UNROLL for (int i = 0; i < count; i++) {
        sums[r][i] = dot_bytes(sums[r][i], load_i(keys + i * 4 * LANES), q);
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) {
      const vi whole = sums[r][i] - all_i(tile->query_offset[r]);
      const vf scale = load_f(key_scales + i * LANES) * all_f(tile->query_scale[r]);
      store_f(scores + r * page + i * LANES, __builtin_convertvector(whole, vf) * scale);
    }
  }
}

INLINE void page_scores(const int rows, const int format, const attn_decode_plan_t *plan,
                        const tile_t *tile, const block_t *block, float *scores) {
  const int32_t page = attn_decode_page_keys(format);
  const int count = score_vectors(format);
  const int32_t words = (int32_t)(attn_decode_key_bytes(plan) / 4);
  const char *keys = block->keys;
  for (int32_t key = 0; key < page; key += count * LANES, keys += words * count * 4 * LANES) {
    if (format == ATTN_DECODE_INT8) {
      int8_scores(rows, count, plan, tile, keys, words, page, block->key_scales + key,
                  scores + key);
    } else {
      float_scores(rows, format, count, plan, tile, keys, words, page, scores + key);
    }
  }
}

/// Masks keys that a row does not see; the largest of a row's lanes are its largest scores.
INLINE void largest_page_scores(const int rows, const int page, const tile_t *tile, float *scores,
                                int32_t first, int masked, vf *largest) {
  const vi index = LANE_INDEX;
  const vf lowest = all_f(-INFINITY);
  UNROLL for (int r = 0; r < rows; r++) {
    vf top = lowest;
    for (int32_t i = 0; i < page; i += LANES) {
      float *at = scores + r * page + i;
      vf score = load_f(at);
      if (masked) {
        score = choose(index + all_i(first + i) < all_i(tile->visible[r]), score, lowest);
        store_f(at, score);
      }
      top = maximum(top, score);
    }
    largest[r] = top;
  }
}

/// One vector for all rows, lane i that of row i mod rows.
INLINE vf lanes_of_rows(const int rows, const vf *x) {
  const vi index = LANE_INDEX;
  vf joined = lane_maximum(x[0]);
  UNROLL for (int r = 1; r < rows; r++) {
    joined = choose((index & all_i(rows - 1)) == all_i(r), lane_maximum(x[r]), joined);
  }
  return joined;
}

INLINE void float_weights(const int rows, const int page, tile_t *tile, float *scores) {
  UNROLL for (int r = 0; r < rows; r++) {
    const vf top = grounded(all_f(tile->maximum[r]));
    vf sum = load_f(tile->denominator[r]);
    for (int32_t i = 0; i < page; i += LANES) {
      const vf weight = page_power(load_f(scores + r * page + i) - top);
      store_f(scores + r * page + i, weight);
      sum += weight;
    }
    store_f(tile->denominator[r], sum);
  }
}

typedef uint8_t codes_t __attribute__((vector_size(LANES)));

/// Weights against the page's own largest as whole numbers up to 255, a byte per key. `factors`
/// makes them comparable between pages.
INLINE void int8_weights(const int rows, const int page, tile_t *tile, vf largest, float *scores,
                         uint8_t *codes, float *factors) {
  store_f(factors, page_power(largest - grounded(load_f(tile->maximum))));
  const vf grounds = grounded(largest), magic = all_f(0x1.8p23f);
  UNROLL for (int r = 0; r < rows; r++) {
    const vf top = all_f(grounds[r]);
    vf sum = all_f(0);
    for (int32_t i = 0; i < page; i += LANES) {
      const vf weight = page_power(load_f(scores + r * page + i) - top);
      const vf shifted = weight * all_f(255) + magic;
      sum += shifted - magic;
      const codes_t code = __builtin_convertvector((vi)shifted & all_i(255), codes_t);
      memcpy(codes + r * page + i, &code, sizeof code);
    }
    store_f(tile->denominator[r],
            multiply_add(sum, all_f(factors[r]), load_f(tile->denominator[r])));
  }
}

/// `count` vectors of columns from `column` on.
INLINE void float_panel(const int rows, const int format, const int count, const int page,
                        const attn_decode_plan_t *plan, tile_t *tile, const block_t *block,
                        const float *weights, int32_t column) {
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  const int bytes = format == ATTN_DECODE_FLOAT32 ? 4 : 2;
  const char *row = (const char *)block->values + (ptrdiff_t)page * column * bytes;
  vf sums[TILE_ROWS][PANEL];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) {
      sums[r][i] = load_f(tile->output + r * columns + column + i * LANES);
    }
  }
  for (int32_t key = 0; key < block->count; key++, row += count * bytes * LANES) {
    vf v[PANEL];
    UNROLL for (int i = 0; i < count; i++) {
      if (format == ATTN_DECODE_FLOAT32) {
        v[i] = load_f((const float *)row + i * LANES);
      } else {
        const vi pairs = load_i(row + i / 2 * 4 * LANES);
        v[i] = i % 2 ? high_halves(pairs) : low_halves(pairs);
      }
    }
    UNROLL for (int r = 0; r < rows; r++) {
      const vf weight = all_f(weights[r * page + key]);
      UNROLL for (int i = 0; i < count; i++) sums[r][i] = multiply_add(v[i], weight, sums[r][i]);
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) {
      store_f(tile->output + r * columns + column + i * LANES, sums[r][i]);
    }
  }
}

INLINE void int8_panel(const int rows, const int count, const int page,
                       const attn_decode_plan_t *plan, tile_t *tile, const block_t *block,
                       const uint8_t *codes, const float *factors, int32_t column) {
  const ptrdiff_t columns = attn_decode_value_columns(plan);
  const char *row = (const char *)block->values + (ptrdiff_t)page * column;
  vi sums[TILE_ROWS][PANEL];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int i = 0; i < count; i++) sums[r][i] = all_i(0);
  }
  for (int key = 0; key < page; key += 4, row += count * 4 * LANES) {
    UNROLL for (int r = 0; r < rows; r++) {
      const vi weight = all_i(*(const word_t *)(codes + r * page + key));
      UNROLL for (int i = 0; i < count; i++) {
        sums[r][i] = dot_bytes(sums[r][i], weight, load_i(row + i * 4 * LANES));
      }
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    const vf factor = all_f(factors[r]);
    UNROLL for (int i = 0; i < count; i++) {
      float *o = tile->output + r * columns + column + i * LANES;
      store_f(o, multiply_add(__builtin_convertvector(sums[r][i], vf), factor, load_f(o)));
    }
  }
}

INLINE void attend_page(const int rows, const int format, const attn_decode_plan_t *plan,
                        tile_t *tile, const block_t *block, int32_t first,
                        attn_counts_t *counts) {
  _Alignas(64) float scores[TILE_ROWS * MOST_PAGE_KEYS];
  _Alignas(64) uint8_t codes[TILE_ROWS * MOST_PAGE_KEYS];
  _Alignas(64) float factors[LANES];
  const int32_t page = attn_decode_page_keys(format);
  const int int8 = format == ATTN_DECODE_INT8;
  vf largest[TILE_ROWS];
  page_scores(rows, format, plan, tile, block, scores);
  largest_page_scores(rows, page, tile, scores, first, tile->shortest < first + page, largest);
  if (int8) {
    const vf joined = lanes_of_rows(rows, largest);
    follow_maximum(tile, plan, joined, counts);
    int8_weights(rows, page, tile, joined, scores, codes, factors);
  } else {
    vi above = all_i(0);
    UNROLL for (int r = 0; r < rows; r++) {
      above |= largest[r] > all_f(tile->maximum[r] + SLACK);
    }
    if (__builtin_expect(any_lane(above), 0)) {
      follow_maximum(tile, plan, lanes_of_rows(rows, largest), counts);
    }
    float_weights(rows, page, tile, scores);
  }
  const int32_t columns = attn_decode_value_columns(plan);
  int32_t column = 0;
  for (; column + PANEL * LANES <= columns; column += PANEL * LANES) {
    if (int8) {
      int8_panel(rows, PANEL, page, plan, tile, block, codes, factors, column);
    } else {
      float_panel(rows, format, PANEL, page, plan, tile, block, scores, column);
    }
  }
  for (; column < columns; column += TAIL_PANEL * LANES) {
    if (int8) {
      int8_panel(rows, TAIL_PANEL, page, plan, tile, block, codes, factors, column);
    } else {
      float_panel(rows, format, TAIL_PANEL, page, plan, tile, block, scores, column);
    }
  }
}

#endif
