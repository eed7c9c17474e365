// SPDX-License-Identifier: MIT

#ifndef CPAPI_SHIM_H
#define CPAPI_SHIM_H

#include <papi.h>
#include <pthread.h>
#include <sde_lib.h>

// What follows are expressions and casts that Swift does not import.

/// Initialises PAPI for use by several threads; returns the version, or a negative code.
static inline int cpapi_initialise(void) {
  const int version = PAPI_library_init(PAPI_VER_CURRENT);
  if (version != PAPI_VER_CURRENT) {
    return version < 0 ? version : PAPI_EINVAL;
  }
  const int code = PAPI_thread_init((unsigned long (*)(void))pthread_self);
  return code == PAPI_OK ? version : code;
}

/// The component that `event` belongs to, or a negative code.
static inline int cpapi_component_of(const char *event) {
  int code = 0;
  const int status = PAPI_event_name_to_code(event, &code);
  return status == PAPI_OK ? PAPI_get_event_component(code) : status;
}

/// Mode of a software-defined counter that PAPI reads as a difference.
static inline int cpapi_sde_delta(void) { return PAPI_SDE_DELTA; }

#endif
