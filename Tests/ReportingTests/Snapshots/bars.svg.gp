set terminal svg size 1200,624 background '#ffffff' font 'sans-serif,13' noenhanced
set pointsize 0.75
set output 'bars.svg'
set encoding utf8
set lmargin at screen 0.330773
set rmargin at screen 0.97
set bmargin at screen 0.233974
set tmargin at screen 0.916667
set label 'Bound and measured speed-up over dense attention' at screen 0.5,screen 0.958333 center font ',15'
set xlabel 'speed-up over flash f32; bars begin at 1'
set ylabel '' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.985,screen 0.916667 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
unset logscale y
unset grid
set grid xtics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set border 1 linecolor rgb '#404040'
set key at screen 0.650387,0.0448718 center center horizontal maxcols 3 Left reverse noenhanced
set label 'Beyond the bound where flash is further from its own floor than the case: #17 (flash at 93.4 %)' at screen 0.5,0.112179 center font ',11' textcolor rgb '#1A1A1A' noenhanced
set xrange [0.8:390.095]
set xtics ('1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50, '100' 100, '200' 200)
set yrange [18.5:-0.5]
set ytics ('1x8x1024x64, gaussian, 1 thread:' 0, '#4 neighborhood (window=256)' 1, '1x8x4096x64, gaussian, 1 thread:' 2, '#5 neighborhood (window=256)' 3, '1x8x16384x64, gaussian, 1 thread:' 4, '#6 neighborhood (window=256)' 5, '1x8x4096x64, gaussian, 1 thread:' 6, '#7 neighborhood (stride=64 window=256)' 7, '#8 sage1 (variant=B)' 8, '1x8x1024x64, gaussian, 1 thread:' 9, '#9 linear' 10, '1x8x4096x64, gaussian, 1 thread:' 11, '#10 linear' 12, '1x8x16384x64, gaussian, 1 thread:' 13, '#11 linear' 14, '1x8x4096x64, gaussian, 1 thread:' 15, '#12 fnet' 16, '1x8x4096x64 causal, gaussian, 1 thread:' 17, '#17 lightning (chunkLength=128)' 18) scale 0
$data1 << END
4 1 1 4 0.61 1.39
16 3 1 16 2.61 3.39
64 5 1 64 4.61 5.39
16 7 1 16 6.61 7.39
2.667 8 1 2.667 7.61 8.39
16 10 1 16 9.61 10.39
64 12 1 64 11.61 12.39
256 14 1 256 13.61 14.39
78.019 16 1 78.019 15.61 16.39
10.6693 18 1 10.6693 17.61 18.39
END
$data2 << END
3.46895 1 1 3.46895 0.82 1.18
14.5953 3 1 14.5953 2.82 3.18
58.9979 5 1 58.9979 4.82 5.18
15.4518 7 1 15.4518 6.82 7.18
2.48996 8 1 2.48996 7.82 8.18
12.1799 10 1 12.1799 9.82 10.18
54.3931 12 1 54.3931 11.82 12.18
220.286 14 1 220.286 13.82 14.18
40.0954 16 1 40.0954 15.82 16.18
12.0515 18 1 12.0515 17.82 18.18
END
$data3 << END
3.46895 1 3.42732 3.50642
14.5953 3 14.4201 14.7529
58.9979 5 58.2899 59.635
15.4518 7 15.2664 15.6187
2.48996 8 2.46008 2.51685
12.1799 10 12.0337 12.3114
54.3931 12 53.7404 54.9806
220.286 14 217.643 222.665
40.0954 16 39.6143 40.5285
12.0515 18 11.9069 12.1816
END
$data4 << END
4 1
16 3
64 5
16 7
1 8
16 10
64 12
256 14
312.076 16
10.6693 18
END
$data5 << END
1 -0.5
1 18.5
END
plot $data1 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#C4CBD2' notitle, \
  $data2 using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '#0072B2' notitle, \
  $data3 with xerrorbars pointtype 0 linewidth 1.4 linecolor rgb '#000000' notitle, \
  $data4 with points pointtype 12 linewidth 1.2 linecolor rgb '#707070' notitle, \
  $data5 with lines linewidth 1.2 linecolor rgb '#404040' notitle, \
  keyentry with boxes fillstyle solid noborder linecolor rgb '#C4CBD2' title 'roofline bound', \
  keyentry with boxes fillstyle solid noborder linecolor rgb '#0072B2' title 'measured', \
  keyentry with points pointtype 12 linewidth 1.2 linecolor rgb '#707070' title 'FLOP bound'
unset output
