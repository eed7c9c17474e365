// SPDX-License-Identifier: MIT

#include "cplatform.h"

#include <string.h>

static void copy_text(char *text, size_t capacity, const char *source, size_t length) {
  if (capacity == 0) {
    return;
  }
  const size_t count = length < capacity - 1 ? length : capacity - 1;
  memcpy(text, source, count);
  text[count] = '\0';
}

#if defined(__x86_64__)

#include <cpuid.h>

typedef struct {
  uint32_t eax, ebx, ecx, edx;
} leaf_t;

static leaf_t leaf(uint32_t number, uint32_t subleaf) {
  leaf_t r = {0, 0, 0, 0};
  __get_cpuid_count(number, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

static bool bit(uint32_t value, int position) { return (value >> position) & 1u; }

/// Register states that the operating system saves, from XCR0.
static uint64_t saved_states(leaf_t basic) {
  if (!bit(basic.ecx, 27)) {
    return 0;
  }
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return ((uint64_t)high << 32) | low;
}

static uint32_t features(leaf_t basic) {
  // XCR0: bits 1-2 hold SSE and AVX, 5-7 the AVX-512 registers and masks, 17-18 the AMX tiles.
  const uint64_t states = saved_states(basic);
  const bool avx = (states & 0x6u) == 0x6u;
  const bool avx512 = avx && (states & 0xe0u) == 0xe0u;
  const bool amx = (states & 0x60000u) == 0x60000u;
  const leaf_t extended = leaf(7, 0);
  const leaf_t more = extended.eax >= 1 ? leaf(7, 1) : (leaf_t){0, 0, 0, 0};
  const struct {
    bool present;
    cplatform_feature_t feature;
  } table[] = {
      {avx && bit(extended.ebx, 5), CPLATFORM_FEATURE_AVX2},
      {avx && bit(basic.ecx, 12), CPLATFORM_FEATURE_FMA},
      {avx512 && bit(extended.ebx, 16), CPLATFORM_FEATURE_AVX512F},
      {avx512 && bit(extended.ebx, 30), CPLATFORM_FEATURE_AVX512BW},
      {avx512 && bit(extended.ebx, 31), CPLATFORM_FEATURE_AVX512VL},
      {avx512 && bit(extended.ebx, 17), CPLATFORM_FEATURE_AVX512DQ},
      {avx512 && bit(extended.ecx, 11), CPLATFORM_FEATURE_AVX512_VNNI},
      {avx512 && bit(more.eax, 5), CPLATFORM_FEATURE_AVX512_BF16},
      {avx && bit(more.eax, 4), CPLATFORM_FEATURE_AVX_VNNI},
      {amx && bit(extended.edx, 24), CPLATFORM_FEATURE_AMX_TILE},
      {amx && bit(extended.edx, 25), CPLATFORM_FEATURE_AMX_INT8},
      {amx && bit(extended.edx, 22), CPLATFORM_FEATURE_AMX_BF16},
      {bit(basic.ecx, 31), CPLATFORM_FEATURE_HYPERVISOR},
  };
  uint32_t found = 0;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    found |= table[i].present ? (uint32_t)table[i].feature : 0u;
  }
  return found;
}

/// Fills the cache sizes from a "deterministic cache" leaf: 4 on Intel, 0x8000001d on AMD.
static void caches(uint32_t number, cplatform_cpu_t *cpu) {
  for (uint32_t index = 0; index < 16; index++) {
    const leaf_t entry = leaf(number, index);
    const uint32_t type = entry.eax & 0x1fu;
    if (type == 0) {
      return;
    }
    const uint32_t level = (entry.eax >> 5) & 0x7u;
    const uint64_t line = (entry.ebx & 0xfffu) + 1u;
    const uint64_t partitions = ((entry.ebx >> 12) & 0x3ffu) + 1u;
    const uint64_t ways = ((entry.ebx >> 22) & 0x3ffu) + 1u;
    const uint64_t bytes = line * partitions * ways * ((uint64_t)entry.ecx + 1u);
    const bool holds_data = type == 1 || type == 3;
    if (level == 1 && holds_data) {
      cpu->l1_data_bytes = bytes;
    } else if (level == 2 && holds_data) {
      cpu->l2_bytes = bytes;
    } else if (level == 3 && holds_data) {
      cpu->l3_bytes = bytes;
    }
  }
}

cplatform_cpu_t cplatform_cpu(void) {
  cplatform_cpu_t cpu = {0, 0, 0, 0, 0, 0, 0};
  const leaf_t basic = leaf(1, 0);
  const uint32_t family = (basic.eax >> 8) & 0xfu;
  const uint32_t model = (basic.eax >> 4) & 0xfu;
  // The extended fields count only for these base families (both vendors' manuals).
  cpu.family = family == 0xf ? family + ((basic.eax >> 20) & 0xffu) : family;
  cpu.model = family == 0xf || family == 0x6 ? model | ((basic.eax >> 12) & 0xf0u) : model;
  cpu.stepping = basic.eax & 0xfu;
  cpu.features = features(basic);
  char vendor[13];
  cplatform_cpu_vendor(vendor, sizeof vendor);
  const bool amd = strcmp(vendor, "AuthenticAMD") == 0 || strcmp(vendor, "HygonGenuine") == 0;
  caches(amd ? 0x8000001du : 4u, &cpu);
  return cpu;
}

void cplatform_cpu_vendor(char *text, size_t capacity) {
  const leaf_t first = leaf(0, 0);
  const uint32_t words[3] = {first.ebx, first.edx, first.ecx};
  copy_text(text, capacity, (const char *)words, sizeof words);
}

void cplatform_cpu_brand(char *text, size_t capacity) {
  leaf_t words[3];
  for (uint32_t i = 0; i < 3; i++) {
    words[i] = leaf(0x80000002u + i, 0);
  }
  copy_text(text, capacity, (const char *)words, sizeof words);
}

void cplatform_hypervisor_vendor(char *text, size_t capacity) {
  if (!bit(leaf(1, 0).ecx, 31)) {
    copy_text(text, capacity, "", 0);
    return;
  }
  // The range at 0x40000000 lies outside what __get_cpuid_count checks.
  leaf_t r;
  __cpuid(0x40000000, r.eax, r.ebx, r.ecx, r.edx);
  const uint32_t words[3] = {r.ebx, r.ecx, r.edx};
  copy_text(text, capacity, (const char *)words, sizeof words);
}

#else

cplatform_cpu_t cplatform_cpu(void) { return (cplatform_cpu_t){0, 0, 0, 0, 0, 0, 0}; }
void cplatform_cpu_vendor(char *text, size_t capacity) { copy_text(text, capacity, "", 0); }
void cplatform_cpu_brand(char *text, size_t capacity) { copy_text(text, capacity, "", 0); }
void cplatform_hypervisor_vendor(char *text, size_t capacity) {
  copy_text(text, capacity, "", 0);
}

#endif
