// SPDX-License-Identifier: MIT
#ifndef ATTN_SCAN_TABLE_H
#define ATTN_SCAN_TABLE_H

#include "scan_blocks.h"
#include "scan_causal.h"
#include "scan_mutual.h"

// Kernels of constant map and flags, and the entry points of a table, which pick one.

// A kernel is a function of its own: it compiles in half the time, a change to one leaves registers and
// stack slots of the others alone, and causal ones are faster than in a function that holds them all.
#define SCAN_KERNEL(name, blocks, map, flags)                          \
  static __attribute__((noinline)) void name(const scan_call_t *call) { \
    blocks(call, map, flags);                                          \
  }
#define SCAN_KERNELS(name, blocks, flags)                        \
  SCAN_KERNEL(name##_floor, blocks, SCAN_MAP_FLOOR, flags)       \
  SCAN_KERNEL(name##_elu1, blocks, SCAN_MAP_ELU1, flags)         \
  SCAN_KERNEL(name##_exp, blocks, SCAN_MAP_EXP, flags)           \
  SCAN_KERNEL(name##_ready, blocks, SCAN_MAP_READY, flags)       \
  SCAN_KERNEL(name##_step, blocks, SCAN_MAP_STEP, flags)

SCAN_KERNELS(scan_sum, scan_accumulate_blocks, SCAN_KEYS | SCAN_NORM)
SCAN_KERNELS(scan_sum_decayed, scan_accumulate_blocks, SCAN_KEYS | SCAN_NORM | SCAN_DECAY)
SCAN_KERNEL(scan_sum_factor, scan_accumulate_blocks, SCAN_MAP_FACTOR, SCAN_KEYS | SCAN_NORM)

SCAN_KERNELS(scan_read, scan_output_blocks, SCAN_QUERIES)
SCAN_KERNELS(scan_read_normalised, scan_output_blocks, SCAN_QUERIES | SCAN_NORM)

enum { SCAN_BOTH = SCAN_KEYS | SCAN_QUERIES };
SCAN_KERNELS(scan_causal, scan_causal_blocks, SCAN_BOTH)
SCAN_KERNELS(scan_causal_normalised, scan_causal_blocks, SCAN_BOTH | SCAN_NORM)
SCAN_KERNELS(scan_causal_decayed, scan_causal_blocks, SCAN_BOTH | SCAN_DECAY)
SCAN_KERNELS(scan_causal_both, scan_causal_blocks, SCAN_BOTH | SCAN_NORM | SCAN_DECAY)
SCAN_KERNEL(scan_causal_factor, scan_causal_blocks, SCAN_MAP_FACTOR, SCAN_BOTH)
SCAN_KERNEL(scan_causal_running, scan_causal_blocks, SCAN_MAP_EXP, SCAN_BOTH | SCAN_NORM | SCAN_OWES)
SCAN_KERNEL(scan_causal_softmax, scan_causal_blocks, SCAN_MAP_SOFTMAX, SCAN_BOTH | SCAN_SHARES)
SCAN_KERNEL(scan_causal_shares, scan_causal_blocks, SCAN_MAP_STEP, SCAN_BOTH | SCAN_SHARES)

/// Calls the kernel `name` of the plan's map.
#define SCAN_FOR_MAP(name, call)                        \
  switch ((call)->plan->map) {                          \
    case ATTN_SCAN_IDENTITY:                            \
    case ATTN_SCAN_RELU: name##_floor(call); break;     \
    case ATTN_SCAN_ELU1: name##_elu1(call); break;      \
    case ATTN_SCAN_EXP: name##_exp(call); break;        \
    case ATTN_SCAN_READY: name##_ready(call); break;    \
    case ATTN_SCAN_STEP: name##_step(call); break;      \
  }

static inline size_t scan_scratch_bytes(const attn_scan_plan_t *plan) {
  scan_scratch_t scratch;
  return scan_scratch_layout(plan, NULL, &scratch);
}

/// Work of `tokens` tokens whose rows pass the feature map `maps` times each.
static inline void scan_count(const attn_scan_plan_t *plan, int32_t tokens, int32_t maps,
                              attn_scan_counts_t *counts) {
  uint64_t mapped = (uint64_t)tokens * (uint64_t)maps;
  counts->projected_tokens += plan->projection ? mapped : 0;
  counts->exponentials += mapped * (uint64_t)scan_exponentials(plan);
}

static inline float scan_key_maximum(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                                     int32_t first, int32_t count, void *memory,
                                     attn_scan_counts_t *counts) {
  scan_call_t call = scan_call(plan, rows, first, count, NULL, memory);
  float largest = -__builtin_inff();
  for (int32_t start = 0; start < count; start += SCAN_BLOCK) {
    int32_t tokens = scan_min(count - start, SCAN_BLOCK);
    scan_project_block(plan, rows->k + (first + start) * rows->k_stride, rows->k_stride, tokens,
                       call.scratch.raw_keys, scan_feature_stride(plan), call.scratch.maxima, 0);
    float block = scan_block_maximum(call.scratch.maxima, tokens);
    largest = block > largest ? block : largest;
  }
  counts->projected_tokens += (uint64_t)count;
  return largest;
}

static inline void scan_reset(const attn_scan_plan_t *plan, float *state) {
  size_t size = attn_scan_state_floats(plan);
  for (size_t i = 0; i < size; ++i) state[i] = 0;
  state[attn_scan_running_offset(plan)] = -__builtin_inff();
}

/// Whether a step is a factor per row and nothing else.
static inline int scan_is_factor(const attn_scan_step_t *step) {
  return step->kind == ATTN_SCAN_STEP_SCALE && step->constant == 1 && step->factor && !step->table;
}

/// Whether the steps of both sides are.
static inline int scan_has_factors_only(const attn_scan_plan_t *plan,
                                        const attn_scan_rows_t *rows) {
  return plan->map == ATTN_SCAN_STEP && !plan->shares && scan_is_factor(&rows->q_step)
         && scan_is_factor(&rows->k_step);
}

/// Whether a step is of a kind, without factors or tables, and no rows but its own are fetched beside it.
static inline int scan_is_bare(const attn_scan_step_t *step, int32_t kind, const float *next) {
  return step->kind == kind && !step->factor && !step->table && !next;
}

/// Whether keys are a softmax over the tokens so far and queries pass a SiLU.
static inline int scan_is_softmax(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows) {
  return plan->map == ATTN_SCAN_STEP && plan->shares
         && scan_is_bare(&rows->k_step, ATTN_SCAN_STEP_EXP, rows->k_next)
         && scan_is_bare(&rows->q_step, ATTN_SCAN_STEP_SILU, rows->q_next);
}

static inline void scan_accumulate(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                                   int32_t first, int32_t count, float *state, void *memory,
                                   attn_scan_counts_t *counts) {
  scan_call_t call = scan_call(plan, rows, first, count, state, memory);
  for (int32_t r = 0; r < scan_feature_stride(plan); ++r) call.scratch.normaliser[r] = 0;
  if (plan->decay == 1 && plan->map == ATTN_SCAN_STEP && scan_is_factor(&rows->k_step)) {
    scan_sum_factor(&call);
  } else if (plan->decay == 1) {
    SCAN_FOR_MAP(scan_sum, &call)
  } else {
    double power = 1;
    for (int32_t t = SCAN_BLOCK - 1; t >= 0; --t) {
      call.scratch.key_factor[t] = (float)(power *= plan->decay);
    }
    SCAN_FOR_MAP(scan_sum_decayed, &call)
  }
  counts->key_tokens += (uint64_t)count;
  scan_count(plan, count, 1, counts);
}

static inline void scan_merge(const attn_scan_plan_t *plan, float *state, const float *other) {
  size_t running = attn_scan_running_offset(plan), size = attn_scan_state_floats(plan);
  float mine = state[running], theirs = other[running], largest = mine > theirs ? mine : theirs;
  float keep = mine == largest ? 1 : __builtin_exp2f(mine - largest);
  float add = theirs == largest ? 1 : __builtin_exp2f(theirs - largest);
  for (size_t i = 0; i < running; ++i) state[i] = state[i] * keep + other[i] * add;
  state[running] = largest;
  for (size_t i = running + 16; i < size; ++i) state[i] += other[i];
}

static inline void scan_finish(const attn_scan_plan_t *plan, float *state, int32_t count) {
  float *z = scan_normaliser(plan, state);
  const float *sums = state + attn_scan_running_offset(plan) + 16;
  for (int32_t r = 0; r < plan->feature_dim; ++r) {
    float *s = state + (ptrdiff_t)r * attn_scan_stride(plan->value_dim);
    for (int32_t c = 0; c < plan->value_dim; ++c) s[c] += plan->feature_eps * sums[c];
    z[r] += plan->feature_eps * (float)count;
  }
}

/// Whether queries are only scaled, so that their outputs may be instead, and stand in whole vectors, as
/// rows of any width do that are allocated to.
static inline int scan_scales_only(const attn_scan_plan_t *plan, const attn_scan_step_t *step) {
  return plan->map == ATTN_SCAN_STEP && step->kind == ATTN_SCAN_STEP_SCALE && !step->table
         && (plan->allocates || plan->feature_dim % SCAN_LANES == 0);
}

static inline void scan_output(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                               int32_t first, int32_t count, const float *state, void *memory,
                               attn_scan_counts_t *counts) {
  scan_call_t call = scan_call(plan, rows, first, count, state, memory);
  attn_scan_plan_t ready = *plan;
  if (scan_scales_only(plan, &rows->q_step)) {
    ready.map = ATTN_SCAN_READY;
    ready.ready_stride = (int32_t)rows->q_stride;
    call = scan_call(&ready, rows, first, count, state, memory);
    call.scale = &rows->q_step;
  }
  if (plan->normalised) {
    SCAN_FOR_MAP(scan_read_normalised, &call)
  } else {
    SCAN_FOR_MAP(scan_read, &call)
  }
  counts->query_tokens += (uint64_t)count;
  scan_count(plan, count, 1, counts);
}

static inline void scan_scan(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                             int32_t first, int32_t count, float *state, void *memory,
                             attn_scan_counts_t *counts) {
  scan_call_t call = scan_call(plan, rows, first, count, state, memory);
  int flags = (plan->normalised ? SCAN_NORM : 0) | (plan->decay == 1 ? 0 : SCAN_DECAY);
  const int steps = plan->map == ATTN_SCAN_STEP;
  if (steps && plan->block_length > 0) {
    if (plan->normalised) {
      scan_mutual_blocks(&call, SCAN_NORM);
    } else {
      scan_mutual_blocks(&call, 0);
    }
  } else if (flags == 0 && scan_has_factors_only(plan, rows)) {
    scan_causal_factor(&call);
  } else if (scan_runs(&call)) {
    scan_causal_running(&call);
  } else if (scan_is_softmax(plan, rows)) {
    scan_causal_softmax(&call);
  } else if (steps && plan->shares) {
    scan_causal_shares(&call);
  } else {
    switch (flags) {
      case 0: SCAN_FOR_MAP(scan_causal, &call) break;
      case SCAN_NORM: SCAN_FOR_MAP(scan_causal_normalised, &call) break;
      case SCAN_DECAY: SCAN_FOR_MAP(scan_causal_decayed, &call) break;
      default: SCAN_FOR_MAP(scan_causal_both, &call) break;
    }
  }
  counts->key_tokens += (uint64_t)count;
  counts->query_tokens += (uint64_t)count;
  scan_count(plan, count, 2, counts);
}

#define SCAN_TABLE                                                                     \
  {                                                                                    \
    .scratch_bytes = scan_scratch_bytes, .projection_floats = scan_projection_floats,  \
    .pack_projection = scan_pack_projection, .key_maximum = scan_key_maximum,          \
    .reset = scan_reset, .accumulate = scan_accumulate, .merge = scan_merge,           \
    .finish = scan_finish, .output = scan_output, .scan = scan_scan,                   \
    .settle = scan_settle,                                                             \
  }

#endif
