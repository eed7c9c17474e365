#!/usr/bin/env bash
# Checks that are too long for every change. Needs the build of `make build`.
#
#   Scripts/torture.sh [--kills 100] [--inputs 1000000] [--seconds 60] [--parser NAME,...]
#                      [--only NAME]
#
# NAME is one of kills, signals, faults, disk, fuzz, coverage, numbers, memory, kernels,
# undefined, address, thread. SECONDS are those of coverage, for each parser.
# Hours: run it with `nice -n 19`, in pieces.
set -uo pipefail
cd "$(dirname "$0")/.."

kills=100
inputs=1000000
seconds=60
only=
parsers=
while [ $# -ge 2 ]; do
  case "$1" in
    --kills) kills=$2 ;;
    --inputs) inputs=$2 ;;
    --seconds) seconds=$2 ;;
    --parser) parsers=$2 ;;
    --only) only=$2 ;;
    *) break ;;
  esac
  shift 2
done
[ $# -eq 0 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2; }

attnbench=$PWD/.build/release/attnbench
failed=()

done_checks=0
# check KEY NAME COMMAND...: runs one check and remembers whether it failed.
check() {
  local key=$1 name=$2
  shift 2
  [ -z "$only" ] || [ "$only" = "$key" ] || return 0
  done_checks=$((done_checks + 1))
  echo "torture: $name"
  "$@" || failed+=("$name")
}

tests() { swift test -c release --disable-testable-imports --skip-build --filter "$1"; }

kill_runs() { ATTNBENCH_KILLS=$kills tests KilledRunTests; }

repeat_faults() {
  for _ in 1 2 3 4 5; do tests 'FaultTests|HistoryFaultTests' || return 1; done
}

# A file system of its own that is really full; needs the right to mount.
full_disk() {
  local disk suite code
  disk=$(mktemp -d)
  suite=$(mktemp --suffix .yaml)
  if ! mount -t tmpfs -o size=512k tmpfs "$disk" 2>/dev/null; then
    rmdir "$disk"
    rm -f "$suite"
    echo "torture: not done: mounting a small file system needs root"
    return 0
  fi
  {
    printf '%s\n' 'suite: tiny' 'machines: [h100]' \
      'timing: { target: 90 %, minimumRounds: 2, maximumRounds: 2, timePerCase: 10 ms }' 'cases:'
    for length in $(seq 16 115); do
      printf '  - shapes: { length: %s, headDim: 16 }\n    mechanisms: flash\n' "$length"
    done
  } >"$suite"
  "$attnbench" run "$suite" --output "$disk/runs" --name full 2>"$suite.errors"
  code=$?
  # Everything that fitted is whole, and goes on where there is room.
  local before after
  before=$(wc -l <"$disk/runs/full/journal.jsonl")
  "$attnbench" history import "$disk/runs" --database "$disk/history.sqlite" 2>>"$suite.errors" &&
    code=0
  mkdir "$suite.room" && cp -r "$disk/runs" "$suite.room/"
  "$attnbench" run "$suite" --output "$suite.room/runs" --resume full 2>/dev/null
  after=$(wc -l <"$suite.room/runs/full/journal.jsonl")
  umount "$disk"
  rmdir "$disk"
  cat "$suite.errors" | tail -n 3
  rm -rf "$suite" "$suite.errors" "$suite.room"
  echo "torture: $before of 100 records fitted, $after after the resume"
  [ "$code" -eq 1 ] && [ "$before" -gt 0 ] && [ "$before" -lt 100 ] && [ "$after" -eq 100 ]
}

signals() { ATTNBENCH_KILLS=$kills tests SignalTests; }

# In child processes, each finding saved below .build/fuzz, and how far each parser came: what was
# stopped goes on there. Remove the folder to begin anew, after a change of a parser.
fuzz() { .build/release/attnbench-fuzz --count "$inputs" --parser "$parsers"; }

# Coverage-guided: libFuzzer changes the inputs that reach something new. What it keeps, and what broke
# a rule, stand below .build/coverage.
coverage() {
  local scratch=.build/sanitize-fuzzer folder=.build/coverage name list=$parsers status=0
  ATTNBENCH_COVERAGE=1 swift build -c release --sanitize fuzzer --product CoverageFuzzing \
    --scratch-path "$scratch" || return 1
  mkdir -p "$folder"
  echo 'extern int attnbench_unused;' |
    clang -x c - -o "$folder/read" -fsanitize=fuzzer -L "$scratch/release" -lCoverageFuzzing \
      -Wl,-rpath,"$PWD/$scratch/release" || return 1
  [ -n "$list" ] || list=$(.build/release/attnbench-fuzz --help 2>&1 |
    sed -n 's/^parsers: //p' | tr ' ' ,)
  for name in ${list//,/ }; do
    .build/release/attnbench-fuzz --parser "$name" --count 300 --write "$folder/seeds-$name"
    mkdir -p "$folder/$name"
    echo "torture: coverage of $name"
    # The runtime's backtracer would wait for a debugger's right that containers forbid.
    ATTNBENCH_PARSER=$name SWIFT_BACKTRACE=enable=no "$folder/read" -max_total_time="$seconds" \
      -timeout=5 -rss_limit_mb=1024 -max_len=32768 -print_final_stats=1 \
      -artifact_prefix="$folder/finding-$name-" "$folder/$name" "$folder/seeds-$name" \
      >"$folder/$name.log" 2>&1 || { status=1; tail -n 20 "$folder/$name.log"; }
    grep -E 'number_of_executed_units|DONE' "$folder/$name.log" || true
  done
  return $status
}

numbers() { ATTNBENCH_LONG=1 tests StressTests; }

memory() { ATTNBENCH_LONG=1 tests MemoryTests; }

kernels() { Scripts/check-kernels.sh; }
undefined() { Scripts/check-kernels.sh undefined; }

# An optimised build of its own, of the engines and the readers of files and of their tests alone;
# leak detection needs a tracer, which containers forbid.
sanitized() {
  ATTNBENCH_TARGETS="AttentionCore AttentionEngines CAttentionKernels COpenBLAS CFFTW $2" \
    ASAN_OPTIONS=detect_leaks=0 TSAN_OPTIONS=halt_on_error=1 \
    swift test -c release --disable-testable-imports --sanitize "$1" \
    --scratch-path ".build/sanitize-$1"
}
under_address() {
  sanitized address 'TensorFiles CZlib Configuration AttentionCoreTests AttentionEnginesTests
    TensorFilesTests ConfigurationTests'
}
under_thread() { sanitized thread AttentionEnginesTests; }

check kills "$kills kills of runs and imports" kill_runs
check signals "$kills signals" signals
check faults "faults, five times" repeat_faults
check disk "a full disk" full_disk
check fuzz "$inputs hostile inputs per parser" fuzz
check coverage "coverage-guided inputs, $seconds s per parser" coverage
check numbers "numbers that are none, two million tokens" numbers
check memory "planned and taken memory of mechanisms of every engine" memory
check kernels "kernels under the address sanitizer" kernels
check undefined "kernels under the undefined-behaviour sanitizer" undefined
check address "Swift under the address sanitizer" under_address
check thread "worker pool and engines under the thread sanitizer" under_thread
[ "$done_checks" -gt 0 ] || { echo "torture: there is no check '$only'" >&2; exit 2; }
if [ ${#failed[@]} -gt 0 ]; then
  printf 'torture: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "torture: every check passed"
