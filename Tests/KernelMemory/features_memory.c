// SPDX-License-Identifier: MIT
//
// Steps of feature maps and what surrounds them, on buffers that end at a guard page.
#include "guarded.h"
#include "kernel_memory.h"

/// Applies one step and returns the largest difference from `expected(x, row, channel)`.
static double step_error(const attn_features_kernels_t *kernels, attn_row_op_t op, int32_t rows,
                         double (*expected)(const float *row, int32_t width, int32_t channel)) {
  int32_t stride = attn_row_padded(op.width_out) + 16;
  float *x = random_matrix(rows, op.width);
  size_t bytes = (size_t)(rows * stride) * sizeof(float);
  float *out = guarded(bytes, 64);
  attn_row_scratch_t scratch = {0};
  kernels->apply(&op, 1, x, op.width, rows, 0, out, stride, &scratch);
  double worst = 0;
  for (int32_t t = 0; t < rows; t++) {
    for (int32_t c = 0; c < op.width_out; c++) {
      double error = fabs((double)out[t * stride + c] - expected(x + t * op.width, op.width, c));
      if (!(error <= worst)) worst = error;
    }
  }
  release(out, bytes, 64);
  release_matrix(x, rows, op.width);
  return worst;
}

static double elu1(const float *x, int32_t width, int32_t c) {
  (void)width;
  return x[c] > 0 ? (double)x[c] + 1 : exp((double)x[c]);
}

static double gelu(const float *x, int32_t width, int32_t c) {
  (void)width;
  return 0.5 * (double)x[c] * erfc(-(double)x[c] / sqrt(2.0));
}

static double log_sigmoid(const float *x, int32_t width, int32_t c) {
  (void)width;
  return -log1p(exp(-(double)x[c]));
}

static double softmax(const float *x, int32_t width, int32_t c) {
  double sum = 0;
  for (int32_t i = 0; i < width; i++) sum += exp((double)x[i]);
  return exp((double)x[c]) / sum;
}

static double unit(const float *x, int32_t width, int32_t c) {
  double sum = 0;
  for (int32_t i = 0; i < width; i++) sum += (double)x[i] * (double)x[i];
  return (double)x[c] / sqrt(sum);
}

static double taylor(const float *x, int32_t width, int32_t c) {
  if (c < width) return (double)x[c];
  int32_t distance = c / width - 1, i = c % width;
  if (c == width + width * (width + 1) / 2) return 1;
  double product = (double)x[i] * (double)x[(i + distance) % width];
  return distance == 0 ? product / sqrt(2.0) : product;
}

static void steps(const attn_kernel_table_t *t, int32_t width) {
  struct {
    attn_row_kind_t kind;
    const char *name;
    double (*expected)(const float *row, int32_t width, int32_t channel);
  } kinds[] = {
      {ATTN_ROW_ELU1, "elu1", elu1},          {ATTN_ROW_GELU, "gelu", gelu},
      {ATTN_ROW_SOFTMAX, "softmax", softmax}, {ATTN_ROW_LOG_SIGMOID, "log sigmoid", log_sigmoid},
      {ATTN_ROW_UNIT, "unit", unit},          {ATTN_ROW_TAYLOR, "taylor", taylor},
  };
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    attn_row_op_t op = {.kind = kinds[i].kind, .width = width, .width_out = width};
    if (op.kind == ATTN_ROW_TAYLOR) op.width_out = 1 + width + width * (width + 1) / 2;
    op.a = op.kind == ATTN_ROW_TAYLOR || op.kind == ATTN_ROW_LOG_SIGMOID ? 1 : 0;
    // Numbers up to 2: a few roundings of 1.2e-7 and the error function's 3e-7.
    check(t->name, kinds[i].name, step_error(t->features, op, 5, kinds[i].expected), 1e-6);
  }
}

/// Columns of rows and back again.
static void columns(const attn_kernel_table_t *t, int32_t rows, int32_t width) {
  float *x = random_matrix(rows, width), *gate = random_matrix(rows, width);
  float *y = random_matrix(width, rows), *back = random_matrix(rows, width);
  t->features->gather(x, gate, width, rows, width, y, rows);
  t->features->scatter(y, rows, NULL, NULL, width, rows, width, back);
  double worst = 0;
  for (int32_t i = 0; i < rows * width; i++) {
    double error = fabs((double)back[i] - (double)x[i] * (double)gate[i]);
    if (!(error <= worst)) worst = error;
  }
  check(t->name, "columns", worst, 1e-7);
  release_matrix(x, rows, width);
  release_matrix(gate, rows, width);
  release_matrix(y, width, rows);
  release_matrix(back, rows, width);
}

