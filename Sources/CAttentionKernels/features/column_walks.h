// SPDX-License-Identifier: MIT
#ifndef ATTN_COLUMN_WALKS_H
#define ATTN_COLUMN_WALKS_H

#include "columns.h"

/// Columns that walks over rows take along: a cache line of every row is not fetched twice.
enum { FEATURE_COLUMNS = 4 };

/// Calls `part(columns)` for all vectors of a width, at most FEATURE_COLUMNS at a time; whole vectors
/// only where there are more than one.
#define FEATURE_EACH_COLUMNS(width, part)                                     \
  for (int32_t c = 0, step; c < (width); c += step) {                         \
    step = (width) - c >= FEATURE_COLUMNS * FEATURE_LANES                     \
               ? FEATURE_COLUMNS * FEATURE_LANES : FEATURE_LANES;             \
    if (step > FEATURE_LANES) { part(FEATURE_COLUMNS); } else { part(1); }    \
  }

#endif
