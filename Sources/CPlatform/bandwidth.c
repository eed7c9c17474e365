// SPDX-License-Identifier: MIT

#include "cplatform.h"

#include <string.h>

// Bytes of one step of every loop: 8 vectors of 64 bytes.
enum { STEP = 512 };

static uint64_t read_words(const void *buffer, size_t bytes, uint64_t passes) {
  uint64_t lanes[8] = {0};
  for (uint64_t pass = 0; pass < passes; pass++) {
    cplatform_consume(buffer);
    const uint64_t *words = buffer;
    for (size_t i = 0; i < bytes / 8; i += 8) {
      for (int j = 0; j < 8; j++) {
        lanes[j] ^= words[i + (size_t)j];
      }
    }
  }
  uint64_t folded = 0;
  for (int j = 0; j < 8; j++) {
    folded ^= lanes[j];
  }
  return folded;
}

static void copy_words(void *target, const void *source, size_t bytes, uint64_t passes) {
  for (uint64_t pass = 0; pass < passes; pass++) {
    cplatform_consume(source);
    memcpy(target, source, bytes);
    cplatform_consume(target);
  }
}

#if defined(__x86_64__)

#include <immintrin.h>

static uint64_t fold(const void *lanes, size_t bytes) {
  uint64_t folded = 0;
  for (size_t i = 0; i < bytes / 8; i++) {
    folded ^= ((const uint64_t *)lanes)[i];
  }
  return folded;
}

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)

static uint64_t read_avx2(const void *buffer, size_t bytes, uint64_t passes) {
  __m256i lanes[8];
  for (int j = 0; j < 8; j++) {
    lanes[j] = _mm256_setzero_si256();
  }
  for (uint64_t pass = 0; pass < passes; pass++) {
    cplatform_consume(buffer);
    const __m256i *vectors = buffer;
    for (size_t i = 0; i < bytes / 32; i += 8) {
      for (size_t j = 0; j < 8; j++) {
        lanes[j] = _mm256_xor_si256(lanes[j], _mm256_load_si256(vectors + i + j));
      }
    }
  }
  return fold(lanes, sizeof lanes);
}

static void copy_avx2(void *target, const void *source, size_t bytes, uint64_t passes) {
  for (uint64_t pass = 0; pass < passes; pass++) {
    cplatform_consume(source);
    __m256i *to = target;
    const __m256i *from = source;
    for (size_t i = 0; i < bytes / 32; i += 4) {
      __m256i held[4];
      for (size_t j = 0; j < 4; j++) {
        held[j] = _mm256_load_si256(from + i + j);
      }
      for (size_t j = 0; j < 4; j++) {
        _mm256_store_si256(to + i + j, held[j]);
      }
    }
    cplatform_consume(target);
  }
}

#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)

static uint64_t read_avx512(const void *buffer, size_t bytes, uint64_t passes) {
  __m512i lanes[8];
  for (int j = 0; j < 8; j++) {
    lanes[j] = _mm512_setzero_si512();
  }
  for (uint64_t pass = 0; pass < passes; pass++) {
    cplatform_consume(buffer);
    const __m512i *vectors = buffer;
    for (size_t i = 0; i < bytes / 64; i += 8) {
      for (size_t j = 0; j < 8; j++) {
        lanes[j] = _mm512_xor_si512(lanes[j], _mm512_load_si512(vectors + i + j));
      }
    }
  }
  return fold(lanes, sizeof lanes);
}

static void copy_avx512(void *target, const void *source, size_t bytes, uint64_t passes) {
  for (uint64_t pass = 0; pass < passes; pass++) {
    cplatform_consume(source);
    __m512i *to = target;
    const __m512i *from = source;
    for (size_t i = 0; i < bytes / 64; i += 4) {
      __m512i held[4];
      for (size_t j = 0; j < 4; j++) {
        held[j] = _mm512_load_si512(from + i + j);
      }
      for (size_t j = 0; j < 4; j++) {
        _mm512_store_si512(to + i + j, held[j]);
      }
    }
    cplatform_consume(target);
  }
}

#pragma clang attribute pop

#endif

uint64_t cplatform_read_passes(cplatform_width_t width, const void *buffer, size_t bytes,
                               uint64_t passes) {
  const size_t whole = bytes / STEP * STEP;
#if defined(__x86_64__)
  if (width == CPLATFORM_WIDTH_64) {
    return read_avx512(buffer, whole, passes);
  }
  if (width == CPLATFORM_WIDTH_32) {
    return read_avx2(buffer, whole, passes);
  }
#endif
  (void)width;
  return read_words(buffer, whole, passes);
}

void cplatform_copy_passes(cplatform_width_t width, void *target, const void *source, size_t bytes,
                           uint64_t passes) {
  const size_t whole = bytes / STEP * STEP;
#if defined(__x86_64__)
  if (width == CPLATFORM_WIDTH_64) {
    copy_avx512(target, source, whole, passes);
    return;
  }
  if (width == CPLATFORM_WIDTH_32) {
    copy_avx2(target, source, whole, passes);
    return;
  }
#endif
  (void)width;
  copy_words(target, source, whole, passes);
}