/// A convolution of `rows` x 3 taps.
static void convolution(const attn_kernel_table_t *t, int32_t height, int32_t width, int32_t dim,
                        int32_t rows) {
  int32_t padded = attn_row_padded(dim), tokens = height * width;
  float *v = random_matrix(tokens, dim), *o = random_matrix(tokens, dim);
  float *weights = random_matrix(9, padded);
  double *expected = malloc((size_t)(tokens * dim) * sizeof(double));
  for (int32_t i = 0; i < tokens * dim; i++) {
    int32_t y = i / dim / width, x = i / dim % width;
    expected[i] = (double)o[i];
    for (int32_t a = 0; a < 3 * rows; a++) {
      int32_t b = y + a / 3 - rows / 2, c = x + a % 3 - 1;
      if (b < 0 || b >= height || c < 0 || c >= width) continue;
      expected[i] += (double)weights[a * padded + i % dim] * (double)v[(b * width + c) * dim + i % dim];
    }
  }
  attn_depthwise_t plan = {.width = dim, .extent = {1, height, width}, .taps = {1, rows, 3},
                           .weights = weights};
  t->features->depthwise(&plan, v, dim, 0, tokens, o, dim);
  // Ten terms up to 1.
  check(t->name, "depthwise", distance(o, expected, (size_t)(tokens * dim)), 2e-6);
  free(expected);
  release_matrix(v, tokens, dim);
  release_matrix(o, tokens, dim);
  release_matrix(weights, 9, padded);
}

/// A map that ends with a mark: rows as they are mapped, their sum, their products with it.
static void marks(const attn_kernel_table_t *t, int32_t rows, int32_t width) {
  int32_t count = rows < ATTN_ROW_BLOCK ? rows : ATTN_ROW_BLOCK, stride = attn_row_padded(width);
  attn_row_op_t ops[2] = {{.kind = ATTN_ROW_ELU1, .width = width, .width_out = width},
                          {.kind = ATTN_ROW_MARK, .width = width, .width_out = width}};
  float *x = random_matrix(count, width), *products = random_matrix(1, count);
  float *out = guarded((size_t)(count * stride) * sizeof(float), 64);
  float *sums = guarded((size_t)width * sizeof(float), 64);
  for (int32_t c = 0; c < width; c++) sums[c] = 1;
  attn_row_scratch_t scratch = {.sums = sums};
  t->features->apply(ops, 2, x, width, count, 0, out, stride, &scratch);
  double worst = 0;
  for (int32_t c = 0; c < width; c++) {
    double sum = 1;
    for (int32_t i = 0; i < count; i++) {
      sum += elu1(x + i * width, width, c);
      worst = fmax(worst, fabs(elu1(x + i * width, width, c) - (double)out[i * stride + c]));
    }
    worst = fmax(worst, fabs(sum - (double)sums[c]) / sum);
  }
  check(t->name, "marked keys", worst, 2e-6);
  scratch.products = products;
  t->features->apply(ops, 2, x, width, count, 0, out, stride, &scratch);
  worst = 0;
  for (int32_t i = 0; i < count; i++) {
    double sum = 0;
    for (int32_t c = 0; c < width; c++) sum += elu1(x + i * width, width, c) * (double)sums[c];
    worst = fmax(worst, fabs(sum - (double)products[i]) / sum);
  }
  check(t->name, "marked queries", worst, 2e-6);
  release_matrix(x, count, width);
  release_matrix(products, 1, count);
  release(out, (size_t)(count * stride) * sizeof(float), 64);
  release(sums, (size_t)width * sizeof(float), 64);
}

