// SPDX-License-Identifier: MIT
#ifndef ATTN_TYPES_H
#define ATTN_TYPES_H

#include <stddef.h>
#include <stdint.h>

/// Instruction sets for which a kernel table exists, weakest first.
typedef enum {
  ATTN_ISA_SCALAR = 0,
  ATTN_ISA_AVX2 = 1,
  ATTN_ISA_AVX512 = 2,
  ATTN_ISA_AVX512_VNNI = 3,
  ATTN_ISA_AVX512_BF16 = 4,
} attn_isa_t;

/// Keys `first_key`, `first_key + step`, ... that one strip of queries visits together.
///
/// `mask` is the index of the first of `count` lane masks in the schedule's mask words (bit i of a
/// word: lane i sees this key), or -1 when every lane sees every key of the run.
typedef struct {
  int32_t first_key;
  int32_t count;
  int32_t step;
  int32_t mask;
} attn_run_t;

/// What a kernel did, added up at the visit site: once per tile, never per element.
typedef struct {
  uint64_t tiles_full;     ///< key tiles visited without mask work
  uint64_t tiles_partial;  ///< key tiles visited with a mask
  uint64_t pairs;          ///< query-key pairs evaluated (valid lanes x keys)
  uint64_t exponentials;   ///< exponentials evaluated for those pairs
  uint64_t rescales;       ///< times an accumulator was rescaled (depends on the data)
} attn_counts_t;

#endif
