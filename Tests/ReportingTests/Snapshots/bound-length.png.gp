set terminal pngcairo size 2400,1240 background '#ffffff' font 'Sans,13' fontscale 2 linewidth 2 pointscale 2 noenhanced
set pointsize 1.1
set output 'bound-length.png'
set encoding utf8
set lmargin at screen 0.085
set rmargin at screen 0.669167
set bmargin at screen 0.125
set tmargin at screen 0.9
set label 'Roofline bound on host against sequence length' at screen 0.5,screen 0.95 center font ',15'
set xlabel 'sequence length [query token]'
set ylabel 'roofline bound over dense attention' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.684167,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
set xrange [819.2:20480]
set xtics ('1k' 1024, '2k' 2048, '4k' 4096, '8k' 8192, '16k' 16384)
set yrange [0.666667:384]
set ytics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100, '200' 200)
$data1 << END
819.2 1
20480 1
END
$data2 << END
1024 4
4096 16
16384 64
END
$data3 << END
1024 16
4096 64
16384 256
END
$data4 << END
1024 16
1024 4
END
plot $data1 with lines linecolor rgb '#B0B0B0' linewidth 1.2 title 'as fast as dense', \
  $data2 with linespoints pointtype 5 linewidth 1.6 linecolor rgb '#0072B2' dashtype 1 title 'neighborhood window=256', \
  $data3 with linespoints pointtype 9 linewidth 1.6 linecolor rgb '#009E73' dashtype 1 title 'linear', \
  $data4 with points pointtype 6 pointsize 2.1 linewidth 1.6 linecolor rgb '#505050' title 'faster than dense from here on'
unset output
