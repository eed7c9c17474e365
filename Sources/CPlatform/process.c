// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "cplatform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <unistd.h>

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
      .minor_faults = (uint64_t)raw.ru_minflt,
      .major_faults = (uint64_t)raw.ru_majflt,
      .voluntary_switches = (uint64_t)raw.ru_nvcsw,
      .involuntary_switches = (uint64_t)raw.ru_nivcsw,
  };
  return 0;
}

int cplatform_peak_resident(uint64_t *bytes) {
  // Not ru_maxrss: it begins at the resident set of whoever started the program.
  char text[8192];
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return -errno;
  }
  const ssize_t length = read(file, text, sizeof text - 1);
  const int error = errno;
  close(file);
  if (length < 0) {
    return -error;
  }
  text[length] = 0;
  const char *line = strstr(text, "\nVmHWM:");
  if (line == NULL) {
    return -ENODATA;
  }
  // The file gives KiB.
  *bytes = strtoull(line + 7, NULL, 10) * 1024u;
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
