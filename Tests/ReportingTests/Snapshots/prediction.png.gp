set terminal pngcairo size 2400,1240 background '#ffffff' font 'Sans,13' fontscale 2 linewidth 2 pointscale 2 noenhanced
set pointsize 1.1
set output 'prediction.png'
set encoding utf8
set lmargin at screen 0.085
set rmargin at screen 0.755833
set bmargin at screen 0.125
set tmargin at screen 0.9
set label 'Measured time against the predicted floor on this host' at screen 0.5,screen 0.95 center font ',15'
set xlabel 'roofline floor [ms]'
set ylabel 'median time [ms]' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.770833,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
set xrange [0.292286:3265.46]
set xtics ('1' 1, '10' 10, '100' 100, '1000' 1000)
set yrange [0.292286:3265.46]
set ytics ('1' 1, '10' 10, '100' 100, '1000' 1000)
$data1 << END
0.292286 0.292286
3265.46 3265.46
END
$data2 << END
0.292286 0.584572
3265.46 6530.91
END
$data3 << END
0.292286 1.16914
3265.46 13061.8
END
$data4 << END
7.48252 8.15317
119.72 128.3
1915.53 2040.91
END
$data5 << END
1.87063 2.32639
7.48252 8.81978
29.9301 34.7089
7.48252 8.33139
END
$data6 << END
44.8895 51.57
END
$data7 << END
0.467658 0.655008
1.87063 2.36307
7.48252 9.25772
END
$data8 << END
1.5345 3.18747
END
$data9 << END
5.61189 5.31543
END
plot $data1 with lines linecolor rgb '#707070' linewidth 1.2 dashtype 1 title 'at the floor', \
  $data2 with lines linecolor rgb '#707070' linewidth 1.2 dashtype 2 title 'twice the floor', \
  $data3 with lines linecolor rgb '#707070' linewidth 1.2 dashtype 3 title 'four times the floor', \
  $data4 with points pointtype 7 linecolor rgb '#000000' title 'flash', \
  $data5 with points pointtype 5 linecolor rgb '#0072B2' title 'neighborhood', \
  $data6 with points pointtype 7 linecolor rgb '#D55E00' title 'sage1', \
  $data7 with points pointtype 9 linecolor rgb '#009E73' title 'linear', \
  $data8 with points pointtype 13 linecolor rgb '#CC79A7' title 'fnet', \
  $data9 with points pointtype 6 linecolor rgb '#D55E00' title 'lightning'
unset output
