set terminal pngcairo size 2400,1080 background '#ffffff' font 'Sans,13' fontscale 2 linewidth 2 pointscale 2 noenhanced
set pointsize 1.1
set output 'bound-map.png'
set encoding utf8
set lmargin at screen 0.145667
set rmargin at screen 0.84
set bmargin at screen 0.125
set tmargin at screen 0.9
set label 'Roofline bound, geometric mean over cases' at screen 0.5,screen 0.95 center font ',15'
set xlabel ''
set ylabel '' offset 0.5,0
set border 3 linecolor rgb '#404040'
set tics nomirror textcolor rgb '#202020'
set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'
set key at screen 0.855,screen 0.9 left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced
set errorbars 0
set logscale xy
unset logscale
unset grid
unset key
set logscale cb
set cbrange [0.49505:78.7992]
set cbtics ('0.5' 0.5, '1' 1, '2' 2, '5' 5, '10' 10, '20' 20, '50' 50)
set palette defined (-0.305351 '#F4A582', 0 '#FFFFFF', 1.89652 '#74ADD1')
set cblabel 'roofline bound over dense attention' offset 1.5,0
set xrange [-0.5:2.5]
set xtics ('host' 0, 'h100' 1, 'graviton4' 2) scale 0
set yrange [6.5:-0.5]
set ytics ('flash' 0, 'neighborhood' 1, 'sage1' 2, 'linear' 3, 'fnet' 4, 'performer' 5, 'lightning' 6) scale 0
$data1 << END
0 0 -0.5 0.5 -0.5 0.5 1
1 0 0.5 1.5 -0.5 0.5 1
0 1 -0.5 0.5 0.5 1.5 16
1 1 0.5 1.5 0.5 1.5 7.62244
0 2 -0.5 0.5 1.5 2.5 2.667
1 2 0.5 1.5 1.5 2.5 1
0 3 -0.5 0.5 2.5 3.5 64
1 3 0.5 1.5 2.5 3.5 6.93711
0 4 -0.5 0.5 3.5 4.5 78.019
1 4 0.5 1.5 3.5 4.5 6.93711
0 5 -0.5 0.5 4.5 5.5 2.66667
1 5 0.5 1.5 4.5 5.5 1.73428
0 6 -0.5 0.5 5.5 6.5 10.6693
1 6 0.5 1.5 5.5 6.5 3.4694
END
set label '1.00' at 0,0 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '1.00' at 1,0 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '16.0' at 0,1 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '7.62' at 1,1 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '2.67' at 0,2 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '1.00' at 1,2 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '64.0' at 0,3 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '6.94' at 1,3 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '78.0' at 0,4 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '6.94' at 1,4 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '2.67' at 0,5 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '1.73' at 1,5 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '10.7' at 0,6 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
set label '3.47' at 1,6 center rotate by 0 offset 0,0 font ',11' textcolor rgb '#1A1A1A' front
plot $data1 using 1:2:3:4:5:6:7 with boxxyerror fillstyle solid noborder linecolor palette notitle
unset output
