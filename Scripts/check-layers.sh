#!/usr/bin/env bash
# Checks that every target imports only the targets below it: the arrows of the architecture.
set -euo pipefail
cd "$(dirname "$0")/.."

system='Swift|Glibc|Foundation|Synchronization|PackageDescription|Dispatch|_Concurrency'

# target: modules of this project and of others that it may import
allowed() {
  case "$1" in
    AttentionCore) echo 'RealModule' ;;
    Statistics) echo 'RealModule' ;;
    AttentionReference) echo 'AttentionCore RealModule' ;;
    AttentionMechanisms) echo 'AttentionReference AttentionCore RealModule' ;;
    AttentionEngines) echo 'AttentionCore CAttentionKernels COpenBLAS CFFTW RealModule' ;;
    Configuration) echo 'Yams' ;;
    TensorFiles) echo 'CZlib' ;;
    Simulator) echo 'AttentionCore Configuration RealModule' ;;
    Measurement) echo 'AttentionCore Statistics Configuration CPlatform CPAPI' ;;
    ResultStore) echo 'AttentionCore GRDB' ;;
    Comparison) echo 'ResultStore Statistics AttentionCore' ;;
    Reporting)
      echo 'ResultStore Comparison Simulator Statistics GnuplotBridge AttentionCore RealModule' \
        'Mustache' ;;
    SuiteRunner)
      echo 'Measurement Simulator AttentionEngines AttentionMechanisms AttentionReference' \
        'ResultStore TensorFiles Configuration AttentionCore Statistics Comparison' ;;
    attnbench) echo 'AttnBenchCommand' ;;
    AttnBenchCommand)
      echo 'ArgumentParser AttentionCore AttentionReference AttentionMechanisms AttentionEngines' \
        'Simulator Measurement Statistics Configuration TensorFiles SuiteRunner ResultStore' \
        'Comparison Reporting' ;;
    *) echo '' ;;
  esac
}

failed=0
for folder in Sources/*/; do
  target=$(basename "$folder")
  ls "$folder"*.swift "$folder"*/*.swift >/dev/null 2>&1 || continue
  [ "$target" = SystemLibraries ] && continue
  permitted=$(allowed "$target" | tr ' ' '|')
  while IFS=: read -r file line text; do
    module=$(echo "$text" | sed -E 's/^ *(@[a-z_A-Z]+ +|public +|package +|internal +)*import +((struct|class|enum|protocol|func|typealias) +)?([A-Za-z_0-9]+).*/\4/')
    if ! [[ "$module" =~ ^($system${permitted:+|$permitted})$ ]]; then
      echo "$file:$line: $target must not import $module" >&2
      failed=1
    fi
  done < <(grep -rnE '^ *(@[a-z_A-Z]+ +|public +|package +|internal +)*import ' --include='*.swift' "$folder")
done

# The transform library has a licence of its own and stays behind one folder.
if grep -rlE 'import CFFTW' --include='*.swift' Sources | grep -v '^Sources/AttentionEngines/Spectral/'; then
  echo "CFFTW is imported by Sources/AttentionEngines/Spectral only" >&2
  failed=1
fi
[ $failed -eq 0 ] && echo "layers: every import follows the architecture"
exit $failed