/// Cubes at constant norm, by factors and without, of rows of any size.
static void powers(const attn_kernel_table_t *t, int32_t rows, int32_t width) {
  int32_t count = rows < ATTN_ROW_BLOCK ? rows : ATTN_ROW_BLOCK, stride = attn_row_padded(width);
  float *scale = guarded((size_t)stride * sizeof(float), 64);
  for (int32_t c = 0; c < stride; c++) scale[c] = c < width ? 0.5f : 0;
  attn_row_op_t ops[3] = {
      {.kind = ATTN_ROW_RELU, .width = width, .width_out = width, .a = 1e-6f},
      {.kind = ATTN_ROW_CHANNELS, .width = width, .width_out = width, .p = scale},
      {.kind = ATTN_ROW_FOCUS, .width = width, .width_out = width, .count = 3}};
  float *x = random_matrix(count, width), *factors = random_matrix(1, count);
  float *out = guarded((size_t)(count * stride) * sizeof(float), 64);
  float *first = guarded((size_t)(ATTN_ROW_BLOCK * stride) * sizeof(float), 64);
  float *second = guarded((size_t)(ATTN_ROW_BLOCK * stride) * sizeof(float), 64);
  attn_row_scratch_t scratch = {.first = first, .second = second, .stride = stride};
  // The last round has rows whose sixth powers leave the range of Float32.
  for (int32_t round = 0; round < 4; round++) {
    scratch.factors = round % 2 == 1 ? factors : NULL;
    for (int32_t i = 0; round == 2 && i < count * width; i++) x[i] *= i / width % 2 ? 1e9f : 1e-4f;
    t->features->apply(ops, 3, x, width, count, 0, out, stride, &scratch);
    double worst = 0;
    for (int32_t i = 0; i < count; i++) {
      double norm = 0, powers = 0;
      for (int32_t c = 0; c < width; c++) {
        double y = 0.5 * (fmax((double)x[i * width + c], 0) + 1e-6);
        norm += y * y;
        powers += pow(y, 6);
      }
      for (int32_t c = 0; c < width; c++) {
        double y = 0.5 * (fmax((double)x[i * width + c], 0) + 1e-6);
        double got = (double)out[i * stride + c] * (scratch.factors ? (double)factors[i] : 1);
        worst = fmax(worst, fabs(pow(y, 3) * sqrt(norm / powers) - got) / sqrt(norm));
      }
    }
    check(t->name, "powers", worst, 2e-6);
  }
  release_matrix(x, count, width);
  release_matrix(factors, 1, count);
  release(scale, (size_t)stride * sizeof(float), 64);
  release(out, (size_t)(count * stride) * sizeof(float), 64);
  release(first, (size_t)(ATTN_ROW_BLOCK * stride) * sizeof(float), 64);
  release(second, (size_t)(ATTN_ROW_BLOCK * stride) * sizeof(float), 64);
}

/// What walks over rows find: the largest, the first above a limit, balances.
static void walks(const attn_kernel_table_t *t, int32_t rows, int32_t width) {
  float *x = random_matrix(rows, width), *limit = random_matrix(1, width);
  float *largest = guarded((size_t)rows * sizeof(float), 4);
  const float two = 2;
  attn_row_op_t op = {.kind = ATTN_ROW_EXP_ROW, .width = width, .width_out = width, .p = &two};
  t->features->row_factors(&op, x, width, rows, largest);
  double worst = 0;
  for (int32_t i = 0; i < rows; i++) {
    double most = -INFINITY;
    for (int32_t c = 0; c < width; c++) most = fmax(most, 2 * (double)x[i * width + c]);
    worst = fmax(worst, fabs(most - (double)largest[i]));
  }
  check(t->name, "largest of rows", worst, 0);
  op = (attn_row_op_t){.kind = ATTN_ROW_UNIT, .width = width, .width_out = width, .a = 1e-3f};
  t->features->row_factors(&op, x, width, rows, largest);
  worst = 0;
  double moments[2] = {0}, sum = 0, squares = 0, most = -INFINITY;
  for (int32_t i = 0; i < rows; i++) {
    double norm = 0;
    for (int32_t c = 0; c < width; c++) {
      double y = (double)x[i * width + c];
      norm += y * y;
      sum += y;
      most = fmax(most, y);
    }
    squares += norm;
    worst = fmax(worst, fabs((double)largest[i] * fmax(sqrt(norm), 1e-3) - 1));
  }
  check(t->name, "inverse norms", worst, 1e-6);
  worst = fabs((double)t->features->moments(x, width, rows, width, moments) - most);
  check(t->name, "moments", fmax(worst, fmax(fabs(moments[0] - sum), fabs(moments[1] - squares))),
        1e-4);
  marks(t, rows, width);
  powers(t, rows, width);
  for (int32_t c = 0; c < width; c++) limit[c] = 2;
  int32_t found = t->features->rows_below(x, width, rows, width, limit);
  x[(rows / 2 + 1) * width - 1] = 3;
  found = found == rows ? t->features->rows_below(x, width, rows, width, limit) : -1;
  check(t->name, "rows below", found - rows / 2, 0);

  float *sums = guarded((size_t)width * sizeof(float), 4);
  for (int32_t c = 0; c < width; c++) sums[c] = 0;
  for (int32_t i = 0; i < rows * width; i++) x[i] = fabsf(x[i]) + 0.5f;
  // Products with the same vector as the flow, so that what it gives is known.
  t->features->balance_rows(x, width, rows, width, limit, 1, largest, sums, limit, largest);
  worst = 0;
  for (int32_t c = 0; c < width; c++) {
    double sum = 0;
    for (int32_t i = 0; i < rows; i++) {
      double flow = 0;
      for (int32_t d = 0; d < width; d++) flow += 3 * ((double)x[i * width + d] + 1);
      sum += (double)x[i * width + c] / flow;
      worst = fmax(worst, fabs(1 - (double)largest[i] / flow));
    }
    worst = fmax(worst, fabs(sum - (double)sums[c]));
  }
  // Fifty terms below 1.
  check(t->name, "balances", worst, 1e-5);
  release_matrix(x, rows, width);
  release_matrix(limit, 1, width);
  release(largest, (size_t)rows * sizeof(float), 4);
  release(sums, (size_t)width * sizeof(float), 4);
}

