set terminal pngcairo size 2400,1240 background '#ffffff' font 'Sans,13' fontscale 2 linewidth 2 pointscale 2 noenhanced
set pointsize 1.1
set output 'roofline.png'
set encoding utf8
set lmargin at screen 0.085
set rmargin at screen 0.6865
set bmargin at screen 0.125
set tmargin at screen 0.9
set label 'Roofline of this host, 1 thread' at screen 0.5,screen 0.95 center font ',15'
set xlabel 'arithmetic intensity [flop/byte]'
set ylabel 'speed [GFLOP/s]' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.7015,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
set xrange [0.106296:10240]
set xtics ('1' 1, '10' 10, '100' 100, '1000' 1000, '10000' 10000)
set yrange [2.62614:1953.3]
set ytics ('5' 5, '10' 10, '20' 20, '50' 50, '100' 100, '200' 200, '500' 500, '1000' 1000)
$data1 << END
2.12778 1149
10240 1149
END
$data2 << END
1.06296 574
10240 574
END
$data3 << END
0.531481 287
10240 287
END
$data4 << END
0.106296 57.4
2.12778 1149
END
$data5 << END
0.106296 25.5111
4.7875 1149
END
$data6 << END
0.106296 12.7556
9.575 1149
END
$data7 << END
0.106296 4.46444
27.3571 1149
END
$data8 << END
256 262.605
1024 268.058
4096 270.067
END
$data9 << END
64 232.47
64 244.524
64 247.107
64 258.874
END
$data10 << END
1024 667.454
END
$data11 << END
16 204.057
16 227.821
16 230.662
END
$data12 << END
3.28125 34.44
END
$data13 << END
48 302.785
END
plot $data1 with lines linecolor rgb '#303030' linewidth 1.6 dashtype 1 title 'int8 1150 GFLOP/s', \
  $data2 with lines linecolor rgb '#303030' linewidth 1.6 dashtype 2 title 'bf16 574 GFLOP/s', \
  $data3 with lines linecolor rgb '#303030' linewidth 1.6 dashtype 3 title 'f32 multiply-add 287 GFLOP/s', \
  $data4 with lines linecolor rgb '#909090' linewidth 1.6 dashtype 1 title 'L1 540 GB/s', \
  $data5 with lines linecolor rgb '#909090' linewidth 1.6 dashtype 2 title 'L2 240 GB/s', \
  $data6 with lines linecolor rgb '#909090' linewidth 1.6 dashtype 3 title 'L3 120 GB/s', \
  $data7 with lines linecolor rgb '#909090' linewidth 1.6 dashtype 4 title 'memory 42.0 GB/s', \
  $data8 with points pointtype 7 linecolor rgb '#000000' title 'flash', \
  $data9 with points pointtype 5 linecolor rgb '#0072B2' title 'neighborhood', \
  $data10 with points pointtype 7 linecolor rgb '#D55E00' title 'sage1', \
  $data11 with points pointtype 9 linecolor rgb '#009E73' title 'linear', \
  $data12 with points pointtype 13 linecolor rgb '#CC79A7' title 'fnet', \
  $data13 with points pointtype 6 linecolor rgb '#D55E00' title 'lightning'
unset output
