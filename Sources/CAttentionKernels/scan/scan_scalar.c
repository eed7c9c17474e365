// SPDX-License-Identifier: MIT

#include <math.h>

#include "attn_scan.h"

static const float log2_e = 0x1.715476p+0f;

static size_t scan_scratch_bytes(const attn_scan_plan_t *plan) {
  return 2 * (size_t)(plan->feature_dim + 16) * sizeof(float);
}

static size_t scan_projection_floats(int32_t input_dim, int32_t feature_dim) {
  return (size_t)input_dim * (size_t)feature_dim;
}

static void scan_pack_projection(const attn_scan_plan_t *plan, const float *omega, float *packed) {
  float scale = plan->input_scale * (plan->map == ATTN_SCAN_EXP ? log2_e : 1.0f);
  size_t size = scan_projection_floats(plan->input_dim, plan->feature_dim);
  for (size_t i = 0; i < size; ++i) packed[i] = omega[i] * scale;
}

/// Copies or projects one row into `u` [feature_dim] and returns the largest element.
static float scan_project(const attn_scan_plan_t *plan, const float *x, float *u) {
  float maximum = -INFINITY;
  for (int32_t r = 0; r < plan->feature_dim; ++r) {
    float sum = 0;
    if (plan->projection) {
      const float *omega = plan->projection + (ptrdiff_t)r * plan->input_dim;
      for (int32_t c = 0; c < plan->input_dim; ++c) sum += omega[c] * x[c];
    } else {
      sum = x[r];
    }
    u[r] = sum;
    maximum = fmaxf(maximum, sum);
  }
  return maximum;
}

/// Half the squared norm of the scaled row, in log2 units.
static float scan_half_norm(const attn_scan_plan_t *plan, const float *x) {
  float sum = 0;
  for (int32_t c = 0; c < plan->input_dim; ++c) sum += x[c] * x[c];
  return sum * (0.5f * log2_e * plan->input_scale * plan->input_scale);
}

/// One element of a step; `of_row` is what belongs to its row.
static float scan_step(const attn_scan_step_t *step, float x, int32_t channel, float of_row) {
  switch (step->kind) {
    case ATTN_SCAN_STEP_SCALE: return step->constant * x;
    case ATTN_SCAN_STEP_RELU: return (x < 0 ? 0 : x) + step->constant;
    case ATTN_SCAN_STEP_ELU1: return x > 0 ? x + 1 : expf(x);
    case ATTN_SCAN_STEP_EXP: return expf(step->scale[channel] * x - step->shift[channel]);
    case ATTN_SCAN_STEP_SIGMOID: return 1 / (1 + expf(-x));
    case ATTN_SCAN_STEP_SILU: return x / (1 + expf(-x));
    case ATTN_SCAN_STEP_EXP_ROW: return expf(step->constant * x - of_row);
    case ATTN_SCAN_STEP_SHIFT: return x + step->shift[channel];
  }
  return x;
}

/// The step of a row, in place; the turn comes later.
static void scan_step_row(const attn_scan_plan_t *plan, const attn_scan_step_t *step,
                          int32_t token, float *f) {
  if (plan->map != ATTN_SCAN_STEP) return;
  float factor = step->factor ? step->factor[token] : 1, of_row = 0;
  if (step->kind == ATTN_SCAN_STEP_EXP_ROW) {
    of_row = factor;
    factor = 1;
  }
  for (int32_t r = 0; r < plan->feature_dim; ++r) f[r] = scan_step(step, f[r], r, of_row) * factor;
}

/// The turn of a row, in place; one channel of an odd width stays as it is.
static void scan_turn_row(const attn_scan_plan_t *plan, const attn_scan_step_t *step,
                          int32_t token, float *f) {
  if (plan->map != ATTN_SCAN_STEP || !step->table) return;
  const float *table = step->table + token * step->table_stride;
  for (int32_t r = 0; r + 1 < plan->feature_dim; r += 2) {
    float x = f[r], y = f[r + 1];
    f[r] = x * table[r] - y * table[r + 1];
    f[r + 1] = y * table[r] + x * table[r + 1];
  }
}

/// Maps projections in place; exponentials are relative to `maximum`.
static void scan_map(const attn_scan_plan_t *plan, const float *x, float maximum, float eps,
                     float *f) {
  float shift = plan->map == ATTN_SCAN_EXP ? scan_half_norm(plan, x) + maximum : 0;
  for (int32_t r = 0; r < plan->feature_dim; ++r) {
    switch (plan->map) {
      case ATTN_SCAN_IDENTITY:
      case ATTN_SCAN_READY:
      case ATTN_SCAN_STEP: break;
      case ATTN_SCAN_ELU1: f[r] = f[r] > 0 ? f[r] + 1 : expf(f[r]); break;
      case ATTN_SCAN_RELU: f[r] = (f[r] < 0 ? 0 : f[r]) + eps; break;
      case ATTN_SCAN_EXP: f[r] = exp2f(f[r] - shift) + eps; break;
    }
  }
}

