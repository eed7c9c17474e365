set terminal svg size 1200,620 background '#ffffff' font 'sans-serif,13' noenhanced
set pointsize 0.75
set output 'pareto.svg'
set encoding utf8
set lmargin at screen 0.085
set rmargin at screen 0.625833
set bmargin at screen 0.125
set tmargin at screen 0.9
set label 'Accuracy against speed at 1x8x4096x64, gaussian, 1 thread (1 of 4 problems)' at screen 0.5,screen 0.95 center font ',15'
set xlabel 'measured speed-up over flash f32 (right is better)'
set ylabel 'relative L1 to dense attention (down is better)' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.640833,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
set xrange [0.714286:76.1503]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50)
set yrange [0.00577:2.6199]
set ytics ('0.01' 0.01, '0.02' 0.02, '0.05' 0.05, '0.1' 0.1, '0.2' 0.2, '0.5' 0.5, '1' 1, '2' 2)
$data1 << END
0.714286 0.01731
2.48996 0.01731
2.48996 0.7044
54.3931 0.7044
54.3931 2.6199
END
$data2 << END
1 0.00577
1 2.6199
END
$data3 << END
14.5953 0.8731
END
$data4 << END
15.4518 0.8733
END
$data5 << END
2.48996 0.01731
END
$data6 << END
54.3931 0.7044
END
plot $data1 with lines linewidth 1.4 linecolor rgb '#707070' dashtype 2 notitle, \
  $data2 with lines linecolor rgb '#B0B0B0' linewidth 1.2 notitle, \
  $data3 with points pointtype 5 linecolor rgb '#0072B2' title 'neighborhood (window=256)', \
  $data4 with points pointtype 13 linecolor rgb '#0072B2' title 'neighborhood (stride=64 window=256)', \
  $data5 with points pointtype 7 linecolor rgb '#D55E00' title 'sage1 (variant=B)', \
  $data6 with points pointtype 9 linecolor rgb '#009E73' title 'linear', \
  keyentry with lines linewidth 1.4 linecolor rgb '#707070' dashtype 2 title 'no better case', \
  keyentry with lines linecolor rgb '#B0B0B0' linewidth 1.2 title 'as fast as flash'
unset output
