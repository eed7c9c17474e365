// SPDX-License-Identifier: MIT
// Quantisation and packing of keys and values, one head at a time.
#ifndef ATTN_LOWBIT_PACK_H
#define ATTN_LOWBIT_PACK_H

#include "strip.h"

/// Below this a group counts as zero, so that 127 / amax stays finite.
#define SMALLEST_AMAX 0x1p-100f

/// Zero bytes behind the packed keys: widening reads whole vectors.
#define KEY_SLACK 64

INLINE int32_t float_bits(float x) {
  int32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

INLINE float bits_float(int32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

/// Nearest integer, ties to even, of |x| < 2^22. The addition must stay an addition: fused with the
/// multiplication before it, it would round differently in tables without FMA.
INLINE int32_t round_code(float x) {
#pragma clang fp contract(off)
  return float_bits(x + 0x1.8p23f) - 0x4b400000;
}

INLINE int32_t bf16_bits(float x) {
  const int32_t bits = float_bits(x);
  const int32_t rounded = (int32_t)((uint32_t)bits + 0x7fff + ((uint32_t)bits >> 16 & 1));
  const int32_t is_nan = (bits & 0x7fffffff) > 0x7f800000;
  return (int32_t)((uint32_t)(is_nan ? bits | 0x400000 : rounded) >> 16);
}

/// Largest bit pattern of |x| among `count` floats and `start`; patterns order as magnitudes do.
INLINE int32_t largest_bits(const float *x, int32_t count, int32_t start) {
  for (int32_t i = 0; i < count; i++) {
    const int32_t bits = float_bits(x[i]) & 0x7fffffff;
    start = bits > start ? bits : start;
  }
  return start;
}

INLINE float group_scale(float amax) { return amax < SMALLEST_AMAX ? 0 : amax / 127.0f; }
INLINE float group_inverse(float amax) { return amax < SMALLEST_AMAX ? 0 : 127.0f / amax; }

static void packed_bytes(const attn_lowbit_plan_t *plan, int32_t keys, size_t sizes[5]) {
  const size_t padded = (size_t)packed_keys(keys);
  const size_t channels = (size_t)value_channels(plan);
  const int int8_keys = plan->qk == ATTN_LOWBIT_INT8;
  sizes[0] = padded * (size_t)key_dwords(plan) * 4 + KEY_SLACK;
  sizes[1] = int8_keys ? padded * 4 : 0;
  sizes[2] = int8_keys ? padded * 4 : 0;
  sizes[3] = plan->pv == ATTN_LOWBIT_F32    ? 0
             : plan->pv == ATTN_LOWBIT_BF16 ? padded * channels * 2
                                            : padded * channels;
  sizes[4] = plan->pv == ATTN_LOWBIT_INT8 ? channels * 4 : 0;
}

/// Largest bit pattern of |x - mean|, `mean` may be NULL.
INLINE int32_t largest_difference(const float *x, const float *mean, int32_t channels,
                                  int32_t start) {
  if (mean == NULL) return largest_bits(x, channels, start);
  for (int32_t c = 0; c < channels; c++) {
    const int32_t bits = float_bits(x[c] - mean[c]) & 0x7fffffff;
    start = bits > start ? bits : start;
  }
  return start;
}

/// Codes of (x - mean) * inverse, `mean` may be NULL; returns their sum.
INLINE int32_t quantise_row(const float *restrict x, const float *restrict mean, int32_t channels,
                            float inverse, int8_t *restrict codes) {
  int32_t sum = 0;
  if (mean == NULL) {
    for (int32_t c = 0; c < channels; c++) {
      const int32_t code = round_code(x[c] * inverse);
      codes[c] = (int8_t)code;
      sum += code;
    }
  } else {
    for (int32_t c = 0; c < channels; c++) {
      const int32_t code = round_code((x[c] - mean[c]) * inverse);
      codes[c] = (int8_t)code;
      sum += code;
    }
  }
  return sum;
}

INLINE void round_row(const float *restrict x, const float *restrict mean, int32_t channels,
                      uint16_t *restrict out) {
  if (mean == NULL)
    for (int32_t c = 0; c < channels; c++) out[c] = (uint16_t)bf16_bits(x[c]);
  else
    for (int32_t c = 0; c < channels; c++) out[c] = (uint16_t)bf16_bits(x[c] - mean[c]);
}

NOINLINE void pack_keys_int8(const attn_lowbit_plan_t *plan, const float *k, ptrdiff_t k_stride,
                             int32_t keys, const float *mean, int32_t group,
                             attn_lowbit_packed_t *packed) {
  const int32_t dim = plan->head_dim, padded = key_dwords(plan) * 4;
  int8_t *codes = packed->keys;
  for (int32_t first = 0; first < keys; first += group) {
    const int32_t end = first + group < keys ? first + group : keys;
    int32_t largest = 0;
    for (int32_t j = first; j < end; j++)
      largest = largest_difference(k + j * k_stride, mean, dim, largest);
    const float amax = bits_float(largest);
    for (int32_t j = first; j < end; j++) {
      int8_t *row = codes + (ptrdiff_t)j * padded;
      const int32_t sum = quantise_row(k + j * k_stride, mean, dim, group_inverse(amax), row);
      for (int32_t c = dim; c < padded; c++) row[c] = 0;
      packed->key_scales[j] = group_scale(amax);
      packed->key_sums[j] = -128 * sum;
    }
  }
  const size_t spare = (size_t)(packed_keys(keys) - keys);
  memset(codes + (ptrdiff_t)keys * padded, 0, spare * (size_t)padded + KEY_SLACK);
  memset(packed->key_scales + keys, 0, spare * 4);
  memset(packed->key_sums + keys, 0, spare * 4);
}

NOINLINE void pack_keys_bf16(const attn_lowbit_plan_t *plan, const float *k, ptrdiff_t k_stride,
                             int32_t keys, const float *mean, attn_lowbit_packed_t *packed) {
  const int32_t padded = key_dwords(plan) * 2;
  uint16_t *out = packed->keys;
  for (int32_t j = 0; j < keys; j++, out += padded) {
    round_row(k + j * k_stride, mean, plan->head_dim, out);
    for (int32_t c = plan->head_dim; c < padded; c++) out[c] = 0;
  }
  memset(out, 0, (size_t)(packed_keys(keys) - keys) * (size_t)padded * 2 + KEY_SLACK);
}

static void pack_keys(const attn_lowbit_plan_t *plan, const float *k, ptrdiff_t k_stride,
                      int32_t keys, const float *mean, int32_t group,
                      attn_lowbit_packed_t *packed) {
  if (plan->qk == ATTN_LOWBIT_INT8)
    pack_keys_int8(plan, k, k_stride, keys, mean, group, packed);
  else
    pack_keys_bf16(plan, k, k_stride, keys, mean, packed);
}

/// The code of x as a byte of a dword.
INLINE int32_t byte_code(float x, int shift) {
  return (int32_t)((uint32_t)(round_code(x) & 0xff) << shift);
}

/// Codes of four rows, those of a channel side by side.
INLINE void quantise_quad(const float *restrict row, ptrdiff_t stride,
                          const float *restrict inverse, int32_t channels, dword *restrict out) {
  for (int32_t c = 0; c < channels; c++)
    out[c] = byte_code(row[c] * inverse[c], 0) | byte_code(row[stride + c] * inverse[c], 8) |
             byte_code(row[2 * stride + c] * inverse[c], 16) |
             byte_code(row[3 * stride + c] * inverse[c], 24);
}

NOINLINE void pack_values_int8(const attn_lowbit_plan_t *plan, const float *v, ptrdiff_t v_stride,
                               int32_t keys, attn_lowbit_packed_t *packed) {
  enum { PANEL = 64 };
  const int32_t channels = value_channels(plan);
  memset(packed->values, 0, (size_t)packed_keys(keys) * (size_t)channels);
  memset(packed->value_scales, 0, (size_t)channels * 4);
  for (int32_t first = 0; first < plan->value_dim; first += PANEL) {
    const int32_t width = plan->value_dim - first < PANEL ? plan->value_dim - first : PANEL;
    int32_t largest[PANEL] = {0};
    for (int32_t j = 0; j < keys; j++) {
      const float *row = v + j * v_stride + first;
      for (int32_t c = 0; c < width; c++) {
        const int32_t bits = float_bits(row[c]) & 0x7fffffff;
        largest[c] = bits > largest[c] ? bits : largest[c];
      }
    }
    float inverse[PANEL];
    for (int32_t c = 0; c < width; c++) {
      inverse[c] = group_inverse(bits_float(largest[c]));
      packed->value_scales[first + c] = group_scale(bits_float(largest[c]));
    }
    dword *out = (dword *)packed->values + first;
    int32_t j = 0;
    for (; j + 4 <= keys; j += 4, out += channels)
      quantise_quad(v + j * v_stride + first, v_stride, inverse, width, out);
    for (int32_t i = 0; j + i < keys; i++) {
      const float *row = v + (j + i) * v_stride + first;
      for (int32_t c = 0; c < width; c++) out[c] |= byte_code(row[c] * inverse[c], 8 * i);
    }
  }
}

/// BF16 pairs of two rows.
INLINE void pair_rows(const float *restrict first, const float *restrict second, int32_t channels,
                      dword *restrict out) {
  for (int32_t c = 0; c < channels; c++)
    out[c] = bf16_bits(first[c]) | (int32_t)((uint32_t)bf16_bits(second[c]) << 16);
}

NOINLINE void pack_values_bf16(const attn_lowbit_plan_t *plan, const float *v, ptrdiff_t v_stride,
                               int32_t keys, attn_lowbit_packed_t *packed) {
  const int32_t channels = value_channels(plan), dim = plan->value_dim;
  const size_t row_bytes = (size_t)channels * 4;
  dword *out = packed->values;
  for (int32_t j = 0; j + 1 < keys; j += 2, out += channels) {
    pair_rows(v + j * v_stride, v + (j + 1) * v_stride, dim, out);
    memset(out + dim, 0, (size_t)(channels - dim) * 4);
  }
  memset(out, 0, (size_t)(packed_keys(keys) - keys / 2 * 2) / 2 * row_bytes);
  if (keys % 2 != 0)
    for (int32_t c = 0; c < dim; c++) out[c] = bf16_bits(v[(keys - 1) * v_stride + c]);
}

static void pack_values(const attn_lowbit_plan_t *plan, const float *v, ptrdiff_t v_stride,
                        int32_t keys, attn_lowbit_packed_t *packed) {
  if (plan->pv == ATTN_LOWBIT_INT8) pack_values_int8(plan, v, v_stride, keys, packed);
  if (plan->pv == ATTN_LOWBIT_BF16) pack_values_bf16(plan, v, v_stride, keys, packed);
}

static void channel_mean(const float *x, ptrdiff_t stride, int32_t rows, int32_t channels,
                         float *mean) {
  enum { PANEL = 64 };
  for (int32_t first = 0; first < channels; first += PANEL) {
    const int32_t width = channels - first < PANEL ? channels - first : PANEL;
    double sum[PANEL] = {0};
    for (int32_t i = 0; i < rows; i++)
      for (int32_t c = 0; c < width; c++) sum[c] += (double)x[i * stride + first + c];
    for (int32_t c = 0; c < width; c++) mean[first + c] = (float)(sum[c] / rows);
  }
}

static void query_scales(const float *q, ptrdiff_t q_stride, int32_t rows, int32_t head_dim,
                         float scale, int32_t group, float *scales) {
  for (int32_t first = 0; first < rows; first += group) {
    const int32_t end = first + group < rows ? first + group : rows;
    int32_t largest = 0;
    for (int32_t i = first; i < end; i++)
      for (int32_t c = 0; c < head_dim; c++) {
        const int32_t bits = float_bits(q[i * q_stride + c] * scale) & 0x7fffffff;
        largest = bits > largest ? bits : largest;
      }
    for (int32_t i = first; i < end; i++) scales[i] = group_scale(bits_float(largest));
  }
}

#endif
