#!/usr/bin/env bash
# Installs the Debian packages that the build needs, if any of them is missing.
set -euo pipefail

packages=(
  libopenblas-dev libpapi-dev libgnuplot-iostream-dev gnuplot-nox libfftw3-dev libsqlite3-dev
  zlib1g-dev pkg-config
)

missing=()
for package in "${packages[@]}"; do
  if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
    missing+=("$package")
  fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

install="apt-get install -y --no-install-recommends ${missing[*]}"
echo "Missing Debian packages: ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "This is no Debian system: install their counterparts, then try again." >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
    echo "Installing them needs root. Run this once, then try again:" >&2
    echo "  sudo apt-get update && sudo $install" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing them with apt."
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive $install