static int32_t scan_exponentials(const attn_scan_plan_t *plan) {
  return plan->map == ATTN_SCAN_ELU1 || plan->map == ATTN_SCAN_EXP ? plan->feature_dim : 0;
}

static float *scan_normaliser(const attn_scan_plan_t *plan, float *state) {
  return state + attn_scan_normaliser_offset(plan);
}

static float scan_key_maximum(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                              int32_t first, int32_t count, void *scratch,
                              attn_scan_counts_t *counts) {
  float maximum = -INFINITY;
  for (int32_t t = first; t < first + count; ++t) {
    maximum = fmaxf(maximum, scan_project(plan, rows->k + t * rows->k_stride, scratch));
  }
  counts->projected_tokens += (uint64_t)count;
  return maximum;
}

static void scan_reset(const attn_scan_plan_t *plan, float *state) {
  size_t size = attn_scan_state_floats(plan);
  for (size_t i = 0; i < size; ++i) state[i] = 0;
  state[attn_scan_running_offset(plan)] = -INFINITY;
}

/// Raises the running maximum to `maximum`, if larger, and returns it; S and z keep their meaning.
static float scan_raise(const attn_scan_plan_t *plan, float *state, float maximum) {
  size_t offset = attn_scan_running_offset(plan);
  if (maximum > state[offset]) {
    float factor = exp2f(state[offset] - maximum);
    for (size_t i = 0; i < offset; ++i) state[i] *= factor;
    state[offset] = maximum;
  }
  return state[offset];
}

/// S += phi(k) v^T and z += phi(k) for one token.
static void scan_add(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t token,
                     float *state, float *f, attn_scan_counts_t *counts) {
  const float *k = rows->k + token * rows->k_stride, *v = rows->v + token * rows->v_stride;
  float *z = scan_normaliser(plan, state);
  float *value_sums = state + attn_scan_running_offset(plan) + 16;
  float largest = scan_project(plan, k, f), maximum = rows->key_maximum, eps = plan->feature_eps;
  int running = plan->map == ATTN_SCAN_EXP && maximum == -INFINITY;
  if (running) {
    maximum = scan_raise(plan, state, largest);
    eps = 0;
  }
  if (!rows->owed && (running || plan->sums_values)) {
    for (int32_t c = 0; c < plan->value_dim; ++c) value_sums[c] += v[c];
  }
  scan_map(plan, k, maximum, eps, f);
  scan_step_row(plan, &rows->k_step, token, f);
  for (int32_t r = 0; r < plan->feature_dim; ++r) z[r] += f[r];
  scan_turn_row(plan, &rows->k_step, token, f);
  for (int32_t r = 0; r < plan->feature_dim; ++r) {
    float *s = state + (ptrdiff_t)r * attn_scan_stride(plan->value_dim);
    for (int32_t c = 0; c < plan->value_dim; ++c) s[c] += f[r] * v[c];
  }
  counts->key_tokens += 1;
  counts->projected_tokens += plan->projection ? 1 : 0;
  counts->exponentials += (uint64_t)scan_exponentials(plan);
}

static void scan_merge(const attn_scan_plan_t *plan, float *state, const float *other) {
  size_t running = attn_scan_running_offset(plan), size = attn_scan_state_floats(plan);
  float largest = scan_raise(plan, state, other[running]);
  float factor = other[running] == largest ? 1 : exp2f(other[running] - largest);
  for (size_t i = 0; i < running; ++i) state[i] += other[i] * factor;
  for (size_t i = running + 16; i < size; ++i) state[i] += other[i];
}

static void scan_finish(const attn_scan_plan_t *plan, float *state, int32_t count) {
  float *z = scan_normaliser(plan, state);
  const float *value_sums = state + attn_scan_running_offset(plan) + 16;
  for (int32_t r = 0; r < plan->feature_dim; ++r) {
    float *s = state + (ptrdiff_t)r * attn_scan_stride(plan->value_dim);
    for (int32_t c = 0; c < plan->value_dim; ++c) s[c] += plan->feature_eps * value_sums[c];
    z[r] += plan->feature_eps * (float)count;
  }
}

