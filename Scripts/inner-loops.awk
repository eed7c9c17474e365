# SPDX-License-Identifier: MIT
# Reads a disassembly and prints one line per innermost loop that uses 512-bit registers:
# with products: object, function, then counts of instructions: all, products, exchanges, loads, stores.
#
# An innermost loop is the span from a backward jump's target to the jump, with no other backward
# jump inside it. mawk has no strtonum, hence hex().

function hex(text,    value, i) {
  value = 0
  for (i = 1; i <= length(text); i++)
    value = value * 16 + index("0123456789abcdef", tolower(substr(text, i, 1))) - 1
  return value
}

function flush(    i, j, first, inner, n, wide, multiply, exchange, load, store) {
  for (i = 1; i <= count; i++) {
    if (!(i in back)) continue
    first = place[back[i]]
    if (first == "") continue
    inner = 0
    for (j = first; j < i; j++) if ((j in back) && back[j] >= address[first]) inner = 1
    if (inner) continue
    n = multiply = exchange = load = store = wide = 0
    for (j = first; j <= i; j++) {
      if (name[j] ~ /^(nop|data16|cs)/) continue
      n++
      if (operands[j] ~ /zmm/) wide++
      if (name[j] ~ /^v(fn?m(add|sub)|pdp|dpbf16)/) multiply++
      if (name[j] ~ /^v(perm|pshuf|shuf|unpck|insert|extract|broadcast|pbroadcast|pack|palign|valign)/) exchange++
      if (name[j] ~ /^v/ && operands[j] ~ /\).*,/) load++
      else if (name[j] ~ /^v/ && operands[j] ~ /\)$/) store++
    }
    if (!wide || !multiply) continue
    printf "%s %s %d %d %d %d %d\n",
      object, symbol, n, multiply, exchange, load, store
  }
  count = 0
  split("", back); split("", place); split("", address); split("", name); split("", operands)
}

/^[0-9a-f]+ <.*>:$/ {
  flush()
  start = hex($1)
  symbol = substr($2, 2, length($2) - 3)
  next
}

/^ *[0-9a-f]+:/ {
  at = $1
  sub(":", "", at)
  count++
  address[count] = hex(at)
  place[address[count]] = count
  name[count] = $2
  operands[count] = $0
  sub(/ *[#<].*/, "", operands[count])
  sub(/[ \t]+$/, "", operands[count])
  if ($2 ~ /^j/ && match($0, /<[^>]*>/)) {
    label = substr($0, RSTART + 1, RLENGTH - 2)
    plus = match(label, /\+0x[0-9a-f]+$/)
    owner = plus ? substr(label, 1, RSTART - 1) : label
    target = start + (plus ? hex(substr(label, RSTART + 3)) : 0)
    if (owner == symbol && target <= address[count]) back[count] = target
  }
}

END { flush() }
