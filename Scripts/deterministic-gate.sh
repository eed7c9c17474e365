#!/usr/bin/env bash
# The gate for every change: nothing is timed, so a busy machine gives the same answer.
#
# Exact work, allocations inside the timed region, output bits or errors and instruction counts are
# compared with committed files; --update writes the files. Needs a release build.
# Exit codes: 0 equal, 4 different, 1 or 2 it could not run.
set -uo pipefail
cd "$(dirname "$0")/.."

attnbench=${ATTNBENCH:-.build/release/attnbench}
reference=Results/reference/exact/smoke.json
failed=0

"$attnbench" exact Suites/smoke.yaml --threads 1 --reference "$reference" "$@" || failed=$?
if [ $failed -ne 0 ] && [ $failed -ne 4 ]; then
  exit $failed
fi
update=
for argument in "$@"; do [ "$argument" = --update ] && update=--update; done
Scripts/static-gate.sh $update || { code=$?; [ $code -gt $failed ] && failed=$code; }
exit $failed
