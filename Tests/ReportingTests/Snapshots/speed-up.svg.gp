set terminal svg size 1200,620 background '#ffffff' font 'sans-serif,13' noenhanced
set pointsize 0.75
set output 'speed-up.svg'
set encoding utf8
set lmargin at screen 0.085
set rmargin at screen 0.7905
set bmargin at screen 0.125
set tmargin at screen 0.9
set label 'Measured speed-up against its bound on this host' at screen 0.5,screen 0.95 center font ',15'
set xlabel 'roofline bound over dense attention'
set ylabel 'measured speed-up over flash f32' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.8055,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
set xrange [0.740741:345.6]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100, '200' 200)
set yrange [0.740741:345.6]
set ytics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100, '200' 200)
$data1 << END
0.740741 0.740741
345.6 345.6
END
$data2 << END
0.740741 0.592593
345.6 276.48
END
$data3 << END
0.740741 0.37037
345.6 172.8
END
$data4 << END
0.740741 1
345.6 1
END
$data5 << END
4 3.46895 3.42732 3.50642
16 14.5953 14.4201 14.7529
64 58.9979 58.2899 59.635
16 15.4518 15.2664 15.6187
END
$data6 << END
2.667 2.48996 2.46008 2.51685
END
$data7 << END
16 12.1799 12.0337 12.3114
64 54.3931 53.7404 54.9806
256 220.286 217.643 222.665
END
$data8 << END
78.019 40.0954 39.6143 40.5285
END
$data9 << END
10.6693 12.0515 11.9069 12.1816
END
plot $data1 with lines linecolor rgb '#707070' linewidth 1.2 dashtype 1 notitle, \
  $data2 with lines linecolor rgb '#707070' linewidth 1.2 dashtype 2 notitle, \
  $data3 with lines linecolor rgb '#707070' linewidth 1.2 dashtype 3 notitle, \
  $data4 with lines linecolor rgb '#B0B0B0' linewidth 1.2 notitle, \
  $data5 with yerrorbars pointtype 5 linewidth 1.3 linecolor rgb '#0072B2' title 'neighborhood', \
  $data6 with yerrorbars pointtype 7 linewidth 1.3 linecolor rgb '#D55E00' title 'sage1', \
  $data7 with yerrorbars pointtype 9 linewidth 1.3 linecolor rgb '#009E73' title 'linear', \
  $data8 with yerrorbars pointtype 13 linewidth 1.3 linecolor rgb '#CC79A7' title 'fnet', \
  $data9 with yerrorbars pointtype 6 linewidth 1.3 linecolor rgb '#D55E00' title 'lightning', \
  keyentry with lines linecolor rgb '#707070' linewidth 1.2 dashtype 1 title 'at the bound', \
  keyentry with lines linecolor rgb '#707070' linewidth 1.2 dashtype 2 title '80 % of it', \
  keyentry with lines linecolor rgb '#707070' linewidth 1.2 dashtype 3 title '50 % of it', \
  keyentry with lines linecolor rgb '#B0B0B0' linewidth 1.2 title 'as fast as flash'
unset output
