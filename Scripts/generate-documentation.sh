#!/usr/bin/env bash
# Writes the documentation of the public libraries to .build/docs: generate-documentation.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# The plugin is a dependency of this command alone. Its builds have a folder of their own, so that
# the release build is not done anew.
export ATTNBENCH_DOCS=1
output=.build/docs
mkdir -p "$output"
for target in AttentionCore AttentionMechanisms Simulator; do
  # Mechanisms name errors of AttentionCore, and links to another module do not resolve.
  strict=(--warnings-as-errors)
  [ "$target" = AttentionMechanisms ] && strict=()
  swift package -c release --scratch-path .build/docs-build --allow-writing-to-directory "$output" \
    generate-documentation --target "$target" "${strict[@]}" \
    --transform-for-static-hosting --hosting-base-path "$target" \
    --output-path "$output/$target"
done
echo "Documentation: $output (serve a folder above it, such as with python3 -m http.server)"
