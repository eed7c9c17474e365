// SPDX-License-Identifier: MIT
// Rounding of float32s to the numbers of a narrow format. The loops are plain; the including file
// sets the instruction set. No operation here may be fused: every table gives the same bits.
#ifndef ATTN_QUANTISED_NUMBERS_H
#define ATTN_QUANTISED_NUMBERS_H

#include <math.h>
#include <string.h>

#include "attn_quantised.h"

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

/// Groups below this count as zero, so that the factor of their numbers stays finite.
#define SMALLEST_GROUP 0x1p-100f

INLINE float bits_float(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

INLINE uint32_t float_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

/// What rounding to a set of numbers needs; a compile-time constant where it is used.
typedef struct {
  int integer;
  int fraction_bits;
  int least_exponent;  // of a normal number; below it the step stays
  float largest;
} number_t;

INLINE number_t number_of(const attn_number_t number) {
  switch (number) {
    case ATTN_NUMBER_F32: return (number_t){0, 23, -126, 0x1.fffffep127f};
    case ATTN_NUMBER_BF16: return (number_t){0, 7, -126, 0x1.fep127f};
    case ATTN_NUMBER_F16: return (number_t){0, 10, -14, 65504};
    case ATTN_NUMBER_E5M2: return (number_t){0, 2, -14, 57344};
    case ATTN_NUMBER_E4M3: return (number_t){0, 3, -6, 448};
    case ATTN_NUMBER_E2M1: return (number_t){0, 1, 0, 6};
    case ATTN_NUMBER_INT8: return (number_t){1, 0, 0, 127};
    case ATTN_NUMBER_INT4: return (number_t){1, 0, 0, 7};
  }
  return (number_t){0, 23, -126, 0x1.fffffep127f};
}

/// The number nearest to x. The step of a binade of exponent e is 2^(e - fraction bits): adding and
/// subtracting 1.5 * 2^23 steps leaves whole steps, ties to even.
INLINE float round_number(const number_t to, const attn_rounding_t rounding, float x) {
#pragma clang fp contract(off)
  if (to.fraction_bits == 23) return x;
  const uint32_t magnitude = float_bits(x) & 0x7fffffff, sign = float_bits(x) & 0x80000000;
  const uint32_t least = (uint32_t)(to.least_exponent + 127) << 23;
  const uint32_t exponent = magnitude & 0x7f800000;
  // 2^e, or 1 where the step never changes.
  const float binade =
      to.integer ? 1 : bits_float(exponent > least ? exponent : least);
  float r;
  if (rounding == ATTN_ROUND_EVEN) {
    const float steps = binade * (1.5f * (float)(1 << (23 - to.fraction_bits)));
    r = (bits_float(magnitude) + steps) - steps;
  } else {
    const float step = binade * (1.0f / (float)(1 << to.fraction_bits));
    const float count = bits_float(magnitude) / step, whole = __builtin_truncf(count);
    r = (whole + (count - whole >= 0.5f ? 1.0f : 0.0f)) * step;
  }
  r = r > to.largest ? to.largest : r;
  return bits_float(float_bits(r) | sign);
}

/// Calls STATEMENT with `to` and `rule` as compile-time constants.
#define FOR_NUMBER(number, rounding, STATEMENT)                                  \
  switch (number) {                                                             \
    FOR_ROUNDING(ATTN_NUMBER_F32, rounding, STATEMENT)                           \
    FOR_ROUNDING(ATTN_NUMBER_BF16, rounding, STATEMENT)                          \
    FOR_ROUNDING(ATTN_NUMBER_F16, rounding, STATEMENT)                           \
    FOR_ROUNDING(ATTN_NUMBER_E5M2, rounding, STATEMENT)                          \
    FOR_ROUNDING(ATTN_NUMBER_E4M3, rounding, STATEMENT)                          \
    FOR_ROUNDING(ATTN_NUMBER_E2M1, rounding, STATEMENT)                          \
    FOR_ROUNDING(ATTN_NUMBER_INT8, rounding, STATEMENT)                          \
    FOR_ROUNDING(ATTN_NUMBER_INT4, rounding, STATEMENT)                          \
  }

#define FOR_ROUNDING(which, rounding, STATEMENT)       \
  case which: {                                        \
    const number_t to = number_of(which);              \
    if ((rounding) == ATTN_ROUND_EVEN) {               \
      const attn_rounding_t rule = ATTN_ROUND_EVEN;    \
      STATEMENT                                        \
    } else {                                           \
      const attn_rounding_t rule = ATTN_ROUND_AWAY;    \
      STATEMENT                                        \
    }                                                  \
  } break;

static void round_row(attn_number_t number, attn_rounding_t rounding, const float *restrict x,
                      int32_t count, float factor, float *restrict y) {
  FOR_NUMBER(number, rounding, {
    for (int32_t i = 0; i < count; i++) y[i] = round_number(to, rule, x[i] * factor);
  })
}

static void round_columns(attn_number_t number, attn_rounding_t rounding, const float *restrict x,
                          int32_t count, const float *restrict factors, float *restrict y) {
  FOR_NUMBER(number, rounding, {
    for (int32_t i = 0; i < count; i++) y[i] = round_number(to, rule, x[i] * factors[i]);
  })
}

static float largest(const float *x, int32_t count, float start) {
  // Bit patterns of magnitudes order as the magnitudes do.
  uint32_t most = float_bits(start) & 0x7fffffff;
  for (int32_t i = 0; i < count; i++) {
    const uint32_t bits = float_bits(x[i]) & 0x7fffffff;
    most = bits > most ? bits : most;
  }
  return bits_float(most);
}

static void raise_columns(const float *restrict x, int32_t count, float *restrict most) {
  for (int32_t i = 0; i < count; i++) {
    const float magnitude = bits_float(float_bits(x[i]) & 0x7fffffff);
    most[i] = magnitude > most[i] ? magnitude : most[i];
  }
}

INLINE int32_t micro_length(const attn_micro_t micro) {
  return micro == ATTN_MICRO_NVFP4 ? 16 : 32;
}

/// The scale of a block whose largest magnitude is `most`.
INLINE float micro_scale(const attn_micro_t micro, float most) {
  if (micro == ATTN_MICRO_NVFP4)
    return round_number(number_of(ATTN_NUMBER_E4M3), ATTN_ROUND_EVEN, most / 6.0f);
  const uint32_t exponent = float_bits(most) & 0x7f800000;
  return bits_float(exponent - (2u << 23));
}

INLINE float micro_number(const attn_rounding_t rounding, float x, float scale) {
  return scale > 0
             ? round_number(number_of(ATTN_NUMBER_E2M1), rounding, x / scale) * scale
             : 0;
}

static void micro_row(attn_micro_t micro, attn_rounding_t rounding, const float *restrict x,
                      int32_t count, float *restrict y) {
  const int32_t length = micro_length(micro);
  for (int32_t first = 0; first < count; first += length) {
    const int32_t end = first + length < count ? first + length : count;
    const float most = largest(x + first, end - first, 0);
    const float scale = most < SMALLEST_GROUP ? 0 : micro_scale(micro, most);
    for (int32_t i = first; i < end; i++) y[i] = micro_number(rounding, x[i], scale);
  }
}

static void micro_columns(attn_micro_t micro, attn_rounding_t rounding, const float *x,
                          ptrdiff_t stride, int32_t rows, int32_t width, float *y,
                          ptrdiff_t y_stride) {
  enum { PANEL = 64 };
  const int32_t length = micro_length(micro);
  for (int32_t first = 0; first < rows; first += length) {
    const int32_t end = first + length < rows ? first + length : rows;
    for (int32_t column = 0; column < width; column += PANEL) {
      const int32_t count = width - column < PANEL ? width - column : PANEL;
      float scales[PANEL] = {0};
      for (int32_t row = first; row < end; row++)
        raise_columns(x + row * stride + column, count, scales);
      for (int32_t c = 0; c < count; c++)
        scales[c] = scales[c] < SMALLEST_GROUP ? 0 : micro_scale(micro, scales[c]);
      for (int32_t row = first; row < end; row++)
        for (int32_t c = 0; c < count; c++)
          y[row * y_stride + column + c] =
              micro_number(rounding, x[row * stride + column + c], scales[c]);
    }
  }
}

static float asymmetric_row(int32_t bits, attn_rounding_t rounding, const float *x, int32_t count,
                            float *lo, float *y) {
#pragma clang fp contract(off)
  float least = x[0], most = x[0];
  for (int32_t i = 1; i < count; i++) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  const float levels = (float)((1 << bits) - 1), scale = (most - least) / levels;
  *lo = least;
  for (int32_t i = 0; i < count; i++) {
    const float exact = scale < SMALLEST_GROUP ? 0 : (x[i] - least) / scale;
    const float code = rounding == ATTN_ROUND_EVEN ? (exact + 0x1.8p23f) - 0x1.8p23f
                                                   : __builtin_roundf(exact);
    y[i] = code > levels ? levels : code;
  }
  return scale < SMALLEST_GROUP ? 0 : scale;
}

/// Butterflies without products; the factor 1 / sqrt(block) follows at once.
static void rotate_row(float *restrict x, const float *restrict signs, int32_t width,
                       int32_t block) {
#pragma clang fp contract(off)
  const float unit = 1.0f / sqrtf((float)block);
  for (int32_t i = 0; i < width; i++) x[i] *= signs[i];
  for (int32_t half = 1; half < block; half *= 2) {
    for (int32_t first = 0; first < width; first += 2 * half) {
      for (int32_t i = first; i < first + half; i++) {
        const float a = x[i], b = x[i + half];
        x[i] = a + b;
        x[i + half] = a - b;
      }
    }
  }
  for (int32_t i = 0; i < width; i++) x[i] *= unit;
}

/// Bytes of a row of codes, whole 32-bit words.
INLINE int32_t code_bytes(int32_t count) { return (count + 3) / 4 * 4; }

static size_t row_bytes(attn_keys_t keys, int32_t count) {
  const size_t bytes = (size_t)code_bytes(count);
  return keys == ATTN_KEYS_F32 ? (size_t)count * 4 : keys == ATTN_KEYS_INT8 ? bytes : bytes / 2;
}

/// Nibbles hold codes + 8: the low ones the first half of the row, the high ones the second.
static int32_t pack_row(attn_keys_t keys, const float *codes, int32_t count, void *packed) {
  int32_t sum = 0;
  const int32_t bytes = code_bytes(count), half = bytes / 2;
  uint8_t *out = packed;
  if (keys == ATTN_KEYS_F32) {
    memcpy(packed, codes, (size_t)count * 4);
    return 0;
  }
  for (int32_t i = 0; i < count; i++) sum += (int32_t)codes[i];
  if (keys == ATTN_KEYS_INT8) {
    for (int32_t i = 0; i < bytes; i++)
      out[i] = (uint8_t)(int8_t)(i < count ? (int32_t)codes[i] : 0);
  } else {
    for (int32_t i = 0; i < half; i++) {
      const int32_t low = i < count ? (int32_t)codes[i] : 0;
      const int32_t high = half + i < count ? (int32_t)codes[half + i] : 0;
      out[i] = (uint8_t)((low + 8) | (high + 8) << 4);
    }
  }
  return -128 * sum;
}

#endif
