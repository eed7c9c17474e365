// SPDX-License-Identifier: MIT
#ifndef SELECT_SOFTEN_H
#define SELECT_SOFTEN_H

/// Constants of `soften`: 2^f on [-1/2, 1/2] as a polynomial of degree 6, Taylor coefficients of
/// e^(f ln 2). The sequence of operations is part of the contract: every table gives the same bits.
#define SELECT_LOG2E 0x1.715476p+0f
#define SELECT_LEAST (-40.0f)
#define SELECT_C1 0x1.62e43p-1f
#define SELECT_C2 0x1.ebfbep-3f
#define SELECT_C3 0x1.c6b08ep-5f
#define SELECT_C4 0x1.3b2ab6p-7f
#define SELECT_C5 0x1.5d87fep-10f
#define SELECT_C6 0x1.430912p-13f

#endif
