#!/usr/bin/env bash
# Compares the inner loops of the AVX-512 kernels with the committed list; --update writes it.
#
# Cachegrind cannot execute these kernels, so their instructions are counted in the disassembly of
# the release build. Another compiler makes other loops: there the check is skipped, with a reason.
# Exit codes: 0 equal or skipped, 4 different, 1 nothing to compare.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

objects=${ATTNBENCH_OBJECTS:-.build/release/CAttentionKernels.build}
list=${ATTNBENCH_LOOPS:-Tests/StaticGate/avx512-inner-loops.txt}

if [ "$(uname -m)" != x86_64 ]; then
  echo "static gate: skipped: AVX-512 kernels exist on x86-64 only, this is $(uname -m)"
  exit 0
fi
disassembler=$(command -v llvm-objdump || command -v objdump || true)
swift=$(command -v swift || true)
if [ -z "$disassembler" ] && [ -n "$swift" ]; then
  disassembler=$(dirname "$(readlink -f "$swift")")/llvm-objdump
fi
if [ ! -x "$disassembler" ]; then
  echo "static gate: skipped: no llvm-objdump or objdump; mend with: apt-get install binutils"
  exit 0
fi
files=$(cd "$objects" 2>/dev/null && find . -name '*avx512*.c.o' | sed 's|^\./||' | sort)
if [ -z "$files" ]; then
  echo "static gate: no AVX-512 objects below $objects; build first: swift build -c release" >&2
  exit 1
fi

compiler() {
  "$disassembler" -s -j .comment "$1" | awk '
    /^ [0-9a-f]+ / { text = text substr($0, length($0) - 15) }
    END { if (match(text, /clang version [0-9.]+/)) print substr(text, RSTART, RLENGTH)
          if (match(text, /[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]+\)/)) print "revision " substr(text, RSTART, 12) }' |
    paste -sd ' '
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
built=$(compiler "$objects/$(echo "$files" | head -1)")
{
  echo "# Innermost loops of the AVX-512 kernels with 512-bit products, from the disassembly."
  echo "# compiler: $built"
  echo "# times object function instructions products exchanges loads stores"
  for file in $files; do
    "$disassembler" -d --no-show-raw-insn "$objects/$file" |
      awk -v object="${file%.c.o}" -f Scripts/inner-loops.awk
  done | sort | uniq -c | awk '{ print $1, $2, $3, $4, $5, $6, $7, $8 }' |
    sort -k2,2 -k3,3 -k5,5nr -k4,4nr -k6,6n -k7,7n -k8,8n
} > "$work/loops.txt"

if [ "${1:-}" = --update ]; then
  mkdir -p "$(dirname "$list")"
  cp "$work/loops.txt" "$list"
  echo "static gate: wrote $(grep -vc '^#' "$list") kinds of loop to $list"
  exit 0
fi
if [ ! -f "$list" ]; then
  echo "static gate: $list is missing; write it with: make static-gate-update" >&2
  exit 1
fi
known=$(sed -n 's/^# compiler: //p' "$list")
if [ "$known" != "$built" ]; then
  echo "static gate: skipped: the list was made by '$known', this build by '$built'"
  exit 0
fi
if awk -f Scripts/explain-loops.awk "$list" "$work/loops.txt" > "$work/differences.txt"; then
  echo "static gate: $(grep -vc '^#' "$list") kinds of AVX-512 inner loop are as committed ($built)"
else
  cat "$work/differences.txt"
  echo "static gate: $(wc -l < "$work/differences.txt") inner loops differ from $list." >&2
  echo "If the change is meant, say why in the commit and run: make static-gate-update" >&2
  exit 4
fi
