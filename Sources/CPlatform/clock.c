// SPDX-License-Identifier: MIT

#include "cplatform.h"

#include <time.h>

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec now;
  if (clock_gettime(clock, &now) != 0) {
    return 0;
  }
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t cplatform_monotonic_raw_ns(void) { return nanoseconds(CLOCK_MONOTONIC_RAW); }

uint64_t cplatform_thread_cpu_ns(void) { return nanoseconds(CLOCK_THREAD_CPUTIME_ID); }

void cplatform_consume(const void *pointer) { __asm__ volatile("" : : "r"(pointer) : "memory"); }
