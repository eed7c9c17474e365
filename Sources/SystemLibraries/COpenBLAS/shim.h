// SPDX-License-Identifier: MIT
#ifndef ATTNBENCH_COPENBLAS_SHIM_H
#define ATTNBENCH_COPENBLAS_SHIM_H

#include <cblas.h>

#endif
