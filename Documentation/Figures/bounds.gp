# Pictures of the page "The bounds" of the Simulator's documentation: `make figures` draws them.
# A window of three keys over eight tokens, in tiles of two queries by two keys.
folder = "Sources/Simulator/Simulator.docc/Resources/"
blue = "#2166ac"; pale = "#9ecae1"; orange = "#d95f02"; grey = "#e8e8e8"; ink = "#303030"
n = 8
attended(i, j) = abs(i - j) <= 1
# Of the tile in row a and column b: 0 not visited, 1 partial, 2 full.
kind(a, b) = abs(a - b) > 1 ? 0 : (abs(a - b) == 1 ? 1 : 2)

set terminal svg size 420,420 fixed font "Helvetica,14" background "white"
unset key; unset border; unset tics
set size ratio -1
set xrange [-0.2:n + 0.2]; set yrange [n + 0.9:-0.9]

set output folder."flop-bound.svg"
set label 1 "keys" at n / 2.0, -0.5 center textcolor rgb ink
set label 2 "queries" at -0.45, n / 2.0 center rotate by 90 textcolor rgb ink
set label 3 "64 pairs, 22 attended: FLOP bound 2.91" at n / 2.0, n + 0.55 center textcolor rgb ink
object = 1
do for [i = 0:n - 1] { do for [j = 0:n - 1] {
  set object object rectangle from j + 0.05, i + 0.05 to j + 0.95, i + 0.95 \
    fillcolor rgb (attended(i, j) ? blue : grey) fillstyle solid noborder
  object = object + 1
} }
plot NaN
unset object

set output folder."tile-bound.svg"
set label 3 "16 tiles, 10 visited: tile bound 1.6" at n / 2.0, n + 0.55 center textcolor rgb ink
object = 1
do for [a = 0:3] { do for [b = 0:3] {
  set object object rectangle from 2 * b + 0.05, 2 * a + 0.05 to 2 * b + 1.95, 2 * a + 1.95 \
    fillcolor rgb (kind(a, b) == 2 ? blue : kind(a, b) == 1 ? pale : grey) fillstyle solid noborder
  object = object + 1
} }
do for [i = 0:n - 1] { do for [j = 0:n - 1] {
  if (attended(i, j)) {
    set object object circle at j + 0.5, i + 0.5 size 0.13 fillcolor rgb "white" fillstyle solid noborder
    object = object + 1
  }
} }
do for [a = 0:3] { do for [b = 0:3] {
  if (kind(a, b) > 0) {
    tag = 100 + 4 * a + b
    word = kind(a, b) == 2 ? "full" : "partial"
    set label tag word at 2 * b + 1, 2 * a + 1 center font ",11" \
      textcolor rgb (kind(a, b) == 2 ? "white" : ink)
  }
} }
plot NaN
unset object; unset label

set terminal svg size 520,300 fixed font "Helvetica,14" background "white"
set output folder."worst-tile-bound.svg"
set size noratio
set xrange [0:4.6]; set yrange [4.6:0.4]
set xtics 0, 1, 4 nomirror textcolor rgb ink; set xlabel "key tiles" textcolor rgb ink
set ytics ("query tile 1" 1, "query tile 2" 2, "query tile 3" 3, "query tile 4" 4) nomirror \
  textcolor rgb ink
set border 3 linecolor rgb ink
set arrow 1 from 4, 0.45 to 4, 4.55 nohead linewidth 2 linecolor rgb ink dashtype 2
set label 1 "dense: 4" at 4.05, 0.6 textcolor rgb ink
set arrow 2 from 3, 0.45 to 3, 4.55 nohead linewidth 2 linecolor rgb orange
set label 2 "worst: 3, bound 4 / 3" at 3.05, 4.45 textcolor rgb orange
$rows << EOD
1 2
2 3
3 3
4 2
EOD
plot $rows using ($2 / 2.0):1:($2 / 2.0):(0.3) with boxxyerrorbars fillstyle solid noborder \
  linecolor rgb blue
unset arrow; unset label; unset xlabel

set output folder."roofline-stage.svg"
set xrange [0:12]; set yrange [4.6:0.4]
set xlabel "time" textcolor rgb ink
set xtics format "" ; set xtics 0, 2, 12
set ytics ("products" 1, "exponentials" 2, "memory" 3, "floor" 4)
$bars << EOD
1 5.2 0
2 8.1 0
3 2.4 0
4 8.1 1
EOD
set label 1 "the longest binds" at 8.2, 2 textcolor rgb ink
set arrow 1 from 8.1, 2.35 to 8.1, 3.65 nohead linewidth 1.5 dashtype 2 linecolor rgb ink
plot $bars using ($2 / 2.0):1:($2 / 2.0):(0.3):($3 > 0 ? 0xd95f02 : 0x2166ac) with boxxyerrorbars \
  fillstyle solid noborder linecolor rgb variable
unset arrow; unset label; unset xlabel

set output folder."end-to-end.svg"
set terminal svg size 520,340 fixed font "Helvetica,14" background "white"
set xrange [1:16]; set yrange [1:3.5]; set logscale x 2
set xtics 1, 2, 16 format "%g"; set ytics 1, 0.5, 3.5 format "%.1f"
set xlabel "speed-up of attention" ; set ylabel "speed-up of the model"
set key at 1.15, 3.45 left Left reverse textcolor rgb ink; set border 3
whole(f, s) = 1 / (1 - f + f / s)
plot whole(0.607, x) title "attention 60.7 % of the time" linewidth 2.5 linecolor rgb blue, \
  1 / (1 - 0.607) title "its limit, 2.54" linewidth 1.5 dashtype 2 linecolor rgb blue, \
  whole(0.3, x) title "30 %" linewidth 2.5 linecolor rgb orange, \
  1 / 0.7 title "its limit, 1.43" linewidth 1.5 dashtype 2 linecolor rgb orange
unset logscale; unset ylabel; unset key

set output folder."ring.svg"
set terminal svg size 620,300 fixed font "Helvetica,14" background "white"
set xrange [0:11.5]; set yrange [5.2:0.3]
set xtics format ""; unset xtics; set xlabel "time"
set ytics ("work" 1, "messages" 2, "work" 3, "messages" 4)
# Work of a step 2.5, a message 1.6; then work 1.6, a message 2.5.
do for [k = 0:3] {
  set object 10 + k rectangle from 2.5 * k + 0.05, 0.7 to 2.5 * k + 2.45, 1.3 fillcolor rgb blue \
    fillstyle solid noborder
  if (k < 3) {
    set object 20 + k rectangle from 2.5 * k + 0.05, 1.7 to 2.5 * k + 1.65, 2.3 \
      fillcolor rgb pale fillstyle solid noborder
    set object 40 + k rectangle from 2.5 * k + 0.05, 3.7 to 2.5 * k + 2.45, 4.3 \
      fillcolor rgb orange fillstyle solid noborder
  }
  set object 30 + k rectangle from 2.5 * k + 0.05, 2.7 to 2.5 * k + 1.65, 3.3 fillcolor rgb blue \
    fillstyle solid noborder
}
set label 3 "hidden" at 7.7, 2 font ",12" textcolor rgb ink
set label 4 "exposed: a step takes as long as its message" at 0.1, 4.75 font ",12" textcolor rgb orange
plot NaN
