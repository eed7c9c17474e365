// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "attn_threads.h"

#include <sched.h>

// The mask with which the process began: threads inherit a narrower one from a pinned creator.
static cpu_set_t allowed;

__attribute__((constructor)) static void remember_affinity(void) {
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) CPU_ZERO(&allowed);
}

int attn_pin_thread(int index) {
  int count = CPU_COUNT(&allowed);
  if (count == 0) return -1;
  int wanted = index % count;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    if (wanted-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0 ? cpu : -1;
  }
  return -1;
}
