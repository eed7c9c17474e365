// SPDX-License-Identifier: MIT
#ifndef ATTNBENCH_CFFTW_SHIM_H
#define ATTNBENCH_CFFTW_SHIM_H

#include <fftw3.h>

#endif
