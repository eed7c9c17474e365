set terminal pngcairo size 2000,1240 background '#ffffff' font 'Sans,13' fontscale 2 linewidth 2 pointscale 2 noenhanced
set pointsize 1.1
set output 'roofline.png'
set encoding utf8
set lmargin at screen 0.085
set rmargin at screen 0.8022
set bmargin at screen 0.125
set tmargin at screen 0.9
set title 'Roofline of this host, 1 thread' font ',15'
set xlabel 'arithmetic intensity [flop/byte]'
set ylabel 'speed [GFLOP/s]' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.8172,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
set xrange [0.106296:30720]
set xtics ('1' 1, '10' 10, '100' 100, '1000' 1000, '10000' 10000)
set yrange [2.62614:1953.3]
set ytics ('5' 5, '10' 10, '20' 20, '50' 50, '100' 100, '200' 200, '500' 500, '1000' 1000)
$data1 << END
2.12778 1149
30720 1149
END
set label 'int8 1150' at 30720,1149 right rotate by 0 offset -0.5,0.55 font ',11' textcolor rgb '#505050' front
$data2 << END
1.06296 574
30720 574
END
set label 'bf16 574' at 30720,574 right rotate by 0 offset -0.5,0.55 font ',11' textcolor rgb '#505050' front
$data3 << END
0.531481 287
30720 287
END
set label 'f32 multiply-add 287' at 30720,287 right rotate by 0 offset -0.5,0.55 font ',11' textcolor rgb '#505050' front
$data4 << END
0.106296 57.4
2.12778 1149
END
set label 'L1 540 GB/s' at 0.155005,83.7026 left rotate by 52 offset -1.1,0.6 font ',11' textcolor rgb '#505050' front
$data5 << END
0.106296 25.5111
4.7875 1149
END
set label 'L2 240 GB/s' at 0.155005,37.2012 left rotate by 52 offset -1.1,0.6 font ',11' textcolor rgb '#505050' front
$data6 << END
0.106296 12.7556
9.575 1149
END
set label 'L3 120 GB/s' at 0.155005,18.6006 left rotate by 52 offset -1.1,0.6 font ',11' textcolor rgb '#505050' front
$data7 << END
0.106296 4.46444
27.3571 1149
END
set label 'memory 42.0 GB/s' at 0.155005,6.5102 left rotate by 52 offset -1.1,0.6 font ',11' textcolor rgb '#505050' front
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
plot $data1 with lines linecolor rgb '#808080' linewidth 1.4 notitle, \
  $data2 with lines linecolor rgb '#808080' linewidth 1.4 notitle, \
  $data3 with lines linecolor rgb '#808080' linewidth 1.4 notitle, \
  $data4 with lines linecolor rgb '#808080' linewidth 1.4 dashtype 2 notitle, \
  $data5 with lines linecolor rgb '#808080' linewidth 1.4 dashtype 2 notitle, \
  $data6 with lines linecolor rgb '#808080' linewidth 1.4 dashtype 2 notitle, \
  $data7 with lines linecolor rgb '#808080' linewidth 1.4 dashtype 2 notitle, \
  $data8 with points pointtype 7 linecolor rgb '#000000' title 'flash', \
  $data9 with points pointtype 5 linecolor rgb '#0072B2' title 'neighborhood', \
  $data10 with points pointtype 7 linecolor rgb '#D55E00' title 'sage1', \
  $data11 with points pointtype 9 linecolor rgb '#009E73' title 'linear', \
  $data12 with points pointtype 13 linecolor rgb '#CC79A7' title 'fnet', \
  $data13 with points pointtype 6 linecolor rgb '#D55E00' title 'lightning'
unset output
