#!/usr/bin/env bash
# Builds the C kernels with the address and undefined-behaviour sanitizers and runs every table on
# guarded buffers.
set -euo pipefail
cd "$(dirname "$0")/.."

build=.build/kernel-memory
mkdir -p "$build"
rm -f "$build"/*.o
# Unoptimised: checked intrinsics take a minute a file to optimise, and less to run as they are.
# One object per source, on all processors; errors are in the order of the files.
export build
export sanitizers='-fsanitize=address,undefined -fno-sanitize-recover=all'
compile() {
  local object
  object=$build/$(basename "$1" .c).o
  clang -O0 -g -std=gnu17 $sanitizers -fno-omit-frame-pointer \
    -ISources/CAttentionKernels/include -ITests/KernelMemory -c "$1" -o "$object" 2>"$object.txt" ||
    { cat "$object.txt" >&2; exit 1; }
}
export -f compile
find Sources/CAttentionKernels Tests/KernelMemory -name '*.c' -print0 |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'compile "$1"' _
# What the linker warns of, symbols of the sanitizer, is harmless; errors fail the command.
# shellcheck disable=SC2086 # A list of options.
clang $sanitizers "$build"/*.o -lm -o "$build/check" 2>"$build/warnings.txt" ||
  { cat "$build/warnings.txt" >&2; exit 1; }
# Leak detection needs a tracer, which containers forbid.
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 "$build/check"
