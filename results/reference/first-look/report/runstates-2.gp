# Draws runstates-2.svg and runstates-2.png: gnuplot runstates-2.gp
data = 'runstates-2.dat'
set terminal svg size 900,420 dynamic noenhanced background rgb 'white' font 'sans-serif,13'
small = ',11'
set output 'runstates-2.svg'
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror tc rgb '#222222'
set grid ytics lc rgb '#dddddd' lt 1 lw 1
set errorbars 0.6
set key outside top center horizontal Left reverse samplen 1.5
set xlabel "time of the machine (s)"
set ylabel "vCPUs"
set xrange [*:*] noextend
set yrange [0:1.08]
plot data index 0 using 1:2 with steps lw 2 lc rgb '#56B4E9' notitle, \
     data index 0 every 9::4 using 1:2 with points pt 4 ps 0.9 lc rgb '#56B4E9' notitle, \
     keyentry with linespoints lw 2 pt 4 ps 0.9 lc rgb '#56B4E9' title "running", \
     data index 1 using 1:2 with steps lw 2 lc rgb '#D55E00' notitle, \
     data index 1 every 9::4 using 1:2 with points pt 15 ps 0.9 lc rgb '#D55E00' notitle, \
     keyentry with linespoints lw 2 pt 15 ps 0.9 lc rgb '#D55E00' title "runnable, waits", \
     data index 2 using 1:2 with steps lw 2 lc rgb '#CC79A7' notitle, \
     data index 2 every 9::4 using 1:2 with points pt 13 ps 0.9 lc rgb '#CC79A7' notitle, \
     keyentry with linespoints lw 2 pt 13 ps 0.9 lc rgb '#CC79A7' title "blocked"
set terminal pngcairo size 900,420 noenhanced font 'sans,10'
small = ',9'
set output 'runstates-2.png'
replot
set output
