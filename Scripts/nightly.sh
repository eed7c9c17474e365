#!/usr/bin/env bash
# The nightly run: build, gate, suites, history and one page that says what came of it.
#
#   Scripts/nightly.sh [--time-limit 4h] [--suite Suites/card.yaml]... [--gate-suite Suites/gate.yaml]
#                      [--baseline last|history|COMMIT|FOLDER] [--results Results] [--summary FILE]
#                      [--no-build] [--attnbench BINARY]
#
# The gate compares with the last night that passed, unless --baseline says otherwise.
# Exit codes are those of attnbench, the worst step's: 4 wrong results, 3 confirmed regression,
# 1 a step broke, 5 machine unfit or undecided, 6 too little measured, 0 fine.
set -uo pipefail
cd "$(dirname "$0")/.."

usage() {
  sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
  [ $# -eq 0 ] || echo "$1" >&2
  exit 2
}

# Seconds of 90, 90s, 10m or 4h; nothing for anything else.
seconds_of() {
  case "$1" in
    *[!0-9smh]* | '' | [smh]*) return ;;
    *h) echo $((10#${1%h} * 3600)) ;;
    *m) echo $((10#${1%m} * 60)) ;;
    *s) echo $((10#${1%s})) ;;
    *) echo $((10#$1)) ;;
  esac
}

limit=14400
suites=()
gate_suite=Suites/smoke.yaml
[ ! -f Suites/gate.yaml ] || gate_suite=Suites/gate.yaml
baseline=last
results=Results
extra_summary=
build=yes
attnbench=.build/release/attnbench
while [ $# -gt 0 ]; do
  case "$1" in
    --no-build) build=no; shift; continue ;;
    --help | -h) usage ;;
    --*) [ $# -ge 2 ] || usage "$1 needs a value" ;;
    *) usage "unknown argument $1" ;;
  esac
  case "$1" in
    --time-limit)
      limit=$(seconds_of "$2")
      [ -n "$limit" ] && [ "$limit" -gt 0 ] || usage "--time-limit $2: write 90s, 10m or 4h" ;;
    --suite) suites+=("$2") ;;
    --gate-suite) gate_suite=$2 ;;
    --baseline) baseline=$2 ;;
    --results) results=$2 ;;
    --summary) extra_summary=$2 ;;
    --attnbench) attnbench=$2 ;;
    *) usage "unknown option $1" ;;
  esac
  shift 2
done
[ ${#suites[@]} -gt 0 ] || suites=(Suites/smoke.yaml Suites/card.yaml Suites/kernels.yaml)
for suite in "${suites[@]}" "$gate_suite"; do
  [ -f "$suite" ] || usage "there is no suite $suite"
done

# Time since the machine started: the time of day may be set during the night.
uptime_seconds() { local now; read -r now _ </proc/uptime; echo "${now%.*}"; }
begin=$(uptime_seconds)
left() { echo $((limit - ($(uptime_seconds) - begin))); }
# What importing and reporting need at the end.
reserve=$((limit / 20 < 120 ? limit / 20 : 120))
for_work() { local now; now=$(left); echo $((now - reserve)); }

stamp=$(date -u +%Y%m%d-%H%M%S)
folder=$results/nightly/$stamp
mkdir -p "$folder" || exit 1
database=$results/history.sqlite
last_good=$results/nightly/last-good-commit
rows=()
codes=()
gaps=()
all_planned=0
all_recorded=0

# step NAME OUTCOME SECONDS REMARK: one row of the page.
step() {
  rows+=("| $1 | $2 | $3 | ${4//|/\\|} |")
  case "$2" in NOT* | not*) gaps+=("$1") ;; esac
  echo "nightly: $1: $2${4:+, $4}" >&2
}

# run NAME LOG COMMAND...: runs one step; its code goes to `code`.
run() {
  local name=$1 log=$2 start
  shift 2
  start=$(uptime_seconds)
  echo "nightly: $name begins, $(left) s left" >&2
  "$@" >"$log" 2>&1
  code=$?
  took=$(($(uptime_seconds) - start))
  codes+=("$code")
}

# What an exit code means.
meaning() {
  case "$1" in
    0) echo passed ;;
    3) echo REGRESSION ;;
    4) echo INCORRECT ;;
    5) echo "UNFIT or undecided" ;;
    6) echo "too little measured" ;;
    124) echo "TIME LIMIT" ;;
    *) echo "BROKE (exit $1)" ;;
  esac
}

