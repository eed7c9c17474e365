// SPDX-License-Identifier: MIT
#ifndef DIAGONAL_PACK_H
#define DIAGONAL_PACK_H

// Follows the vectors of an instruction set.

/// Loads the channels from `channel` on of some rows, a vector per channel; returns their number.
DIAGONAL_INLINE int32_t diagonal_load_channels(const float *const rows[DIAGONAL_LANES],
                                               int32_t channel, int32_t width,
                                               diagonal_vec x[DIAGONAL_LANES]) {
  const int32_t count = diagonal_min(width - channel, DIAGONAL_LANES);
  if (count == DIAGONAL_LANES) {
    DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
      x[i] = diagonal_load(rows[i] + channel);
    }
  } else {
    DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
      x[i] = diagonal_load_first(rows[i] + channel, count);
    }
  }
  diagonal_transpose(x);
  return count;
}

/// Transposes the columns from `column` on of a grid row into `copies` tiles that share them, the first
/// of which has room for `room` columns.
DIAGONAL_INLINE void diagonal_pack_columns(const diagonal_view_t *view, const float *row,
                                           int32_t width, int32_t column, float *to, int32_t room,
                                           ptrdiff_t next_copy, int32_t copies) {
  const float *rows[DIAGONAL_LANES];
  for (int32_t i = 0; i < DIAGONAL_LANES; ++i) {
    // Padding holds some column of the grid: no window reaches it.
    const int32_t x = diagonal_min(diagonal_max(column + i, 0), view->plan.lengths[2] - 1);
    rows[i] = row + (ptrdiff_t)x * width;
  }
  for (int32_t channel = 0; channel < width; channel += DIAGONAL_LANES) {
    diagonal_vec x[DIAGONAL_LANES];
    diagonal_load_channels(rows, channel, width, x);
    // Channels that fill up a group of products hold zeros.
    const int32_t count = diagonal_min(diagonal_round(width, 4) - channel, DIAGONAL_LANES);
    float *place = to + (ptrdiff_t)channel * view->span;
    for (int32_t copy = 0; copy < copies; ++copy, place += next_copy) {
      const int32_t columns = copy == 0 ? diagonal_min(room, DIAGONAL_LANES) : DIAGONAL_LANES;
      if (count == DIAGONAL_LANES && columns == DIAGONAL_LANES) {
        DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
          diagonal_store(place + (ptrdiff_t)i * view->span, x[i]);
        }
        continue;
      }
      DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
        if (i < count) diagonal_store_first(place + (ptrdiff_t)i * view->span, x[i], columns);
      }
    }
  }
}

/// Packs one grid row of keys or values into its tiles; every column is transposed once.
static void diagonal_pack_row(const diagonal_view_t *view, const float *row, int32_t width,
                              float *to, size_t tile_floats) {
  const int32_t blocks = (view->span + DIAGONAL_LANES - 1) / DIAGONAL_LANES;
  for (int32_t tile = 0; tile < view->tiles; ++tile) {
    const int32_t start = diagonal_tile_start(view, tile);
    const int follows =
        tile > 0 && start == diagonal_tile_start(view, tile - 1) + DIAGONAL_LANES;
    for (int32_t block = follows ? blocks - 1 : 0; block < blocks; ++block) {
      const int32_t column = start + block * DIAGONAL_LANES;
      if (column >= view->plan.lengths[2] || column + DIAGONAL_LANES <= 0) continue;
      int32_t copies = 1;
      while (copies <= block && tile + copies < view->tiles &&
             diagonal_tile_start(view, tile + copies) == start + copies * DIAGONAL_LANES) {
        ++copies;
      }
      // The same columns are one block earlier in each following tile.
      diagonal_pack_columns(view, row, width, column,
                            to + (size_t)tile * tile_floats + block * DIAGONAL_LANES,
                            view->span - block * DIAGONAL_LANES,
                            (ptrdiff_t)tile_floats - DIAGONAL_LANES, copies);
    }
  }
}

/// Place of a grid row in the ring, in tiles.
DIAGONAL_INLINE size_t diagonal_ring_place(const diagonal_view_t *view, int32_t z, int32_t y) {
  const int32_t row = z % view->ring_planes * view->ring_rows + y % view->ring_rows;
  return (size_t)row * (size_t)view->tiles;
}

static void diagonal_pack(const diagonal_view_t *view, const attn_diagonal_heads_t *heads,
                          int32_t z, int32_t y) {
  const attn_diagonal_plan_t *plan = &view->plan;
  const ptrdiff_t token = ((ptrdiff_t)z * plan->lengths[1] + y) * plan->lengths[2];
  const size_t place = diagonal_ring_place(view, z, y);
  diagonal_pack_row(view, heads->k + token * plan->head_dim, plan->head_dim,
                    view->keys + place * view->key_tile, view->key_tile);
  diagonal_pack_row(view, heads->v + token * plan->value_dim, plan->value_dim,
                    view->values + place * view->value_tile, view->value_tile);
}

/// Transposes and scales the queries of one row of the block; unused lanes repeat the last one.
static void diagonal_pack_queries(const diagonal_view_t *view, const float *q, int32_t lanes,
                                  float *to) {
  const int32_t width = view->plan.head_dim;
  const diagonal_vec scale = diagonal_all(view->plan.scale);
  const float *rows[DIAGONAL_LANES];
  for (int32_t i = 0; i < DIAGONAL_LANES; ++i) {
    rows[i] = q + (ptrdiff_t)diagonal_min(i, lanes - 1) * width;
  }
  for (int32_t channel = 0; channel < width; channel += DIAGONAL_LANES) {
    diagonal_vec x[DIAGONAL_LANES];
    const int32_t count = diagonal_load_channels(rows, channel, width, x);
    DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
      if (i >= count) continue;
      diagonal_store(to + (channel + i) * DIAGONAL_LANES, diagonal_multiply(x[i], scale));
    }
  }
}

/// Writes the outputs of one row of the block, times `factor`, as `lanes` rows.
static void diagonal_write_rows(const float *outputs, diagonal_vec factor, float *o,
                                int32_t lanes, int32_t width) {
  for (int32_t channel = 0; channel < width; channel += DIAGONAL_LANES) {
    const int32_t count = diagonal_min(width - channel, DIAGONAL_LANES);
    diagonal_vec x[DIAGONAL_LANES];
    DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
      x[i] = diagonal_multiply(diagonal_load(outputs + (channel + i) * DIAGONAL_LANES), factor);
    }
    diagonal_transpose(x);
    DIAGONAL_UNROLL for (int i = 0; i < DIAGONAL_LANES; ++i) {
      if (i < lanes) diagonal_store_first(o + (ptrdiff_t)i * width + channel, x[i], count);
    }
  }
}

#endif
