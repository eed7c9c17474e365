#!/usr/bin/env bash
# Checks that are too long for every change. Needs the build of `make build`.
#
#   Scripts/torture.sh [--kills 100]
set -uo pipefail
cd "$(dirname "$0")/.."

kills=100
if [ "${1:-}" = --kills ] && [ $# -eq 2 ]; then kills=$2; shift 2; fi
[ $# -eq 0 ] || { sed -n '2,4s/^# \{0,1\}//p' "$0" >&2; exit 2; }

attnbench=$PWD/.build/release/attnbench
failed=()

# check NAME COMMAND...: runs one check and remembers whether it failed.
check() {
  local name=$1
  shift
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
  printf '%s\n' 'suite: tiny' 'machines: [h100]' \
    'timing: { target: 90 %, minimumRounds: 2, maximumRounds: 2, timePerCase: 10 ms }' 'cases:' \
    "  - shapes: { length: [$(seq -s ', ' 16 115)], headDim: 16 }" '    mechanisms: [flash]' >"$suite"
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

check "$kills kills of runs and imports" kill_runs
check "faults, five times" repeat_faults
check "a full disk" full_disk
if [ ${#failed[@]} -gt 0 ]; then
  printf 'torture: FAILED: %s\n' "${failed[@]}" >&2
  exit 1
fi
echo "torture: every check passed"
