// SPDX-License-Identifier: MIT

#ifndef CPLATFORM_H
#define CPLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Clocks ------------------------------------------------------------------

/// Nanoseconds of CLOCK_MONOTONIC_RAW, which no time daemon bends.
uint64_t cplatform_monotonic_raw_ns(void);

/// CPU time of the calling thread in nanoseconds.
uint64_t cplatform_thread_cpu_ns(void);

/// Makes the compiler assume that the bytes behind `pointer` are read and written here.
void cplatform_consume(const void *pointer);

// Processors --------------------------------------------------------------

/// Writes the CPUs that the calling thread may use and returns how many there are.
///
/// At most `capacity` numbers are written, ascending. Returns -errno on failure.
int cplatform_get_affinity(int *cpus, int capacity);

/// Restricts the calling thread to `cpus`; returns 0 or -errno.
int cplatform_set_affinity(const int *cpus, int count);

/// Number of the CPU that the caller runs on, or -errno.
int cplatform_current_cpu(void);

typedef enum {
  CPLATFORM_FEATURE_AVX2 = 1 << 0,
  CPLATFORM_FEATURE_FMA = 1 << 1,
  CPLATFORM_FEATURE_AVX512F = 1 << 2,
  CPLATFORM_FEATURE_AVX512BW = 1 << 3,
  CPLATFORM_FEATURE_AVX512VL = 1 << 4,
  CPLATFORM_FEATURE_AVX512DQ = 1 << 5,
  CPLATFORM_FEATURE_AVX512_VNNI = 1 << 6,
  CPLATFORM_FEATURE_AVX512_BF16 = 1 << 7,
  CPLATFORM_FEATURE_AVX_VNNI = 1 << 8,
  CPLATFORM_FEATURE_AMX_TILE = 1 << 9,
  CPLATFORM_FEATURE_AMX_INT8 = 1 << 10,
  CPLATFORM_FEATURE_AMX_BF16 = 1 << 11,
  CPLATFORM_FEATURE_HYPERVISOR = 1 << 12
} cplatform_feature_t;

/// What CPUID says about the processor.
///
/// A feature is set only if the CPU has it and the operating system saves its registers. A cache
/// size of 0 means that CPUID does not tell it.
typedef struct {
  uint32_t family;
  uint32_t model;
  uint32_t stepping;
  uint32_t features;
  uint64_t l1_data_bytes;
  uint64_t l2_bytes;
  uint64_t l3_bytes;
} cplatform_cpu_t;

/// Identity of the CPU; all zero where there is no CPUID instruction.
///
/// Each CPUID leaf traps in a virtual machine (microseconds), so ask once.
cplatform_cpu_t cplatform_cpu(void);

/// Writes the 12-letter vendor name, or an empty text; `capacity` should be at least 13.
void cplatform_cpu_vendor(char *text, size_t capacity);

/// Writes the brand string as CPUID gives it, or an empty text; `capacity` should be at least 49.
void cplatform_cpu_brand(char *text, size_t capacity);

/// Writes the hypervisor's vendor name, or an empty text on bare metal.
void cplatform_hypervisor_vendor(char *text, size_t capacity);

// Kernel event counters ---------------------------------------------------

typedef enum {
  CPLATFORM_PERF_TASK_CLOCK,
  CPLATFORM_PERF_PAGE_FAULTS,
  CPLATFORM_PERF_CONTEXT_SWITCHES,
  CPLATFORM_PERF_CPU_MIGRATIONS,
  CPLATFORM_PERF_CYCLES,
  CPLATFORM_PERF_INSTRUCTIONS,
  CPLATFORM_PERF_CACHE_REFERENCES,
  CPLATFORM_PERF_CACHE_MISSES,
  CPLATFORM_PERF_BRANCH_MISSES,
  CPLATFORM_PERF_L1_DATA_READ_MISSES,
  CPLATFORM_PERF_DATA_TLB_READ_MISSES
} cplatform_perf_event_t;

/// Opens a stopped counter of `event` for thread `thread_id` (0: the caller).
///
/// Task clock, page faults and hardware events count user mode only, so that they need no
/// privilege beyond `perf_event_paranoid` 2. Context switches and migrations happen inside the
/// kernel and need it opened. Returns a descriptor or -errno.
int cplatform_perf_open(cplatform_perf_event_t event, int thread_id);

/// Sets the counter to zero and starts it; returns 0 or -errno.
int cplatform_perf_start(int descriptor);

/// Stops the counter; returns 0 or -errno.
int cplatform_perf_stop(int descriptor);

/// A counter's value with the nanoseconds it was enabled and really counting.
typedef struct {
  uint64_t value;
  uint64_t enabled_ns;
  uint64_t running_ns;
} cplatform_perf_count_t;

/// Reads the counter; returns 0 or -errno.
int cplatform_perf_read(int descriptor, cplatform_perf_count_t *count);

