// SPDX-License-Identifier: MIT
#ifndef GUARDED_H
#define GUARDED_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attn_types.h"

/// Whether buffers begin right after a guard page instead of ending right before one.
extern int guard_in_front;

static inline size_t guarded_body(size_t bytes, size_t alignment) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  return ((bytes + alignment - 1) / alignment * alignment + page - 1) / page * page;
}

/// Memory between two pages that nobody may touch, filled with NaN: its last byte lies right before
/// the second, or its first right after the first.
///
/// Vector intrinsics are not instrumented by the address sanitizer; the guard pages see them. At
/// the second page a buffer begins at whatever address its size leaves: the unaligned case.
static inline void *guarded(size_t bytes, size_t alignment) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), body = guarded_body(bytes, alignment);
  char *base =
      mmap(NULL, body + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED || mprotect(base, page, PROT_NONE) != 0 ||
      mprotect(base + page + body, page, PROT_NONE) != 0)
    abort();
  memset(base + page, 0xFF, body);
  if (guard_in_front) return base + page;
  return base + page + body - (bytes + alignment - 1) / alignment * alignment;
}

static inline void release(void *start, size_t bytes, size_t alignment) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *base = (char *)((uintptr_t)start / page * page - page);
  munmap(base, guarded_body(bytes, alignment) + 2 * page);
}

static uint64_t random_state = 0x9E3779B97F4A7C15u;

static inline uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

static inline int32_t random_below(int32_t bound) { return (int32_t)(next_random() % (uint64_t)bound); }

/// A guarded row-major matrix of numbers in -1 ... 1; the last row ends at the guard page.
static inline float *random_matrix(int32_t rows, int32_t width) {
  size_t count = (size_t)rows * (size_t)width;
  float *m = guarded(count * sizeof(float), sizeof(float));
  for (size_t i = 0; i < count; i++) m[i] = (float)(next_random() >> 40) * 0x1p-23f - 1.0f;
  return m;
}

static inline void release_matrix(float *m, int32_t rows, int32_t width) {
  release(m, (size_t)rows * (size_t)width * sizeof(float), sizeof(float));
}

/// Largest difference of `count` numbers; NaN wins.
static inline double distance(const float *x, const double *y, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    double d = fabs((double)x[i] - y[i]);
    if (isnan(d)) return NAN;
    largest = d > largest ? d : largest;
  }
  return largest;
}

/// Softmax attention in double: query i sees the first `visible(i)` keys; `terms[keys + i - j]`,
/// unless NULL, is added to the score in log2 units.
static inline void reference_attention(const float *q, const float *k, const float *v, double *o,
                                       int32_t queries, int32_t keys, int32_t d, int32_t dv,
                                       double scale, int causal, const float *terms) {
  for (int32_t i = 0; i < queries; i++) {
    int32_t seen = causal ? (keys - queries + i + 1 < 0 ? 0 : keys - queries + i + 1) : keys;
    double sum = 0;
    memset(o + (size_t)i * dv, 0, (size_t)dv * sizeof(double));
    for (int32_t j = 0; j < seen; j++) {
      double s = 0;
      for (int32_t c = 0; c < d; c++) s += (double)q[(size_t)i * d + c] * k[(size_t)j * d + c];
      double w = exp(s * scale + (terms ? terms[keys + i - j] * 0.6931471805599453 : 0));
      sum += w;
      for (int32_t c = 0; c < dv; c++) o[(size_t)i * dv + c] += w * v[(size_t)j * dv + c];
    }
    for (int32_t c = 0; c < dv && sum > 0; c++) o[(size_t)i * dv + c] /= sum;
  }
}

/// A sequence schedule of one strip: a full run and a masked one, as the engine builds them.
static inline int32_t strip_runs(int32_t first, int32_t count, int32_t queries, int32_t keys,
                                 int causal, int32_t key_tile, attn_run_t runs[2],
                                 uint32_t *masks) {
  if (!causal) {
    runs[0] = (attn_run_t){0, keys, 1, -1};
    return 1;
  }
  int32_t offset = keys - queries, fewest = first + 1 + offset, most = first + count + offset;
  int32_t full = fewest / key_tile * key_tile, n = 0;
  if (full > 0) runs[n++] = (attn_run_t){0, full, 1, -1};
  runs[n++] = (attn_run_t){full, most - full, 1, 0};
  for (int32_t j = full; j < most; j++) {
    masks[j - full] = 0;
    for (int32_t l = 0; l < count; l++) {
      if (j <= first + l + offset) masks[j - full] |= 1u << l;
    }
  }
  return n;
}

#endif
