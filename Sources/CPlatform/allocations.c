// SPDX-License-Identifier: MIT

#define _GNU_SOURCE
#include "cplatform.h"

#include <errno.h>
#include <stdatomic.h>

static atomic_bool is_counting;
static atomic_uint_fast64_t allocations;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CPLATFORM_SANITIZED 1
#endif
#endif

// The sanitizers put their own allocator in place, and only glibc names its functions like this.
#if defined(__GLIBC__) && !defined(CPLATFORM_SANITIZED)

bool cplatform_counts_allocations(void) { return true; }

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static void count(void) {
  // One relaxed read when nothing is counted: the cost is below a nanosecond.
  if (atomic_load_explicit(&is_counting, memory_order_relaxed)) {
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
  }
}

// The allocator itself stays glibc's: these only see who comes by.
void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *memory, size_t size) {
  count();
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) {
    return EINVAL;
  }
  count();
  int saved = errno;
  void *made = __libc_memalign(alignment, size);
  errno = saved;
  if (made == NULL) {
    return ENOMEM;
  }
  *memory = made;
  return 0;
}

#else

bool cplatform_counts_allocations(void) { return false; }

#endif

void cplatform_begin_allocation_count(void) {
  atomic_store_explicit(&allocations, 0, memory_order_relaxed);
  atomic_store_explicit(&is_counting, true, memory_order_seq_cst);
}

uint64_t cplatform_end_allocation_count(void) {
  atomic_store_explicit(&is_counting, false, memory_order_seq_cst);
  return atomic_load_explicit(&allocations, memory_order_relaxed);
}
