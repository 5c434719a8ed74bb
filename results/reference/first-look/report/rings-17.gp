# Draws rings-17.svg and rings-17.png: gnuplot rings-17.gp
data = 'rings-17.dat'
set terminal svg size 900,420 dynamic noenhanced background rgb 'white' font 'sans-serif,13'
small = ',11'
set output 'rings-17.svg'
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror tc rgb '#222222'
set grid ytics lc rgb '#dddddd' lt 1 lw 1
set errorbars 0.6
set key outside top center horizontal Left reverse samplen 1.5
set xlabel "time of the machine (s)"
set ylabel "requests in the ring"
set xrange [*:*] noextend
set yrange [0:2.16]
plot data index 0 using 1:2 with steps lw 2 lc rgb '#56B4E9' notitle, \
     data index 0 every 4::2 using 1:2 with points pt 4 ps 0.9 lc rgb '#56B4E9' notitle, \
     keyentry with linespoints lw 2 pt 4 ps 0.9 lc rgb '#56B4E9' title "guest vbd-51712 q0"
set terminal pngcairo size 900,420 noenhanced font 'sans,10'
small = ',9'
set output 'rings-17.png'
replot
set output
