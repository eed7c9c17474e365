// SPDX-License-Identifier: MIT
#include <math.h>

#include "attn_rows.h"

static float exponentiate(float *scores, int64_t count) {
  float maximum = scores[0];
  for (int64_t i = 1; i < count; i++) maximum = fmaxf(maximum, scores[i]);
  float sum = 0;
  for (int64_t i = 0; i < count; i++) {
    scores[i] = exp2f(fmaxf(scores[i] - maximum, -126));
    sum += scores[i];
  }
  return sum;
}

const attn_rows_kernels_t attn_rows_scalar = {exponentiate};
