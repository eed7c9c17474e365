// SPDX-License-Identifier: MIT
#ifndef ATTN_CONVOLVE_H
#define ATTN_CONVOLVE_H

#include "attn_types.h"

/// Toeplitz products along the tokens, 16 channels in the lanes of a vector.
///
/// The sequence is cut into `blocks` blocks of `block` = 64 `part` tokens, a power of two. A block x of
/// real rows has the spectrum X_k = sum over t of x_t e^(-2 pi i t (k + 1/4) / block): polynomials
/// modulo z^block + i, whose product holds what does not wrap around in its real part. A Toeplitz block
/// with the rows c_(t-u), t - u in -block ..< block, is a product with the spectrum of
/// c_t + i c_(t-block), and of its inverse only the real part is taken.
///
/// Spectra stand in an order of their own, [64 groups][part] complex rows; a complex row is 16 real
/// parts and 16 imaginary parts, and a group has a row more to stay off powers of two.
typedef struct {
  int32_t part;        ///< rows of a group: 1, 2, 4, ...
  int32_t blocks;      ///< at most ATTN_CONVOLVE_BLOCKS
  const float *turns;  ///< by attn_convolve_turns
} attn_convolve_t;

enum { ATTN_CONVOLVE_GROUPS = 64, ATTN_CONVOLVE_LANES = 16, ATTN_CONVOLVE_BLOCKS = 8 };

/// Rows of tokens of a whole sequence.
typedef struct {
  float *values;     ///< [rows][stride]
  ptrdiff_t stride;  ///< floats
  int32_t rows, columns;
} attn_convolve_rows_t;

/// Spectra of Toeplitz blocks by group, by how many blocks a query stands after the key, then by row.
typedef struct {
  const float *values;   ///< complex rows, or complex numbers that all lanes share
  int32_t shared;        ///< 1: complex numbers
  int32_t first, count;  ///< from `first` (0 when causal, else 1 - blocks) blocks after the key on
} attn_convolve_filter_t;

/// Tokens stand apart from the inputs, [columns / 16][blocks 64][part][16], 64-byte aligned, with an
/// unused row behind every `part`: rows that are a power of two apart share sets of the caches and the
/// low bits of their addresses, which costs a fifth of a product.
typedef struct {
  /// tokens = x gate, or x where `gate` is NULL, for the tokens `first ..< end`; zeros beyond the rows
  /// and columns of x.
  void (*take)(const attn_convolve_t *plan, const attn_convolve_rows_t *x, const float *gate,
               int32_t first, int32_t end, float *tokens);
  /// The first half of the transform of a block of `tokens`, each times its weight where `weights` is given.
  void (*split)(const attn_convolve_t *plan, const float *tokens, const float *weights,
                float *spectrum);
  /// The second half for all blocks, products with the filter, and the first half of the inverse; of
  /// a filter without values, only the second half of the transform.
  void (*filter)(const attn_convolve_t *plan, const attn_convolve_filter_t *filter, float *spectra);
  /// The second half of a block's inverse, not scaled: its real part becomes `tokens`, or is added
  /// to them times weights, where `weights` is given.
  void (*join)(const attn_convolve_t *plan, const float *spectrum, const float *weights,
               float *tokens);
  /// y = tokens gate, or tokens divided by sums by token; one of them may be NULL. Tokens
  /// `first ..< end`, beyond the rows of y none.
  void (*give)(const attn_convolve_t *plan, const float *tokens, const float *gate,
               const float *sums, int32_t first, int32_t end, const attn_convolve_rows_t *y);
} attn_convolve_kernels_t;

/// Floats of the spectrum of one block.
static inline size_t attn_convolve_spectrum_floats(int32_t part) {
  return (size_t)ATTN_CONVOLVE_GROUPS * ((size_t)part + 1) * 2 * ATTN_CONVOLVE_LANES;
}

/// Floats of 16 columns of the tokens of one block.
static inline size_t attn_convolve_token_floats(int32_t part) {
  return (size_t)ATTN_CONVOLVE_GROUPS * ((size_t)part + 1) * ATTN_CONVOLVE_LANES;
}

/// Floats of the table of turns.
size_t attn_convolve_turn_floats(int32_t part);
/// Writes the turns between the steps of a transform.
void attn_convolve_turns(int32_t part, float *turns);

extern const attn_convolve_kernels_t attn_convolve_scalar;
extern const attn_convolve_kernels_t attn_convolve_avx2;
extern const attn_convolve_kernels_t attn_convolve_avx512;

#endif