/// Rows under gates in pieces, with logits of up to `size`; two of them are far out.
static void gates(const attn_kernel_table_t *t, int32_t rows, int32_t width, float size) {
  const int32_t padded = attn_row_padded(width);
  const size_t bytes = (size_t)(rows * padded) * sizeof(float);
  const size_t part = (size_t)width * sizeof(float);
  float *q = random_matrix(rows, width), *k = random_matrix(rows, width);
  float *logits = guarded(bytes, 64), *queries = guarded(bytes, 64), *keys = guarded(bytes, 64);
  float *opening = guarded(part, 4), *total = guarded(part, 4);
  float *drawn = random_matrix(rows, padded);
  for (int32_t i = 0; i < rows * padded; i++) logits[i] = size * drawn[i];
  logits[width - 1] = -1000;
  logits[rows / 2 * padded] = -1000;
  double worst = 0, rest = 0;
  int32_t done = 0, pieces = 0;
  for (int32_t count; done < rows; done += count, pieces++) {
    attn_gates_t gates = {.width = width, .root = 0.25f, .least = -20,
                          .logits = logits + done * padded, .logit_stride = padded,
                          .q = q + done * width, .k = k + done * width, .q_stride = width,
                          .k_stride = width, .q_features = queries + done * padded,
                          .k_features = keys + done * padded, .feature_stride = padded};
    count = t->features->gate_rows(&gates, rows - done, opening, total);
    if (count < 1 || count > rows - done) {
      worst = INFINITY;
      break;
    }
    for (int32_t c = 0; c < width; c++) {
      double sum = 0;
      for (int32_t i = done; i < done + count; i++) {
        const double gate = -0.25 * log1p(exp(-(double)logits[i * padded + c]));
        const double logit = (double)logits[i * padded + c];
        const double log_gate = logit < -700 ? 0.25 * logit : gate;
        if (i == done) worst = fmax(worst, fabs((double)opening[c] - exp(log_gate)));
        if (i > done) sum += log_gate;
        const double query = (double)q[i * width + c] * exp(sum);
        const double key = (double)k[i * width + c] * exp(-sum);
        worst = fmax(worst, fabs((double)queries[i * padded + c] - query));
        worst = fmax(worst, fabs((double)keys[i * padded + c] - key) * exp(sum));
      }
      worst = fmax(worst, fabs((double)total[c] - exp(sum)));
      if (sum < -20 * log(2.0) - 1e-3) worst = INFINITY;
    }
    for (int32_t i = done; i < done + count; i++) {
      for (int32_t c = width; c < padded; c++) {
        rest += fabs((double)queries[i * padded + c]) + fabs((double)keys[i * padded + c]);
      }
    }
  }
  // Sums up to 80 in steps of 8e-6, a quarter of which is an exponent.
  check(t->name, "gates", worst, 1e-5);
  check(t->name, "lanes beyond gates", rest, 0);
  // Logits of 10 on either side cross the limit.
  check(t->name, "pieces of gates", size * (float)rows > 100 && pieces < 2, 0);
  release_matrix(q, rows, width);
  release_matrix(k, rows, width);
  release_matrix(drawn, rows, padded);
  release(logits, bytes, 64);
  release(queries, bytes, 64);
  release(keys, bytes, 64);
  release(opening, part, 4);
  release(total, part, 4);
}

