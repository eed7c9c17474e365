// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "cplatform.h"

#include <errno.h>
#include <sched.h>

int cplatform_get_affinity(int *cpus, int capacity) {
  // 8192 is the largest CONFIG_NR_CPUS; cpu_set_t alone stops at 1024.
  enum { LARGEST = 8192 };
  cpu_set_t *set = CPU_ALLOC(LARGEST);
  if (set == NULL) {
    return -ENOMEM;
  }
  const size_t size = CPU_ALLOC_SIZE(LARGEST);
  CPU_ZERO_S(size, set);
  if (sched_getaffinity(0, size, set) != 0) {
    const int code = errno;
    CPU_FREE(set);
    return -code;
  }
  int found = 0;
  for (int cpu = 0; cpu < LARGEST; cpu++) {
    if (CPU_ISSET_S((size_t)cpu, size, set)) {
      if (found < capacity) {
        cpus[found] = cpu;
      }
      found++;
    }
  }
  CPU_FREE(set);
  return found;
}

int cplatform_set_affinity(const int *cpus, int count) {
  int largest = 0;
  for (int i = 0; i < count; i++) {
    if (cpus[i] < 0) {
      return -EINVAL;
    }
    largest = cpus[i] > largest ? cpus[i] : largest;
  }
  cpu_set_t *set = CPU_ALLOC((size_t)largest + 1);
  if (set == NULL) {
    return -ENOMEM;
  }
  const size_t size = CPU_ALLOC_SIZE((size_t)largest + 1);
  CPU_ZERO_S(size, set);
  for (int i = 0; i < count; i++) {
    CPU_SET_S((size_t)cpus[i], size, set);
  }
  const int code = sched_setaffinity(0, size, set) == 0 ? 0 : errno;
  CPU_FREE(set);
  return -code;
}

int cplatform_current_cpu(void) {
  const int cpu = sched_getcpu();
  return cpu >= 0 ? cpu : -errno;
}
