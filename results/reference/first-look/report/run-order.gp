# Draws run-order.svg and run-order.png: gnuplot run-order.gp
data = 'run-order.dat'
set terminal svg size 900,400 dynamic noenhanced background rgb 'white' font 'sans-serif,13'
small = ',11'
set output 'run-order.svg'
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror tc rgb '#222222'
set grid ytics lc rgb '#dddddd' lt 1 lw 1
set errorbars 0.6
set key outside top center horizontal Left reverse samplen 1.5
graph_low = 0.735979
set xlabel "run, in the order of running"
set ylabel "value relative to the median of its kind"
set xrange [0:61]
set yrange [0.828033:1.69278]
set arrow 1 from graph 0,first 1 to graph 1,first 1 nohead back lc rgb '#888888' dt 2
plot data index 0 using 1:2 with points pt 7 ps 0.9 lc rgb '#777777' title "native", \
     data index 1 using 1:2 with points pt 5 ps 0.9 lc rgb '#0072B2' title "ring3", \
     data index 2 using 1:2 with points pt 11 ps 0.9 lc rgb '#009E73' title "qemu-tcg", \
     data index 3 using 1:2 with points pt 9 ps 0.9 lc rgb '#E69F00' title "uml", \
     data index 4 using 1:2 with points pt 6 ps 2.2 lw 1.5 lc rgb '#aa0000' title "noisy host", \
     data index 5 using 1:(graph_low):2 with labels rotate left font small tc rgb '#aa0000' notitle
set terminal pngcairo size 900,400 noenhanced font 'sans,10'
small = ',9'
set output 'run-order.png'
replot
set output
