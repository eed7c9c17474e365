// SPDX-License-Identifier: MIT

#ifndef ATTNBENCH_GNUPLOT_BRIDGE_H
#define ATTNBENCH_GNUPLOT_BRIDGE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// How a run of gnuplot ended.
typedef enum {
  GNUPLOT_BRIDGE_OK = 0,
  /// There is no such program, or it cannot be executed.
  GNUPLOT_BRIDGE_NOT_FOUND = 1,
  /// gnuplot refused the script or died; its own words are in `error`.
  GNUPLOT_BRIDGE_REFUSED = 2,
  /// gnuplot did not end in time and was killed.
  GNUPLOT_BRIDGE_TIMED_OUT = 3,
  /// The system refused a pipe, a process or memory.
  GNUPLOT_BRIDGE_SYSTEM = 4
} gnuplot_bridge_status_t;

/// Runs `script` in a new process of `program` and waits for its end.
///
/// `program` is looked up in PATH; NULL stands for "gnuplot". The user's gnuplot settings are not
/// read and standard output is discarded. `error`, if not NULL, receives a text of at most
/// `error_size - 1` bytes and a zero: empty on success, else what went wrong. No C++ exception and
/// no signal reaches the caller, and calls from several threads do not disturb each other.
gnuplot_bridge_status_t gnuplot_bridge_run(const char *program, const char *script,
                                           double timeout_seconds, char *error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif
