// SPDX-License-Identifier: MIT
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include "attention_kernels.h"

/// Counts and prints a failure unless `error` is at most `tolerance`.
void check(const char *table, const char *what, double error, double tolerance);

/// Steps of feature maps, columns and convolutions of values.
void features_memory(const attn_kernel_table_t *t);

/// Products with weights by distance, by transforms of blocks.
void convolve_memory(const attn_kernel_table_t *t);

/// Decoding of `queries` queries of `group` heads each, keys in two parts.
void decode(const attn_kernel_table_t *t, attn_decode_format_t format, int32_t queries,
            int32_t group, int32_t keys, int32_t d, int32_t dv);

/// Sliding windows of two query heads on a grid.
void diagonal(const attn_kernel_table_t *t, const int32_t lengths[3], const int32_t windows[3],
              int32_t d, int32_t dv);

/// A short window of scattered rows.
void window(const attn_kernel_table_t *t, int32_t queries, int32_t keys, int32_t d, int32_t dv,
            int biased);

/// Every kernel of the selection table on rows of `width` floats, `count` of them.
void selection(const attn_kernel_table_t *t, int32_t count, int32_t width);

/// Exponentials of one row of `count` scores.
void score_row(const attn_kernel_table_t *t, int32_t count);

/// Linear attention with `map` by a state of all tokens, by another split, and causally.
void scan_maps(const attn_kernel_table_t *t, attn_scan_map_t map, int32_t tokens, int32_t d,
               int32_t features, int32_t dv);

/// Scores, ranks and merges of the selection engine against the scalar table, bit by bit.
void selection_bits(const attn_kernel_table_t *t, const attn_kernel_table_t *scalar);

/// Quantised attention, causal, with scores from codes or numbers.
void quantised(const attn_kernel_table_t *t, attn_keys_t form, attn_weights_t weights,
               attn_sum_t sum, int32_t queries, int32_t keys, int32_t d, int32_t dv);

#endif
