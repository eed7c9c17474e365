#!/usr/bin/env bash
# Prints name, version and licence of everything that the program is made of, as found here.
set -euo pipefail
cd "$(dirname "$0")/.."

# The licence that the file at $1 begins with.
kind() {
  if grep -qi 'apache license' "$1"; then echo Apache-2.0
  elif grep -qi 'permission is hereby granted, free of charge' "$1"; then echo MIT
  else echo "see $1"; fi
}

format='%-34s %-22s %s\n'
printf "$format" NAME VERSION LICENCE
printf "$format" attnbench "$(sed -n 's/.*version = "\(.*\)"/\1/p' Sources/AttnBenchCommand/AttnBench.swift)" \
  "$(kind LICENSE)"
# Swift packages: pinned in the manifest, their texts in the checkouts of the build.
sed -n 's/.*url: "https:\/\/github\.com\/\([^"]*\)", exact: "\([^"]*\)".*/\1 \2/p' Package.swift |
  while read -r name version; do
    text=$(find ".build/checkouts/${name#*/}" -maxdepth 1 -iname 'licen[sc]e*' 2>/dev/null | head -n 1 || true)
    printf "$format" "$name" "$version" "$([ -n "$text" ] && kind "$text" || echo 'not in this build')"
  done
# System libraries and programs: what the packages of this system say of themselves.
system() {
  local version
  version=$(dpkg-query -W -f '${Version}' "$2" 2>/dev/null || echo 'not installed')
  printf "$format" "$1" "$version" "$3"
}
system OpenBLAS libopenblas-dev BSD-3-Clause
system 'FFTW (the binary is GPL with it)' libfftw3-dev GPL-2.0-or-later
system PAPI libpapi-dev BSD-3-Clause
system zlib zlib1g-dev Zlib
system SQLite libsqlite3-dev 'public domain'
system 'Boost (iostreams)' libboost-iostreams-dev BSL-1.0
system gnuplot-iostream libgnuplot-iostream-dev MIT
system 'gnuplot (a program of its own)' gnuplot-nox gnuplot