build_step() {
  if [ "$build" = no ]; then
    step build "not done" 0 "--no-build"
    return
  fi
  run build "$folder/build.log" timeout -k 10 "$(for_work)" make build
  step build "$(meaning "$code")" "$took" "$([ "$code" -eq 0 ] || tail -n 1 "$folder/build.log")"
}

verify_step() {
  run "accuracy and exact work" "$folder/verify.log" \
    timeout -k 10 "$(for_work)" "$attnbench" verify "$gate_suite" --output "$results/nightly/runs"
  step "accuracy and exact work" "$(meaning "$code")" "$took" \
    "$gate_suite$([ "$code" -eq 0 ] || echo ": $(tail -n 1 "$folder/verify.log")")"
}

# Exact quantities, the A/A control, the planted slowdown and the verdicts are one command.
gate_step() {
  if ! "$attnbench" gate --help >/dev/null 2>&1; then
    step "gate with controls" "NOT AVAILABLE" 0 "this build has no command gate"
    return
  fi
  local share=$(($(for_work) / 3)) against=$baseline more=()
  [ "$against" != history ] || more=(--runs "$results/runs")
  if [ "$against" = last ]; then
    against=$(cat "$last_good" 2>/dev/null)
    if [ -z "$against" ]; then
      step "gate with controls" "NOT DONE" 0 "no night has passed yet that it could compare with"
      return
    fi
  fi
  # The command ends by itself; the outer limit leaves time to build the baseline.
  run "gate with controls" "$folder/gate.log" \
    timeout -k 10 "$((share * 2))" "$attnbench" gate --suite "$gate_suite" \
    --baseline "$against" "${more[@]}" --summary "$folder/gate.md" --junit "$folder/gate.xml" \
    --time-limit "$share"
  step "gate with controls" "$(meaning "$code")" "$took" \
    "$gate_suite against $against$([ "$code" -eq 0 ] || echo ": $(tail -n 1 "$folder/gate.log")")"
}

suite_step() {
  local suite=$1 name planned recorded time
  name=nightly-$stamp-$(basename "$suite" .yaml)
  planned=$("$attnbench" run "$suite" --dry-run 2>/dev/null | wc -l)
  all_planned=$((all_planned + planned))
  time=$(($(for_work) / $2))
  if [ "$time" -lt 5 ]; then
    step "suite $suite" "NOT REACHED" 0 "0 of $planned cases: no time left"
    codes+=(6)
    return
  fi
  # The command's own limit begins after it has probed the machine, and lets the case at hand end;
  # the outer one is for what still takes too long.
  local own=$((time - (time / 4 < 60 ? time / 4 : 60)))
  run "suite $suite" "$folder/$name.log" timeout -k 10 "$((time + reserve / 2))" \
    "$attnbench" run "$suite" --output "$results/runs" --name "$name" --time-limit "$own"
  recorded=$(cat "$results/runs/$name/journal.jsonl" 2>/dev/null | wc -l)
  all_recorded=$((all_recorded + recorded))
  step "suite $suite" "$(meaning "$code")" "$took" \
    "$recorded of $planned cases on record in $results/runs/$name"
}

history_step() {
  # Only what nightly runs made: an experiment on a busy machine is no night.
  local nights=("$results"/runs/nightly-*)
  if [ ! -d "${nights[0]}" ]; then
    step "history import" "NOT DONE" 0 "no suite left a run"
    return
  fi
  run "history import" "$folder/import.md" \
    "$attnbench" history import "${nights[@]}" --database "$database" --format markdown
  step "history import" "$(meaning "$code")" "$took" ""
  run "change points" "$folder/changes.log" "$attnbench" history changepoints --unexpected \
    --database "$database" --format markdown
  grep '^|' "$folder/changes.log" >"$folder/changes.md"
  step "change points" "$([ "$code" -eq 0 ] && echo done || meaning "$code")" "$took" \
    "$(grep -m 1 'series' "$folder/changes.log")"
}

