// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "cplatform.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t read_miss(uint64_t cache) {
  return cache | ((uint64_t)PERF_COUNT_HW_CACHE_OP_READ << 8) |
         ((uint64_t)PERF_COUNT_HW_CACHE_RESULT_MISS << 16);
}

static bool describe(cplatform_perf_event_t event, uint32_t *type, uint64_t *config) {
  const struct {
    cplatform_perf_event_t event;
    uint32_t type;
    uint64_t config;
  } table[] = {
      {CPLATFORM_PERF_TASK_CLOCK, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK},
      {CPLATFORM_PERF_PAGE_FAULTS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS},
      {CPLATFORM_PERF_CONTEXT_SWITCHES, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES},
      {CPLATFORM_PERF_CPU_MIGRATIONS, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS},
      {CPLATFORM_PERF_CYCLES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
      {CPLATFORM_PERF_INSTRUCTIONS, PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
      {CPLATFORM_PERF_CACHE_REFERENCES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
      {CPLATFORM_PERF_CACHE_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
      {CPLATFORM_PERF_BRANCH_MISSES, PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
      {CPLATFORM_PERF_L1_DATA_READ_MISSES, PERF_TYPE_HW_CACHE, read_miss(PERF_COUNT_HW_CACHE_L1D)},
      {CPLATFORM_PERF_DATA_TLB_READ_MISSES, PERF_TYPE_HW_CACHE,
       read_miss(PERF_COUNT_HW_CACHE_DTLB)},
  };
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    if (table[i].event == event) {
      *type = table[i].type;
      *config = table[i].config;
      return true;
    }
  }
  return false;
}

int cplatform_perf_open(cplatform_perf_event_t event, int thread_id) {
  struct perf_event_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.size = sizeof attributes;
  uint32_t type;
  uint64_t config;
  if (!describe(event, &type, &config)) {
    return -EINVAL;
  }
  attributes.type = type;
  attributes.config = config;
  attributes.disabled = 1;
  attributes.exclude_hv = 1;
  attributes.exclude_kernel =
      event != CPLATFORM_PERF_CONTEXT_SWITCHES && event != CPLATFORM_PERF_CPU_MIGRATIONS;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  const long descriptor =
      syscall(SYS_perf_event_open, &attributes, thread_id, -1, -1, PERF_FLAG_FD_CLOEXEC);
  return descriptor >= 0 ? (int)descriptor : -errno;
}

int cplatform_perf_start(int descriptor) {
  if (ioctl(descriptor, PERF_EVENT_IOC_RESET, 0) != 0 ||
      ioctl(descriptor, PERF_EVENT_IOC_ENABLE, 0) != 0) {
    return -errno;
  }
  return 0;
}

int cplatform_perf_stop(int descriptor) {
  return ioctl(descriptor, PERF_EVENT_IOC_DISABLE, 0) == 0 ? 0 : -errno;
}

int cplatform_perf_read(int descriptor, cplatform_perf_count_t *count) {
  uint64_t words[3];
  const ssize_t got = read(descriptor, words, sizeof words);
  if (got != (ssize_t)sizeof words) {
    return got < 0 ? -errno : -EIO;
  }
  *count = (cplatform_perf_count_t){words[0], words[1], words[2]};
  return 0;
}

void cplatform_perf_close(int descriptor) { close(descriptor); }