static double mapped(attn_row_kind_t kind, float x) {
  return kind == ATTN_ROW_SIGMOID ? 1 / (1 + exp(-(double)x)) : x > 0 ? (double)x + 1 : exp((double)x);
}

/// Mapped rows of one side, then those of the other, balanced by the sums of the first.
static void mapped_rows(const attn_kernel_table_t *t, attn_row_kind_t kind, int32_t rows,
                        int32_t width) {
  const int32_t padded = attn_row_padded(width);
  const size_t bytes = (size_t)(rows * padded) * sizeof(float);
  const size_t part = (size_t)padded * sizeof(float);
  float *q = random_matrix(rows, width), *k = random_matrix(rows, width);
  float *queries = guarded(bytes, 64), *keys = guarded(bytes, 64);
  float *of_keys = guarded(part, 4), *of_queries = guarded(part, 4), *conserved = guarded(part, 4);
  float *factor = guarded((size_t)rows * sizeof(float), 4);
  for (int32_t c = 0; c < padded; c++) of_keys[c] = of_queries[c] = conserved[c] = 0;
  const attn_row_op_t map = {.kind = kind, .width = width};
  const attn_balance_t balance = {of_keys, 0.5f, factor, conserved};
  t->features->map_rows(&map, k, width, rows, keys, padded, of_keys, NULL);
  t->features->map_rows(&map, q, width, rows, queries, padded, of_queries, &balance);
  double *sums = calloc((size_t)(3 * width), sizeof(double)), worst = 0, rest = 0;
  for (int32_t i = 0; i < rows; i++) {
    for (int32_t c = 0; c < width; c++) {
      const double b = mapped(kind, k[i * width + c]);
      worst = fmax(worst, fabs((double)keys[i * padded + c] - b));
      sums[c] += b;
    }
  }
  for (int32_t i = 0; i < rows; i++) {
    double in = 0;
    for (int32_t c = 0; c < width; c++) {
      const double a = mapped(kind, q[i * width + c]);
      worst = fmax(worst, fabs((double)queries[i * padded + c] - a));
      in += (a + 0.5) * (sums[c] + 0.5);
      sums[width + c] += a;
    }
    worst = fmax(worst, fabs((double)factor[i] * in - 1));
    for (int32_t c = 0; c < width; c++) {
      sums[2 * width + c] += mapped(kind, q[i * width + c]) / in;
    }
    for (int32_t c = width; c < padded; c++) {
      rest += fabs((double)queries[i * padded + c]) + fabs((double)keys[i * padded + c]);
    }
  }
  for (int32_t c = 0; c < width; c++) {
    worst = fmax(worst, fabs((double)of_keys[c] / sums[c] - 1));
    worst = fmax(worst, fabs((double)of_queries[c] / sums[width + c] - 1));
    worst = fmax(worst, fabs((double)conserved[c] / sums[2 * width + c] - 1));
  }
  // Sums of as many terms as there are rows, one after the other.
  check(t->name, "mapped rows", worst, 1e-5);
  check(t->name, "lanes beyond mapped rows", rest, 0);
  free(sums);
  release_matrix(q, rows, width);
  release_matrix(k, rows, width);
  release(queries, bytes, 64);
  release(keys, bytes, 64);
  release(of_keys, part, 4);
  release(of_queries, part, 4);
  release(conserved, part, 4);
  release(factor, (size_t)rows * sizeof(float), 4);
}

