// SPDX-License-Identifier: MIT
#include "guarded.h"
#include "kernel_memory.h"

typedef struct {
  const attn_scan_plan_t *plan;
  const float *omega;  ///< [feature_dim][input_dim] or NULL
  double shift;        ///< EXP: the largest u of all keys, or of the query's row
  attn_scan_step_kind_t step;
} feature_t;

/// A step with the constants below: scale 1, shift 1 (0.125 where it stands alone, so that products of
/// rows stay of size 1), constant 0.5, factor 1.
static double stepped(attn_scan_step_kind_t kind, double u) {
  switch (kind) {
    case ATTN_SCAN_STEP_SCALE: return u / 2;
    case ATTN_SCAN_STEP_RELU: return (u > 0 ? u : 0) + 0.5;
    case ATTN_SCAN_STEP_ELU1: return u > 0 ? u + 1 : exp(u);
    case ATTN_SCAN_STEP_EXP: return exp(u - 1);
    case ATTN_SCAN_STEP_SIGMOID: return 1 / (1 + exp(-u));
    case ATTN_SCAN_STEP_SILU: return u / (1 + exp(-u));
    case ATTN_SCAN_STEP_EXP_ROW: return exp(u / 2 - 1);
    case ATTN_SCAN_STEP_SHIFT: return u + 0.125;
  }
  return 0;
}

/// u of one row and feature, without the shift of the softmax.
static double projected(const feature_t *f, const float *x, int32_t feature) {
  double u = 0;
  for (int32_t c = 0; c < f->plan->input_dim; c++)
    u += (double)f->omega[(size_t)feature * f->plan->input_dim + c] * x[c];
  return u * f->plan->input_scale;
}

static double mapped(const feature_t *f, const float *x, int32_t feature) {
  const attn_scan_plan_t *plan = f->plan;
  const double u = f->omega ? projected(f, x, feature) : x[feature];
  switch (plan->map) {
    case ATTN_SCAN_IDENTITY:
    case ATTN_SCAN_READY: return u;
    case ATTN_SCAN_STEP: return stepped(f->step, u);
    case ATTN_SCAN_ELU1: return u > 0 ? u + 1 : exp(u);
    case ATTN_SCAN_RELU: return (u > 0 ? u : 0) + plan->feature_eps;
    default: break;
  }
  double square = 0;
  for (int32_t c = 0; c < plan->input_dim; c++) {
    const double e = plan->input_scale * (double)x[c];
    square += e * e;
  }
  return exp(u - square / 2 - f->shift) + plan->feature_eps;
}

static double largest_projection(const feature_t *f, const float *x, int32_t rows) {
  double top = -INFINITY;
  for (int32_t i = 0; i < rows; i++)
    for (int32_t c = 0; c < f->plan->feature_dim; c++) {
      const double u = projected(f, x + (size_t)i * f->plan->input_dim, c);
      top = u > top ? u : top;
    }
  return top;
}

/// Normalised attention of row `i` over the first `seen` rows.
static void reference_row(feature_t *keys, feature_t *queries, const float *q, const float *k,
                          const float *v, int32_t seen, int32_t dv, double *o) {
  const attn_scan_plan_t *plan = keys->plan;
  double sum = 0;
  if (plan->map == ATTN_SCAN_EXP) queries->shift = largest_projection(queries, q, 1);
  for (int32_t c = 0; c < dv; c++) o[c] = 0;
  for (int32_t j = 0; j < seen; j++) {
    double w = 0;
    for (int32_t c = 0; c < plan->feature_dim; c++)
      w += mapped(queries, q, c) * mapped(keys, k + (size_t)j * plan->input_dim, c);
    sum += w;
    for (int32_t c = 0; c < dv; c++) o[c] += w * v[(size_t)j * dv + c];
  }
  const double divisor = plan->normalised ? sum + plan->denominator_eps : 1 / plan->output_scale;
  for (int32_t c = 0; c < dv; c++) o[c] /= divisor;
}

/// Rows as features are handed over: whole vectors, zeros beyond the width.
static float *ready_rows(const float *x, int32_t rows, int32_t width, int32_t stride) {
  float *padded = guarded((size_t)(rows * stride) * sizeof(float), 64);
  memset(padded, 0, (size_t)(rows * stride) * sizeof(float));
  for (int32_t i = 0; i < rows; i++)
    memcpy(padded + i * stride, x + i * width, (size_t)width * sizeof(float));
  return padded;
}

