// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_PRODUCTS_H
#define DIAGONAL_PRODUCTS_H

// Follows the vectors of an instruction set. Functions take constants for `rows` (active rows of
// the block), `shifts` and `picks` (whether lanes take their keys through a permutation).

/// Scores of up to DIAGONAL_MOST_SHIFTS shifts of one key row for the active rows of the block.
///
/// Fetches a line per channel from `ahead` on, unless that is NULL.
DIAGONAL_INLINE void diagonal_score(const diagonal_view_t *view, const float *queries,
                                    const float *keys, const float *ahead, diagonal_index index,
                                    float *const *scores, float *const *maxima, const int rows,
                                    const int shifts, const int picks) {
  const ptrdiff_t span = view->span, query_row = (ptrdiff_t)view->query_row;
  diagonal_vec sums[DIAGONAL_ROWS][DIAGONAL_MOST_SHIFTS];
  DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) {
    DIAGONAL_UNROLL for (int s = 0; s < shifts; ++s) sums[r][s] = diagonal_zero();
  }
  const int32_t head_dim = view->plan.head_dim;
  // A line of the queries is there already, and costs nothing.
  const ptrdiff_t step = ahead ? DIAGONAL_LINE : 0;
  if (!ahead) ahead = queries;
  for (int32_t d = 0; d < head_dim; ++d) {
    diagonal_vec q[DIAGONAL_ROWS];
    DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) q[r] = diagonal_load(queries + r * query_row);
    DIAGONAL_UNROLL for (int s = 0; s < shifts; ++s) {
      diagonal_vec k = diagonal_load(keys + s);
      if (picks) k = diagonal_pick(k, index);
      DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) {
        sums[r][s] = diagonal_fma(q[r], k, sums[r][s]);
      }
    }
    __builtin_prefetch(ahead, 0, 2);
    ahead += step;
    queries += DIAGONAL_LANES;
    keys += span;
  }
  DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) {
    diagonal_vec highest = diagonal_load(maxima[r]);
    DIAGONAL_UNROLL for (int s = 0; s < shifts; ++s) {
      diagonal_store(scores[r] + s * DIAGONAL_LANES, sums[r][s]);
      highest = diagonal_larger(highest, sums[r][s]);
    }
    diagonal_store(maxima[r], highest);
  }
}

/// Adds weights times values of one key row to the sums of the rows `begin ..< begin + rows`.
DIAGONAL_INLINE void diagonal_add_values(const diagonal_view_t *view, const float *scores,
                                         const diagonal_entry_t *entry, const float *values,
                                         diagonal_index index,
                                         diagonal_vec sums[DIAGONAL_ROWS][DIAGONAL_CHANNELS],
                                         const int begin, const int rows, const int picks) {
  const ptrdiff_t span = view->span, score_row = (ptrdiff_t)view->score_row;
  const float *weights[DIAGONAL_ROWS];
  DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) {
    weights[r] = scores + (begin + r) * score_row + entry->slots[begin + r] * DIAGONAL_LANES;
  }
  const int32_t window = view->plan.windows[2];
  for (ptrdiff_t shift = 0; shift < window; ++shift) {
    diagonal_vec w[DIAGONAL_ROWS];
    DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) {
      w[r] = diagonal_load(weights[r] + shift * DIAGONAL_LANES);
    }
    DIAGONAL_UNROLL for (int c = 0; c < DIAGONAL_CHANNELS; ++c) {
      diagonal_vec v = diagonal_load(values + c * span + shift);
      if (picks) v = diagonal_pick(v, index);
      DIAGONAL_UNROLL for (int r = 0; r < rows; ++r) {
        sums[begin + r][c] = diagonal_fma(w[r], v, sums[begin + r][c]);
      }
    }
  }
}

/// The products of `count` key rows with DIAGONAL_CHANNELS channels of the values from `channel` on.
///
/// `outputs` is the place of these channels in the first row of the block. Sums of earlier parts are
/// multiplied by `factors` first; `started` tells whether there are any.
DIAGONAL_INLINE void diagonal_sum_values(const diagonal_view_t *view,
                                         const diagonal_entry_t *entries, int32_t count,
                                         float *outputs, int32_t channel, ptrdiff_t offset,
                                         diagonal_index index, const float *factors, int started,
                                         diagonal_fetch_t *fetch, const int picks) {
  const ptrdiff_t output_row = (ptrdiff_t)view->output_row;
  diagonal_vec sums[DIAGONAL_ROWS][DIAGONAL_CHANNELS];
  DIAGONAL_UNROLL for (int r = 0; r < DIAGONAL_ROWS; ++r) {
    DIAGONAL_UNROLL for (int c = 0; c < DIAGONAL_CHANNELS; ++c) {
      sums[r][c] = diagonal_zero();
      if (!started) continue;
      sums[r][c] =
          diagonal_multiply(diagonal_load(outputs + r * output_row + c * DIAGONAL_LANES),
                            diagonal_load(factors + r * DIAGONAL_LANES));
    }
  }
#define DIAGONAL_CASE(begin, rows)                                                             \
  case 8 * (begin) + (rows):                                                                   \
    diagonal_add_values(view, view->scores, entry, values + offset, index, sums, begin, rows,  \
                        picks);                                                                \
    break
  for (const diagonal_entry_t *entry = entries; entry < entries + count; ++entry) {
    const float *values = entry->values + (ptrdiff_t)channel * view->span;
    diagonal_fetch(fetch);
    switch (8 * entry->begin + entry->end - entry->begin) {
      DIAGONAL_CASE(0, 1);
      DIAGONAL_CASE(0, 2);
      DIAGONAL_CASE(0, 3);
      DIAGONAL_CASE(0, 4);
      DIAGONAL_CASE(1, 1);
      DIAGONAL_CASE(1, 2);
      DIAGONAL_CASE(1, 3);
      DIAGONAL_CASE(2, 1);
      DIAGONAL_CASE(2, 2);
      DIAGONAL_CASE(3, 1);
    }
  }
#undef DIAGONAL_CASE
  DIAGONAL_UNROLL for (int r = 0; r < DIAGONAL_ROWS; ++r) {
    DIAGONAL_UNROLL for (int c = 0; c < DIAGONAL_CHANNELS; ++c) {
      diagonal_store(outputs + r * output_row + c * DIAGONAL_LANES, sums[r][c]);
    }
  }
}

#endif
