// SPDX-License-Identifier: MIT

#include "roof_loops.h"

#include <stddef.h>

typedef struct {
  double (*run)(uint64_t iterations);
  // Operations of one iteration.
  uint64_t operations;
  // What one iteration adds to the checksum; 0 where the checksum does not grow.
  double growth;
  uint32_t features;
} row_t;

#define AVX512 (CPLATFORM_FEATURE_AVX512F | CPLATFORM_FEATURE_AVX512BW | CPLATFORM_FEATURE_AVX512VL)

// Multiply-adds: chains * lanes * products per lane * 2. Every product is 1 * 1.
static row_t row(cplatform_roof_t roof) {
  const uint64_t chains = ROOF_CHAINS;
  switch (roof) {
  case CPLATFORM_ROOF_F32_SCALAR:
    return (row_t){roof_f32_scalar, chains * 2, ROOF_CHAINS, 0};
  case CPLATFORM_ROOF_EXP_SCALAR:
    return (row_t){roof_exp_scalar, ROOF_EXP_INPUTS, 0, 0};
#if defined(__x86_64__)
  case CPLATFORM_ROOF_F32_SSE2:
    return (row_t){roof_f32_sse2, chains * 8, ROOF_CHAINS * 4, 0};
  case CPLATFORM_ROOF_F32_AVX2:
    return (row_t){roof_f32_avx2, chains * 16, ROOF_CHAINS * 8,
                   CPLATFORM_FEATURE_AVX2 | CPLATFORM_FEATURE_FMA};
  case CPLATFORM_ROOF_F32_AVX512:
    return (row_t){roof_f32_avx512, chains * 32, ROOF_CHAINS * 16, CPLATFORM_FEATURE_AVX512F};
  case CPLATFORM_ROOF_BF16_AVX512:
    return (row_t){roof_bf16_avx512, chains * 64, ROOF_CHAINS * 32,
                   AVX512 | CPLATFORM_FEATURE_AVX512_BF16};
  case CPLATFORM_ROOF_INT8_AVX2:
    return (row_t){roof_int8_avx2, chains * 64, ROOF_CHAINS * 32, CPLATFORM_FEATURE_AVX2};
  case CPLATFORM_ROOF_INT8_AVX_VNNI:
    return (row_t){roof_int8_avx_vnni, chains * 64, ROOF_CHAINS * 32,
                   CPLATFORM_FEATURE_AVX2 | CPLATFORM_FEATURE_AVX_VNNI};
  case CPLATFORM_ROOF_INT8_AVX512_VNNI:
    return (row_t){roof_int8_avx512_vnni, chains * 128, ROOF_CHAINS * 64,
                   AVX512 | CPLATFORM_FEATURE_AVX512_VNNI};
  case CPLATFORM_ROOF_EXP_AVX2:
    return (row_t){roof_exp_avx2, ROOF_EXP_INPUTS, 0,
                   CPLATFORM_FEATURE_AVX2 | CPLATFORM_FEATURE_FMA};
  case CPLATFORM_ROOF_EXP_AVX512:
    return (row_t){roof_exp_avx512, ROOF_EXP_INPUTS, 0, CPLATFORM_FEATURE_AVX512F};
#endif
  default:
    return (row_t){0, 0, 0, 0};
  }
}

bool cplatform_roof_supported(cplatform_roof_t roof, uint32_t features) {
  const row_t entry = row(roof);
  return entry.run != NULL && (entry.features & ~features) == 0;
}

uint64_t cplatform_roof_run(cplatform_roof_t roof, uint64_t iterations, double *checksum) {
  const row_t entry = row(roof);
  if (entry.run == NULL) {
    *checksum = 0;
    return 0;
  }
  *checksum = entry.run(iterations);
  return entry.operations * iterations;
}

double cplatform_roof_checksum(cplatform_roof_t roof, uint64_t iterations) {
  const row_t entry = row(roof);
  if (entry.run == NULL || iterations == 0) {
    return 0;
  }
  if (entry.growth > 0) {
    return entry.growth * (double)iterations;
  }
  // A geometric series: 2^0 + 2^(-1/64) + ... over one pass of inputs.
  const double ratio = 0x1.fa7c1819e90d8p-1; // 2^(-1/64)
  double term = 1, sum = 0;
  for (int i = 0; i < ROOF_EXP_INPUTS; i++) {
    sum += term;
    term *= ratio;
  }
  return sum;
}