/// Causal flows against their sums, token by token, in two calls.
static void flows(const attn_kernel_table_t *t, int32_t rows, int32_t width) {
  const int32_t padded = attn_row_padded(width), first = rows / 3;
  const size_t bytes = (size_t)(rows * padded) * sizeof(float);
  const size_t state_bytes = (size_t)(4 * padded + 1) * sizeof(float);
  float *q = random_matrix(rows, width), *k = random_matrix(rows, width);
  float *queries = guarded(bytes, 64), *keys = guarded(bytes, 64);
  float *state = guarded(state_bytes, 64);
  float *q_factor = guarded((size_t)rows * sizeof(float), 4);
  float *k_factor = guarded((size_t)rows * sizeof(float), 4);
  const attn_flow_t flow = {.width = width, .eps = 0.5f};
  t->features->causal_flow(&flow, q, k, width, first, 0, state, queries, keys, padded, q_factor,
                           k_factor);
  t->features->causal_flow(&flow, q + first * width, k + first * width, width, rows - first, first,
                           state, queries + first * padded, keys + first * padded, padded,
                           q_factor + first, k_factor + first);
  double *sums = calloc((size_t)(4 * width), sizeof(double)), worst = 0, weights = 0;
  for (int32_t i = 0; i < rows; i++) {
    double in = 0, out = 0, taken = 0, given = 0;
    for (int32_t c = 0; c < width; c++) {
      const double a = 1 / (1 + exp(-(double)q[i * width + c]));
      const double b = 1 / (1 + exp(-(double)k[i * width + c]));
      sums[c] += a;
      sums[width + c] += b;
      in += (a + 0.5) * (sums[width + c] + 0.5);
      out += (b + 0.5) * (sums[c] + 0.5);
    }
    for (int32_t c = 0; c < width; c++) {
      const double a = 1 / (1 + exp(-(double)q[i * width + c]));
      const double b = 1 / (1 + exp(-(double)k[i * width + c]));
      sums[2 * width + c] += (i + 1) / in * a;
      sums[3 * width + c] += (i + 1) / out * b;
      taken += (a + 0.5) * (sums[3 * width + c] + 0.5);
      given += (b + 0.5) * (sums[2 * width + c] + 0.5);
    }
    const double competition = exp(fmin(given / (i + 1), 1));
    weights += competition;
    for (int32_t c = 0; c < padded; c++) {
      const int inside = c < width;
      const double a = inside ? 1 / (1 + exp(-(double)q[i * width + c])) : 0;
      const double b = inside ? 1 / (1 + exp(-(double)k[i * width + c])) : 0;
      const double query = a / (1 + exp(-taken / (i + 1))) / in;
      const double key = b * competition / weights * (i + 1);
      const double scaled_query = (double)queries[i * padded + c] * (double)q_factor[i];
      const double scaled_key = (double)keys[i * padded + c] * (double)k_factor[i];
      worst = fmax(worst, fabs(scaled_query - query));
      worst = fmax(worst, fabs(scaled_key - key));
    }
  }
  // Numbers up to 2; sums of up to 64 x 37 terms below 1.
  check(t->name, "causal flow", worst, 4e-6);
  free(sums);
  release_matrix(q, rows, width);
  release_matrix(k, rows, width);
  release(queries, bytes, 64);
  release(keys, bytes, 64);
  release(state, state_bytes, 64);
  release(q_factor, (size_t)rows * sizeof(float), 4);
  release(k_factor, (size_t)rows * sizeof(float), 4);
}

void features_memory(const attn_kernel_table_t *t) {
  int32_t widths[] = {1, 7, 16, 24, 33, 64, 80, 128};
  for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
    steps(t, widths[i]);
    convolution(t, 4, 5, widths[i], 3);
    convolution(t, 1, 21, widths[i], 1);
    walks(t, 1, widths[i]);
    walks(t, 37, widths[i]);
    gates(t, 1, widths[i], 1);
    gates(t, 37, widths[i], 1);
    gates(t, 37, widths[i], 10);
    flows(t, 1, widths[i]);
    flows(t, 37, widths[i]);
    mapped_rows(t, ATTN_ROW_SIGMOID, 1, widths[i]);
    mapped_rows(t, ATTN_ROW_SIGMOID, 37, widths[i]);
    mapped_rows(t, ATTN_ROW_ELU1, 37, widths[i]);
  }
  columns(t, 1, 1);
  columns(t, 37, 16);
  columns(t, 50, 9);
}
