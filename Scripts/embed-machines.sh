#!/bin/sh
# Writes a Swift file that holds the text of every machine file: embed-machines.sh OUTPUT FILE...
set -eu

output=$1
shift
{
  echo "/// The machine files of this build by id."
  echo "enum MachineTexts {"
  echo "  static let all: [(id: String, text: String)] = ["
  for file; do
    name=${file##*/}
    printf '    ("%s", ###"""\n' "${name%.yaml}"
    cat "$file"
    # The line break before the closing quotes is not part of the text.
    printf '\n"""###),\n'
  done
  echo "  ]"
  echo "}"
} >"$output"
