#!/usr/bin/env bash
# Opens the HTML report in headless Chromium: sorts, filters, switches the theme, prints, and takes
# screenshots. Usage: Scripts/browser-test.sh [folder for screenshots]
set -euo pipefail
cd "$(dirname "$0")/.."

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
  echo "browser test skipped: no Chromium here; mend with: apt-get install chromium"
  exit 0
fi
if ! command -v python3 >/dev/null; then
  echo "browser test skipped: no python3 here; mend with: apt-get install python3"
  exit 0
fi
attnbench=${ATTNBENCH:-.build/release/attnbench}
if [ ! -x "$attnbench" ]; then
  echo "browser test: $attnbench is missing; build it with: swift build -c release" >&2
  exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
output=${1:-$work/screenshots}
mkdir -p "$output"

run=$(ls -d Results/reference/card/*/ | head -1)
"$attnbench" report "$run" --format html --output "$work/card" >/dev/null
python3 Scripts/browser/enlarge.py "$work/large" 400 Results/reference/*/*/
"$attnbench" report "$work/large" --format html --output "$work/large" >/dev/null
python3 Scripts/browser/test.py "$browser" "$output" "$work/card/report.html" "$work/large/report.html"
