// SPDX-License-Identifier: MIT

#ifndef CPLATFORM_ROOF_LOOPS_H
#define CPLATFORM_ROOF_LOOPS_H

#include "cplatform.h"

// Chains that run side by side. Two pipes with a latency of 4 cycles need 8; 12 leave room for
// scheduling and still fit, with the operands, in the 16 registers of AVX2.
enum { ROOF_CHAINS = 12 };

// Inputs of one pass of the exponential loops: 2 KiB, so they stay in the first cache.
enum { ROOF_EXP_INPUTS = 512, ROOF_EXP_SUMS = 4 };

// Hides a value from the optimiser without emitting an instruction.
#if defined(__x86_64__)
#define ROOF_OPAQUE(value) __asm__ volatile("" : "+x"(value))
#elif defined(__aarch64__)
#define ROOF_OPAQUE(value) __asm__ volatile("" : "+w"(value))
#else
#define ROOF_OPAQUE(value) cplatform_consume(&(value))
#endif

// The minimax polynomial of 2^f on [-1/2, 1/2] in relative error (7.5e-8), by Remez exchange.
#define ROOF_EXP_C0 0x1.000002p+0f
#define ROOF_EXP_C1 0x1.62e428p-1f
#define ROOF_EXP_C2 0x1.ebf918p-3f
#define ROOF_EXP_C3 0x1.c6b6e4p-5f
#define ROOF_EXP_C4 0x1.3d0c52p-7f
#define ROOF_EXP_C5 0x1.5c08e6p-10f

// Adding 1.5 * 2^23 leaves the nearest integer in the low bits of a float.
#define ROOF_EXP_ROUND 0x1.8p+23f

/// Fills the exponents that the loops evaluate: k / 64 below zero, from 0 to -8.
static inline void roof_exp_inputs(float *inputs) {
  for (int i = 0; i < ROOF_EXP_INPUTS; i++) {
    inputs[i] = -(float)i / 64.0f;
  }
}

// Each loop returns its checksum and does the operations that roof.c lists.
double roof_f32_scalar(uint64_t iterations);
double roof_exp_scalar(uint64_t iterations);

#if defined(__x86_64__)
double roof_f32_sse2(uint64_t iterations);
double roof_f32_avx2(uint64_t iterations);
double roof_f32_avx512(uint64_t iterations);
double roof_bf16_avx512(uint64_t iterations);
double roof_int8_avx2(uint64_t iterations);
double roof_int8_avx_vnni(uint64_t iterations);
double roof_int8_avx512_vnni(uint64_t iterations);
double roof_exp_avx2(uint64_t iterations);
double roof_exp_avx512(uint64_t iterations);
#endif

#endif