void scan_maps(const attn_kernel_table_t *t, attn_scan_map_t map, int32_t tokens, int32_t d,
               int32_t features, int32_t dv) {
  const attn_scan_kernels_t *kernels = t->scan;
  const int projects = map == ATTN_SCAN_EXP, ready = map == ATTN_SCAN_READY;
  const int32_t stride = attn_scan_stride(d);
  const attn_scan_step_kind_t kind =
      (attn_scan_step_kind_t)((tokens + d) % (ATTN_SCAN_STEP_SHIFT + 1));
  const int cancels = map == ATTN_SCAN_IDENTITY ||
      (map == ATTN_SCAN_STEP && (kind == ATTN_SCAN_STEP_SCALE || kind == ATTN_SCAN_STEP_SILU ||
                                 kind == ATTN_SCAN_STEP_SHIFT));
  // Features that may cancel have no denominator; the others are positive.
  attn_scan_plan_t plan = {.map = map, .input_dim = d, .feature_dim = projects ? features : d,
                           .value_dim = dv, .ready_stride = stride,
                           .input_scale = 1 / sqrtf((float)d),
                           .feature_eps = 1e-3f, .normalised = !cancels,
                           .denominator_eps = 1e-6f, .output_scale = 1.0f / (float)tokens,
                           .decay = 1, .sums_values = 1};
  float *q = random_matrix(tokens, d), *k = random_matrix(tokens, d), *v = random_matrix(tokens, dv);
  // Features that are handed over are positive here, so that denominators are.
  for (int32_t i = 0; ready && i < tokens * d; i++) q[i] = fabsf(q[i]), k[i] = fabsf(k[i]);
  float *omega = random_matrix(features, d), *o = random_matrix(tokens, dv);
  const size_t packed_bytes =
      (projects ? kernels->projection_floats(d, features) : 1) * sizeof(float);
  float *packed = guarded(packed_bytes, 64);
  if (projects) {
    kernels->pack_projection(&plan, omega, packed);
    plan.projection = packed;
  }
  const size_t state_bytes = attn_scan_state_floats(&plan) * sizeof(float);
  const size_t scratch_bytes = kernels->scratch_bytes(&plan);
  float *state = guarded(state_bytes, 64), *other = guarded(state_bytes, 64);
  void *scratch = guarded(scratch_bytes, 64);
  attn_scan_counts_t counts = {0};
  float *ready_q = ready ? ready_rows(q, tokens, d, stride) : NULL;
  float *ready_k = ready ? ready_rows(k, tokens, d, stride) : NULL;
  attn_scan_rows_t rows = {.q = ready ? ready_q : q, .k = ready ? ready_k : k, .v = v, .o = o,
                           .q_stride = ready ? stride : d, .k_stride = ready ? stride : d,
                           .v_stride = dv, .o_stride = dv, .q_next = q, .k_next = k,
                           .next_stride = d, .key_maximum = -INFINITY};
  const int32_t table = (d + 15) / 16 * 16;
  float *ones = guarded((size_t)table * sizeof(float), 64);
  for (int32_t i = 0; i < table; i++) ones[i] = kind == ATTN_SCAN_STEP_SHIFT ? 0.125f : 1;
  float *factor = guarded((size_t)tokens * sizeof(float), 4);
  for (int32_t i = 0; i < tokens; i++) factor[i] = 1;
  // Rows that turn by the same angle keep their products; an odd channel stays.
  float *turns = guarded((size_t)(tokens * table) * sizeof(float), 64);
  for (int32_t i = 0; i < tokens * table; i++) {
    const int32_t c = i % table, alone = c / 2 * 2 + 1 >= d;
    turns[i] = c % 2 == 0 ? (alone ? 1 : 0.6f) : (alone ? 0 : 0.8f);
  }
  rows.q_step = rows.k_step =
      (attn_scan_step_t){kind, 0.5f, ones, ones, factor, turns, table};
  // Rows with a factor and nothing else: half of 1, 2 or 4, of rows that are as much smaller.
  const int bare = map == ATTN_SCAN_STEP && kind == ATTN_SCAN_STEP_SCALE && tokens % 2 == 1;
  float *small_q = random_matrix(tokens, d), *small_k = random_matrix(tokens, d);
  if (bare) {
    for (int32_t i = 0; i < tokens; i++) factor[i] = 0.5f * (float)(1 << i % 3);
    for (int32_t i = 0; i < tokens * d; i++) {
      small_q[i] = q[i] / (float)(1 << i / d % 3);
      small_k[i] = k[i] / (float)(1 << i / d % 3);
    }
    rows.q = rows.q_next = small_q;
    rows.k = rows.k_next = small_k;
    rows.q_step = rows.k_step = (attn_scan_step_t){.kind = kind, .constant = 1, .factor = factor};
  }
  if (projects) rows.key_maximum = kernels->key_maximum(&plan, &rows, 0, tokens, scratch, &counts);

  feature_t keys = {&plan, projects ? omega : NULL, 0, kind}, queries = keys;
  if (projects) keys.shift = largest_projection(&keys, k, tokens);
  double *expected = malloc((size_t)tokens * dv * sizeof(double));
  const int32_t middle = tokens / 2;
  kernels->reset(&plan, state);
  kernels->reset(&plan, other);
  kernels->accumulate(&plan, &rows, 0, middle, state, scratch, &counts);
  kernels->accumulate(&plan, &rows, middle, tokens - middle, other, scratch, &counts);
  kernels->merge(&plan, state, other);
  kernels->output(&plan, &rows, 0, tokens, state, scratch, &counts);
  for (int32_t i = 0; i < tokens; i++)
    reference_row(&keys, &queries, q + (size_t)i * d, k, v, tokens, dv, expected + (size_t)i * dv);
  // Sums of up to 130 terms of size 1; divided by positive sums, or by the number of tokens.
  check(t->name, "state", distance(o, expected, (size_t)tokens * dv), 2e-5);

  double most = 0;
  for (int32_t c = 0; c < dv; c++) {
    double sum = -(double)state[attn_scan_running_offset(&plan) + 16 + (size_t)c];
    for (int32_t i = 0; i < tokens; i++) sum += (double)v[(size_t)i * dv + c];
    most = fmax(most, fabs(sum));
  }
  check(t->name, "sums of values", most, 2e-5);

  kernels->reset(&plan, state);
  kernels->scan(&plan, &rows, 0, middle, state, scratch, &counts);
  kernels->scan(&plan, &rows, middle, tokens - middle, state, scratch, &counts);
  for (int32_t i = 0; i < tokens; i++)
    reference_row(&keys, &queries, q + (size_t)i * d, k, v, i + 1, dv, expected + (size_t)i * dv);
  check(t->name, "causal scan", distance(o, expected, (size_t)tokens * dv), 2e-5);

  // The same without knowing the largest key ahead of them, but for the keys of a prefix.
  if (projects) {
    float *owed = guarded((size_t)(tokens * ATTN_SCAN_OWED) * sizeof(float), 4);
    const float maximum = rows.key_maximum;
    rows.key_maximum = -INFINITY;
    kernels->reset(&plan, state);
    kernels->accumulate(&plan, &rows, 0, middle, state, scratch, &counts);
    rows.owed = owed;
    kernels->scan(&plan, &rows, middle, tokens - middle, state, scratch, &counts);
    rows.key_maximum = maximum;
    kernels->settle(&plan, &rows, middle, tokens - middle, middle, state);
    check(t->name, "settled scan",
          distance(o + middle * dv, expected + middle * dv, (size_t)(tokens - middle) * dv), 2e-5);
    rows.owed = NULL;
    release(owed, (size_t)(tokens * ATTN_SCAN_OWED) * sizeof(float), 4);
  }

  // Tokens of a block see each other.
  if (map == ATTN_SCAN_STEP) {
    const int32_t lengths[] = {1, 7, 64, 100};
    for (size_t b = 0; b < sizeof lengths / sizeof lengths[0]; b++) {
      const int32_t length = lengths[b];
      plan.block_length = length;
      kernels->reset(&plan, state);
      kernels->scan(&plan, &rows, 0, tokens, state, scratch, &counts);
      for (int32_t i = 0; i < tokens; i++) {
        const int32_t end = (i / length + 1) * length;
        reference_row(&keys, &queries, q + (size_t)i * d, k, v, end < tokens ? end : tokens, dv,
                      expected + (size_t)i * dv);
      }
      check(t->name, "blocks", distance(o, expected, (size_t)tokens * dv), 2e-5);
    }
  }

  free(expected);
  release(ones, (size_t)table * sizeof(float), 64);
  release(factor, (size_t)tokens * sizeof(float), 4);
  release(turns, (size_t)(tokens * table) * sizeof(float), 64);
  if (ready) {
    release(ready_q, (size_t)(tokens * stride) * sizeof(float), 64);
    release(ready_k, (size_t)(tokens * stride) * sizeof(float), 64);
  }
  release(scratch, scratch_bytes, 64);
  release(state, state_bytes, 64);
  release(other, state_bytes, 64);
  release(packed, packed_bytes, 64);
  release_matrix(o, tokens, dv);
  release_matrix(omega, features, d);
  release_matrix(small_q, tokens, d);
  release_matrix(small_k, tokens, d);
  release_matrix(q, tokens, d);
  release_matrix(k, tokens, d);
  release_matrix(v, tokens, dv);
}
