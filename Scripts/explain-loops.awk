# SPDX-License-Identifier: MIT
# Compares two lists of inner loops (times object function instructions products exchanges loads
# stores): the committed one first, then that of this build. Says per loop what changed.

/^#/ || NF < 8 { next }

{
  key = $2 " " $3
  row = $4 " " $5 " " $6 " " $7 " " $8
  if (!(key in seen)) { order[++keys] = key; seen[key] = 1 }
  if (FILENAME == ARGV[1]) known[key, row] += $1; else found[key, row] += $1
  rows[key] = rows[key] (index(";" rows[key], ";" row ";") ? "" : row ";")
}

function words(row,    part) {
  split(row, part, " ")
  return part[1] " instructions (" part[2] " products, " part[3] " exchanges, " part[4] \
    " loads, " part[5] " stores)"
}

function change(old, new,    a, b, i, text, label) {
  split("instructions products exchanges loads stores", label, " ")
  split(old, a, " "); split(new, b, " ")
  for (i = 1; i <= 5; i++)
    if (b[i] != a[i]) text = text (text ? ", " : "") sprintf("%+d %s", b[i] - a[i], label[i])
  return text
}

# The vanished loop most like a new one: the same products first, then the nearest length.
function nearest(new,    i, part, own, best, score, low) {
  split(new, own, " "); best = 0; low = 1e9
  for (i = 1; i <= gone; i++) {
    if (lost[i] == "") continue
    split(lost[i], part, " ")
    score = (part[2] == own[2] ? 0 : 1e6) + (part[1] > own[1] ? part[1] - own[1] : own[1] - part[1])
    if (score < low) { low = score; best = i }
  }
  return best
}

END {
  for (k = 1; k <= keys; k++) {
    key = order[k]; gone = came = 0
    n = split(rows[key], all, ";")
    for (r = 1; r < n; r++) {
      difference = found[key, all[r]] - known[key, all[r]]
      for (; difference > 0; difference--) fresh[++came] = all[r]
      for (; difference < 0; difference++) lost[++gone] = all[r]
    }
    for (c = 1; c <= came; c++) {
      match_ = nearest(fresh[c])
      if (match_) {
        print key ": a loop of " words(lost[match_]) " became " words(fresh[c]) ": " \
          change(lost[match_], fresh[c])
        lost[match_] = ""
      } else print key ": a new loop of " words(fresh[c])
      differences++
    }
    for (c = 1; c <= gone; c++) if (lost[c] != "") {
      print key ": a loop of " words(lost[c]) " is gone"
      differences++
    }
  }
  exit differences ? 1 : 0
}
