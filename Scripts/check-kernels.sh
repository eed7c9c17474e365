#!/usr/bin/env bash
# Builds the C kernels with the address sanitizer and runs every table on guarded buffers.
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build/kernel-memory
mkdir -p "$build"
sources=$(find Sources/CAttentionKernels -name '*.c')
# The linker's warnings about sanitizer symbols are harmless; real errors fail the command.
clang -O1 -g -std=gnu17 -fsanitize=address -fno-omit-frame-pointer \
  -ISources/CAttentionKernels/include -ITests/KernelMemory \
  $sources Tests/KernelMemory/*.c -lm -o "$build/check" 2>"$build/warnings.txt" ||
  { cat "$build/warnings.txt" >&2; exit 1; }
# Leak detection needs a tracer, which containers forbid.
ASAN_OPTIONS=detect_leaks=0 "$build/check"
