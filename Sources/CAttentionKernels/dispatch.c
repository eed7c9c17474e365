// SPDX-License-Identifier: MIT
#include "attention_kernels.h"

#include <stdbool.h>

static const attn_kernel_table_t tables[] = {
    {ATTN_ISA_SCALAR, "scalar", &attn_tiled_scalar, &attn_lowbit_scalar, &attn_scan_scalar,
     &attn_select_scalar, &attn_rows_scalar, &attn_diagonal_scalar,
     &attn_decode_scalar, NULL, &attn_quantised_scalar, &attn_features_scalar,
     &attn_convolve_scalar},
#if defined(__x86_64__)
    {ATTN_ISA_AVX2, "avx2", &attn_tiled_avx2, &attn_lowbit_avx2, &attn_scan_avx2,
     &attn_select_avx2, &attn_rows_avx2, &attn_diagonal_avx2,
     &attn_decode_avx2, &attn_window_avx2, &attn_quantised_avx2, &attn_features_avx2,
     &attn_convolve_avx2},
    {ATTN_ISA_AVX512, "avx512", &attn_tiled_avx512, &attn_lowbit_avx512, &attn_scan_avx512,
     &attn_select_avx512, &attn_rows_avx512, &attn_diagonal_avx512,
     &attn_decode_avx512, &attn_window_avx512, &attn_quantised_avx512, &attn_features_avx512,
     &attn_convolve_avx512},
    {ATTN_ISA_AVX512_VNNI, "avx512_vnni", &attn_tiled_avx512, &attn_lowbit_avx512_vnni,
     &attn_scan_avx512, &attn_select_avx512, &attn_rows_avx512, &attn_diagonal_avx512,
     &attn_decode_avx512_vnni, &attn_window_avx512, &attn_quantised_avx512_vnni,
     &attn_features_avx512, &attn_convolve_avx512},
    {ATTN_ISA_AVX512_BF16, "avx512_bf16", &attn_tiled_avx512, &attn_lowbit_avx512_bf16,
     &attn_scan_avx512, &attn_select_avx512, &attn_rows_avx512, &attn_diagonal_avx512,
     &attn_decode_avx512_bf16, &attn_window_avx512, &attn_quantised_avx512_vnni,
     &attn_features_avx512, &attn_convolve_avx512},
#endif
};

static bool cpu_has(attn_isa_t isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  switch (isa) {
    case ATTN_ISA_SCALAR: return true;
    case ATTN_ISA_AVX2: return avx2;
    case ATTN_ISA_AVX512: return avx512;
    case ATTN_ISA_AVX512_VNNI: return avx512 && __builtin_cpu_supports("avx512vnni");
    case ATTN_ISA_AVX512_BF16:
      return avx512 && __builtin_cpu_supports("avx512vnni") &&
             __builtin_cpu_supports("avx512bf16");
  }
  return false;
#else
  return isa == ATTN_ISA_SCALAR;
#endif
}

const attn_kernel_table_t *attn_kernel_table(attn_isa_t isa) {
  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    if (tables[i].isa == isa) return cpu_has(isa) ? &tables[i] : NULL;
  }
  return NULL;
}
