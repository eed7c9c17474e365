// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "cplatform.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>

static uint64_t nanoseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

int cplatform_process_usage(cplatform_usage_t *usage) {
  struct rusage raw;
  if (getrusage(RUSAGE_SELF, &raw) != 0) {
    return -errno;
  }
  *usage = (cplatform_usage_t){
      .user_ns = nanoseconds(raw.ru_utime),
      .system_ns = nanoseconds(raw.ru_stime),
      // Linux reports KiB.
      .peak_resident_bytes = (uint64_t)raw.ru_maxrss * 1024u,
      .minor_faults = (uint64_t)raw.ru_minflt,
      .major_faults = (uint64_t)raw.ru_majflt,
      .voluntary_switches = (uint64_t)raw.ru_nvcsw,
      .involuntary_switches = (uint64_t)raw.ru_nivcsw,
  };
  return 0;
}

int cplatform_aslr_disabled(void) {
  // 0xffffffff asks without changing.
  const int flags = personality(0xffffffffu);
  if (flags < 0) {
    return -errno;
  }
  return (flags & ADDR_NO_RANDOMIZE) != 0 ? 1 : 0;
}

void *cplatform_map(size_t bytes) {
  void *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return NULL;
  }
  // Only a wish: without huge pages the loops measure the same, with more TLB misses.
  (void)madvise(memory, bytes, MADV_HUGEPAGE);
  return memory;
}

void cplatform_unmap(void *memory, size_t bytes) {
  if (memory != NULL) {
    munmap(memory, bytes);
  }
}
