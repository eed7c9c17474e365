// SPDX-License-Identifier: MIT

#include "roof_loops.h"

#include <string.h>

double roof_f32_scalar(uint64_t iterations) {
  float chains[ROOF_CHAINS] = {0};
  float scale = 1.0f, step = 1.0f;
  ROOF_OPAQUE(scale);
  ROOF_OPAQUE(step);
  for (uint64_t n = 0; n < iterations; n++) {
    for (int i = 0; i < ROOF_CHAINS; i++) {
      chains[i] = chains[i] * scale + step;
      // Keeps the compiler from packing neighbours into one vector.
      ROOF_OPAQUE(chains[i]);
    }
  }
  double sum = 0;
  for (int i = 0; i < ROOF_CHAINS; i++) {
    sum += (double)chains[i];
  }
  return sum;
}

static inline float exp2_scalar(float x) {
  float rounded = x + ROOF_EXP_ROUND;
  ROOF_OPAQUE(rounded);
  const float fraction = x - (rounded - ROOF_EXP_ROUND);
  float value = ROOF_EXP_C5;
  value = value * fraction + ROOF_EXP_C4;
  value = value * fraction + ROOF_EXP_C3;
  value = value * fraction + ROOF_EXP_C2;
  value = value * fraction + ROOF_EXP_C1;
  value = value * fraction + ROOF_EXP_C0;
  uint32_t exponent, bits;
  memcpy(&exponent, &rounded, sizeof exponent);
  memcpy(&bits, &value, sizeof bits);
  bits += exponent << 23;
  memcpy(&value, &bits, sizeof value);
  return value;
}

double roof_exp_scalar(uint64_t iterations) {
  float inputs[ROOF_EXP_INPUTS];
  roof_exp_inputs(inputs);
  double result = 0;
  for (uint64_t n = 0; n < iterations; n++) {
    cplatform_consume(inputs);
    float sums[ROOF_EXP_SUMS] = {0};
    for (int i = 0; i < ROOF_EXP_INPUTS; i += ROOF_EXP_SUMS) {
      for (int j = 0; j < ROOF_EXP_SUMS; j++) {
        sums[j] += exp2_scalar(inputs[i + j]);
      }
    }
    result = (double)sums[0] + (double)sums[1] + (double)sums[2] + (double)sums[3];
  }
  return result;
}
