#!/usr/bin/env bash
# Builds the C kernels with a sanitizer and runs every table on guarded buffers.
#
#   Scripts/check-kernels.sh [address | undefined]
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-address}" in
  address) options='-O1 -fsanitize=address' build=.build/kernel-memory ;;
  # Not optimised: checked intrinsics take over a minute a file to optimise. The first report ends it.
  undefined)
    options='-O0 -fsanitize=undefined -fno-sanitize-recover=all' build=.build/kernel-undefined
    ;;
  *)
    sed -n '4s/^# *//p' "$0" >&2
    exit 2
    ;;
esac
mkdir -p "$build"
rm -f "$build"/*.o
# One object per source, on all processors; errors are in the order of the files.
export build options
compile() {
  local object
  object=$build/$(basename "$1" .c).o
  # shellcheck disable=SC2086 # A list of options.
  clang $options -g -std=gnu17 -fno-omit-frame-pointer \
    -ISources/CAttentionKernels/include -ITests/KernelMemory -c "$1" -o "$object" 2>"$object.txt" ||
    { cat "$object.txt" >&2; exit 1; }
}
export -f compile
find Sources/CAttentionKernels Tests/KernelMemory -name '*.c' -print0 |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'compile "$1"' _
# What the linker warns of, symbols of the sanitizer, is harmless; errors fail the command.
# shellcheck disable=SC2086 # A list of options.
clang $options "$build"/*.o -lm -o "$build/check" 2>"$build/warnings.txt" ||
  { cat "$build/warnings.txt" >&2; exit 1; }
# Without optimisation every inlined product keeps its registers on the stack: 26 MB for a scan.
ulimit -s unlimited 2>/dev/null || true
# Leak detection needs a tracer, which containers forbid.
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 "$build/check"