/// o = phi(q) S, divided by phi(q).z + eps or scaled, for one token.
///
/// Where the largest key is not known yet, the row stays undivided, and what it is owed is noted.
static void scan_read(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t token,
                      const float *state, float *f, attn_scan_counts_t *counts) {
  float *o = rows->o + token * rows->o_stride;
  const float *z = state + attn_scan_normaliser_offset(plan);
  const float *q = rows->q + token * rows->q_stride;
  float largest = scan_project(plan, q, f);
  scan_map(plan, q, largest, plan->feature_eps, f);
  scan_step_row(plan, &rows->q_step, token, f);
  float denominator = 0, mass = 0;
  for (int32_t r = 0; r < plan->feature_dim; ++r) {
    denominator += f[r] * z[r];
    mass += f[r];
    if (plan->shares) f[r] /= z[r];
  }
  scan_turn_row(plan, &rows->q_step, token, f);
  float factor = plan->normalised ? 1 / (denominator + plan->denominator_eps) : plan->output_scale;
  if (plan->allocates) {
    float flow = 0;
    for (int32_t r = 0; r < plan->feature_dim; ++r) flow += (q[r] + plan->denominator_eps) * z[r];
    factor = 1 / (1 + expf(-flow));
  }
  if (rows->owed) {
    float *owed = rows->owed + token * (ptrdiff_t)ATTN_SCAN_OWED;
    owed[0] = denominator;
    owed[1] = mass;
    owed[2] = state[attn_scan_running_offset(plan)];
    factor = 1;
  }
  for (int32_t c = 0; c < plan->value_dim; ++c) {
    float sum = 0;
    for (int32_t r = 0; r < plan->feature_dim; ++r) {
      sum += f[r] * state[(ptrdiff_t)r * attn_scan_stride(plan->value_dim) + c];
    }
    o[c] = sum * factor;
  }
  counts->query_tokens += 1;
  counts->projected_tokens += plan->projection ? 1 : 0;
  counts->exponentials += (uint64_t)scan_exponentials(plan);
}

static void scan_decay(const attn_scan_plan_t *plan, float *state) {
  size_t size = attn_scan_running_offset(plan);
  if (plan->decay == 1) return;
  // In double, or the rounding of the decay would add up over the sequence.
  for (size_t i = 0; i < size; ++i) state[i] = (float)(state[i] * plan->decay);
}

static void scan_accumulate(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows,
                            int32_t first, int32_t count, float *state, void *scratch,
                            attn_scan_counts_t *counts) {
  for (int32_t t = first; t < first + count; ++t) {
    scan_add(plan, rows, t, state, scratch, counts);
    scan_decay(plan, state);
  }
}

static void scan_output(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                        int32_t count, const float *state, void *scratch,
                        attn_scan_counts_t *counts) {
  for (int32_t t = first; t < first + count; ++t) scan_read(plan, rows, t, state, scratch, counts);
}

static void scan_scan(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                      int32_t count, float *state, void *scratch, attn_scan_counts_t *counts) {
  int32_t block = plan->map == ATTN_SCAN_STEP ? plan->block_length : 0, end = first + count;
  for (int32_t t = first; t < end;) {
    int32_t tokens = end - t < block ? end - t : block < 1 ? 1 : block;
    for (int32_t i = t; i < t + tokens; ++i) scan_add(plan, rows, i, state, scratch, counts);
    for (int32_t i = t; i < t + tokens; ++i) scan_read(plan, rows, i, state, scratch, counts);
    scan_decay(plan, state);
    t += tokens;
  }
}

static void scan_settle(const attn_scan_plan_t *plan, const attn_scan_rows_t *rows, int32_t first,
                        int32_t count, int32_t seen, float *state) {
  float *sums = state + attn_scan_running_offset(plan) + 16;
  for (int32_t t = 0; t < count; ++t) {
    const float *owed = rows->owed + (first + t) * (ptrdiff_t)ATTN_SCAN_OWED;
    const float *v = rows->v + (first + t) * rows->v_stride;
    float *o = rows->o + (first + t) * rows->o_stride;
    float scale = exp2f(owed[2] - rows->key_maximum), eps = plan->feature_eps * owed[1];
    float divisor = scale * owed[0] + eps * (float)(seen + t + 1) + plan->denominator_eps;
    for (int32_t c = 0; c < plan->value_dim; ++c) {
      sums[c] += v[c];
      o[c] = (scale * o[c] + eps * sums[c]) / divisor;
    }
  }
}

const attn_scan_kernels_t attn_scan_scalar = {
  .scratch_bytes = scan_scratch_bytes,
  .projection_floats = scan_projection_floats,
  .pack_projection = scan_pack_projection,
  .key_maximum = scan_key_maximum,
  .reset = scan_reset,
  .accumulate = scan_accumulate,
  .merge = scan_merge,
  .finish = scan_finish,
  .output = scan_output,
  .scan = scan_scan,
  .settle = scan_settle,
};