# Trends of the cases that changed, or of the first few if none did.
trend_step() {
  local start cases drawn=0 name
  start=$(uptime_seconds)
  cases=$("$attnbench" history changepoints --unexpected --metric time --database "$database" \
    --format json 2>/dev/null | sed -n 's/.*"caseID" : "\(.*\)",*$/\1/p' | awk '!seen[$0]++' |
    head -n 12)
  [ -n "$cases" ] || cases=$("$attnbench" history show --metric time --database "$database" \
    --format json 2>/dev/null | sed -n 's/.*"case" : "\(.*\)",*$/\1/p' | awk '!seen[$0]++' |
    head -n 4)
  while IFS= read -r name; do
    [ -n "$name" ] || continue
    "$attnbench" history show "$name" --metric time --database "$database" --last 1 \
      --plot "$folder/trend-$((drawn + 1)).svg" >>"$folder/trends.log" 2>&1 || continue
    drawn=$((drawn + 1))
    trends+=("$name")
  done <<<"$cases"
  step trends "done" "$(($(uptime_seconds) - start))" "$drawn pictures"
}

verdict_code() {
  local wanted code
  for wanted in 4 3; do
    for code in "${codes[@]}"; do [ "$code" -eq "$wanted" ] && return "$wanted"; done
  done
  for code in "${codes[@]}"; do
    case "$code" in 0 | 5 | 6 | 124) ;; *) return 1 ;; esac
  done
  for code in "${codes[@]}"; do [ "$code" -eq 5 ] && return 5; done
  for code in "${codes[@]}"; do case "$code" in 6 | 124) return 6 ;; esac; done
  return 0
}

page() {
  echo "# Night of $(date -u +%Y-%m-%d): $(meaning "$final")"
  echo
  echo "Coverage: $all_recorded of $all_planned planned cases on record. Commit" \
    "$(git rev-parse --short=10 HEAD 2>/dev/null || echo unknown), $(($(uptime_seconds) - begin)) of" \
    "$limit s."
  local gap
  for gap in "${gaps[@]}"; do echo "**Not done: $gap.**"; done
  echo
  echo "| step | outcome | seconds | remark |"
  echo "| --- | --- | ---: | --- |"
  printf '%s\n' "${rows[@]}"
  if [ -s "$folder/gate.md" ]; then
    echo
    cat "$folder/gate.md"
  fi
  echo
  echo "## Changes in the last 100 nights that no annotation explains"
  echo
  if [ -s "$folder/changes.md" ]; then cat "$folder/changes.md"; else echo "None."; fi
  echo
  echo "## Runs taken over"
  echo
  cat "$folder/import.md" 2>/dev/null
  local index=0
  for name in "${trends[@]}"; do
    index=$((index + 1))
    echo
    echo "![$name](trend-$index.svg)"
  done
}

trends=()
build_step
if [ -x "$attnbench" ] && { [ "$build" = no ] || [ "${codes[0]}" -eq 0 ]; }; then
  verify_step
  gate_step
  remaining=${#suites[@]}
  for suite in "${suites[@]}"; do
    suite_step "$suite" "$remaining"
    remaining=$((remaining - 1))
  done
  history_step
  trend_step
else
  step "everything else" "NOT DONE" 0 "there is no $attnbench of this commit"
  codes+=(1)
fi
verdict_code
final=$?
if [ "$final" -eq 0 ]; then git rev-parse HEAD >"$last_good" 2>/dev/null || rm -f "$last_good"; fi
page >"$folder/summary.md"
[ -z "$extra_summary" ] || cat "$folder/summary.md" >>"$extra_summary"
cat "$folder/summary.md"
echo "nightly: $folder/summary.md, exit $final" >&2
exit "$final"
