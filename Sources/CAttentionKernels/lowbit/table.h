// SPDX-License-Identifier: MIT
// The kernel table of one instruction set.
#ifndef ATTN_LOWBIT_TABLE_H
#define ATTN_LOWBIT_TABLE_H

#include "attend.h"
#include "load_store.h"
#include "pack.h"

NOINLINE void attend_bf16_bf16(const strip_t *s, const visit_t *visit, cursor_t cursor) {
  attend_stale((variant_t){ATTN_LOWBIT_BF16, ATTN_LOWBIT_BF16, 0}, s, visit, cursor);
}

NOINLINE void attend_int8_f32(const strip_t *s, const visit_t *visit, cursor_t cursor) {
  attend_stale((variant_t){ATTN_LOWBIT_INT8, ATTN_LOWBIT_F32, 0}, s, visit, cursor);
}

NOINLINE void attend_int8_bf16(const strip_t *s, const visit_t *visit, cursor_t cursor) {
  attend_stale((variant_t){ATTN_LOWBIT_INT8, ATTN_LOWBIT_BF16, 0}, s, visit, cursor);
}

NOINLINE void attend_int8_int8(const strip_t *s, const visit_t *visit, cursor_t cursor) {
  attend_blocks((variant_t){ATTN_LOWBIT_INT8, ATTN_LOWBIT_INT8, 0}, s, visit, cursor);
}

NOINLINE void attend_int8_int8_codes(const strip_t *s, const visit_t *visit, cursor_t cursor) {
  attend_blocks((variant_t){ATTN_LOWBIT_INT8, ATTN_LOWBIT_INT8, 1}, s, visit, cursor);
}

static void attend(void *strip, const attn_lowbit_plan_t *plan, const attn_lowbit_packed_t *packed,
                   const float *v, ptrdiff_t v_stride, const attn_run_t *runs, int32_t run_count,
                   const uint32_t *masks, attn_counts_t *counts) {
  size_t bytes;
  const strip_t s = strip_view(strip, plan, &bytes);
  const visit_t visit = {plan, packed, v, v_stride, counts};
  const int blocks = plan->pv == ATTN_LOWBIT_INT8;
  const cursor_t cursor = {runs, runs + run_count, masks, 0, blocks ? plan->key_block : 0, 0, 0};
  count_runs(&s, runs, run_count, counts);
  if (plan->qk == ATTN_LOWBIT_BF16)
    attend_bf16_bf16(&s, &visit, cursor);
  else if (plan->pv == ATTN_LOWBIT_F32)
    attend_int8_f32(&s, &visit, cursor);
  else if (plan->pv == ATTN_LOWBIT_BF16)
    attend_int8_bf16(&s, &visit, cursor);
  else if (plan->quantised_denominator)
    attend_int8_int8_codes(&s, &visit, cursor);
  else
    attend_int8_int8(&s, &visit, cursor);
}

#define LOWBIT_TABLE                                                                        \
  {                                                                                         \
    .lanes = STRIP_LANES, .key_tile = KEY_TILE, .packed_bytes = packed_bytes,               \
    .strip_bytes = strip_bytes, .pack_keys = pack_keys, .pack_values = pack_values,         \
    .channel_mean = channel_mean, .query_scales = query_scales, .load = load,               \
    .attend = attend, .store = store                                                        \
  }

#endif