/// Closes the descriptor.
void cplatform_perf_close(int descriptor);

/// Resource usage of the process since it began.
typedef struct {
  uint64_t user_ns;
  uint64_t system_ns;
  uint64_t minor_faults;
  uint64_t major_faults;
  uint64_t voluntary_switches;
  uint64_t involuntary_switches;
} cplatform_usage_t;

/// Resource usage of all threads of the process; returns 0 or -errno.
int cplatform_process_usage(cplatform_usage_t *usage);

/// Largest resident set of the program since it began; returns 0 or -errno.
int cplatform_peak_resident(uint64_t *bytes);

/// Whether address-space randomisation is switched off for this process: 1, 0 or -errno.
int cplatform_aslr_disabled(void);

// Allocations -------------------------------------------------------------

/// Whether allocations of this process can be counted: with glibc's allocator and no sanitizer.
bool cplatform_counts_allocations(void);

/// Counts allocations of every thread from here on, from zero.
void cplatform_begin_allocation_count(void);

/// Stops counting and returns how often memory was asked for.
uint64_t cplatform_end_allocation_count(void);

// Roof loops --------------------------------------------------------------

/// The loops that measure what a core can do at best.
typedef enum {
  CPLATFORM_ROOF_F32_SCALAR,
  CPLATFORM_ROOF_F32_SSE2,
  CPLATFORM_ROOF_F32_AVX2,
  CPLATFORM_ROOF_F32_AVX512,
  CPLATFORM_ROOF_BF16_AVX512,
  CPLATFORM_ROOF_INT8_AVX2,
  CPLATFORM_ROOF_INT8_AVX_VNNI,
  CPLATFORM_ROOF_INT8_AVX512_VNNI,
  CPLATFORM_ROOF_EXP_SCALAR,
  CPLATFORM_ROOF_EXP_AVX2,
  CPLATFORM_ROOF_EXP_AVX512,
  CPLATFORM_ROOF_COUNT
} cplatform_roof_t;

/// Whether a CPU with these features can run the loop.
bool cplatform_roof_supported(cplatform_roof_t roof, uint32_t features);

/// Runs the loop and returns the operations it did; 0 if it is not compiled for this machine.
///
/// A multiply-add counts as two operations, an exponential as one. `checksum` receives the sum of
/// all accumulators, which is known beforehand (see `cplatform_roof_checksum`). The CPU must
/// support the loop.
uint64_t cplatform_roof_run(cplatform_roof_t roof, uint64_t iterations, double *checksum);

/// The checksum that `cplatform_roof_run` must give.
///
/// Exact for the multiply-add and dot loops up to 2^20 iterations, to 1e-5 relative for the
/// exponentials.
double cplatform_roof_checksum(cplatform_roof_t roof, uint64_t iterations);

/// Runs instructions that wait for nothing, as many per cycle as the core can begin, and returns
/// their number; 0 if the loop is not written for this machine.
uint64_t cplatform_issue_run(uint64_t iterations);

/// Runs multiplications of which each waits for the one before, so that they count cycles, and
/// returns their number; 0 if the loop is not written for this machine.
uint64_t cplatform_chain_run(uint64_t iterations);

/// Vector width of the bandwidth loops, in bytes; the CPU must support it.
typedef enum {
  CPLATFORM_WIDTH_16 = 16,
  CPLATFORM_WIDTH_32 = 32,
  CPLATFORM_WIDTH_64 = 64
} cplatform_width_t;

/// Reads the whole buffer `passes` times and returns the exclusive or of its 64-bit words.
///
/// `buffer` is 64-byte aligned and `bytes` a multiple of 512. An even number of passes gives 0.
uint64_t cplatform_read_passes(cplatform_width_t width, const void *buffer, size_t bytes,
                               uint64_t passes);

/// Copies `bytes` from `source` to `target` `passes` times with ordinary stores.
///
/// Both are 64-byte aligned, do not overlap, and `bytes` is a multiple of 512.
void cplatform_copy_passes(cplatform_width_t width, void *target, const void *source, size_t bytes,
                           uint64_t passes);

/// Maps zeroed memory, with huge pages where the kernel offers them; NULL if there is none.
void *cplatform_map(size_t bytes);

/// Unmaps what `cplatform_map` returned.
void cplatform_unmap(void *memory, size_t bytes);

// Threads -----------------------------------------------------------------

/// When one thread of a parallel run began and ended.
typedef struct {
  uint64_t begin_ns;
  uint64_t end_ns;
  uint64_t cpu_ns;
} cplatform_span_t;

/// Runs `body(context, index)` on `count` new threads, thread i pinned to `cpus[i]`.
///
/// All threads begin together. Returns 0 when all have ended, or -errno if one could not be
/// created or pinned, in which case no body ran.
int cplatform_run_pinned(int count, const int *cpus, void (*body)(void *context, int index),
                         void *context, cplatform_span_t *spans);

#ifdef __cplusplus
}
#endif

#endif
