// SPDX-License-Identifier: MIT
#ifndef ATTN_THREADS_H
#define ATTN_THREADS_H

/// Tells the core that this is a spin loop; Swift has no such intrinsic.
static inline void attn_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Pins the calling thread to the `index`-th CPU of the process's own affinity mask, counted
/// modulo their number. Returns the CPU, or -1 where the system refuses.
int attn_pin_thread(int index);

#endif
