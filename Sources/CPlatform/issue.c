// SPDX-License-Identifier: MIT

#include "cplatform.h"

// Additions and no-operations that wait for nothing: as many begin per cycle as the core can begin.
// They stay in the cache of decoded instructions and use neither vectors nor memory.
#define ISSUE_GROUPS 64
#define ISSUE_GROUP 6
#define CHAIN_STEPS 64

#if defined(__x86_64__)

uint64_t cplatform_issue_run(uint64_t iterations) {
  uint64_t left = iterations;
  if (left == 0) {
    return 0;
  }
  __asm__ volatile(
      "1:\n\t"
      ".rept 64\n\t"
      "nop\n\tnop\n\tnop\n\tadd $1, %%rax\n\tadd $1, %%rcx\n\tnop\n\t"
      ".endr\n\t"
      "dec %0\n\t"
      "jnz 1b\n\t"
      : "+r"(left)
      :
      : "rax", "rcx", "cc");
  return iterations * ISSUE_GROUPS * ISSUE_GROUP;
}

uint64_t cplatform_chain_run(uint64_t iterations) {
  uint64_t left = iterations;
  if (left == 0) {
    return 0;
  }
  __asm__ volatile(
      "1:\n\t"
      ".rept 64\n\t"
      "imul %%rax, %%rax\n\t"
      ".endr\n\t"
      "dec %0\n\t"
      "jnz 1b\n\t"
      : "+r"(left)
      :
      : "rax", "cc");
  return iterations * CHAIN_STEPS;
}

#else

uint64_t cplatform_issue_run(uint64_t iterations) {
  (void)iterations;
  return 0;
}

uint64_t cplatform_chain_run(uint64_t iterations) {
  (void)iterations;
  return 0;
}

#endif
