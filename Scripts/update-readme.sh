#!/usr/bin/env bash
# Writes the table of mechanisms into the README anew, between its two marks.
set -euo pipefail
cd "$(dirname "$0")/.."

table=$(mktemp)
trap 'rm -f "$table"' EXIT
.build/release/attnbench list mechanisms --format summary >"$table"
awk -v table="$table" '
  /^<!-- mechanisms -->$/ {
    print
    if (!inside) while ((getline line < table) > 0) print line
    inside = !inside
    next
  }
  !inside { print }
' README.md >README.md.new
mv README.md.new README.md
