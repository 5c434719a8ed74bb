# Draws forest.svg and forest.png: gnuplot forest.gp
data = 'forest.dat'
set terminal svg size 900,680 dynamic noenhanced background rgb 'white' font 'sans-serif,13'
small = ',11'
set output 'forest.svg'
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror tc rgb '#222222'
set grid ytics lc rgb '#dddddd' lt 1 lw 1
set errorbars 0.6
set key outside top center horizontal Left reverse samplen 1.5
set xlabel "speed relative to native (log scale)"
set logscale x
set xrange [0.0104878:1.15]
set xtics ("0.01" 0.01, "0.02" 0.02, "0.05" 0.05, "0.1" 0.1, "0.2" 0.2, "0.5" 0.5, "1" 1, "2" 2)
set yrange [29.7:-0.7]
set ytics scale 0 ("spec-int-like crafty" 0, "spec-int-like eon" 1, "spec-int-like gzip" 2, "spec-int-like perlbmk" 3, "spec-int-like: geometric mean" 4, "spec-int-like crafty" 5, "spec-int-like eon" 6, "spec-int-like gzip" 7, "spec-int-like perlbmk" 8, "spec-int-like: geometric mean" 9, "spec-int-like crafty" 10, "spec-int-like eon" 11, "spec-int-like gzip" 12, "spec-int-like perlbmk" 13, "spec-int-like: geometric mean" 14, "kernel-build build" 15, "kernel-build build" 16, "kernel-build build" 17, "osdb-like ir" 18, "osdb-like oltp" 19, "osdb-like ir" 20, "osdb-like oltp" 21, "osdb-like ir" 22, "osdb-like oltp" 23, "dbench fixed" 24, "dbench fixed" 25, "dbench fixed" 26, "web closed" 27, "web closed" 28, "web closed" 29)
unset grid
set grid xtics lc rgb '#dddddd' lt 1 lw 1
set arrow 1 from first 1,graph 0 to first 1,graph 1 nohead back lc rgb '#888888' dt 2
plot data index 0 using 1:2:3:4 with xerrorbars pt 5 ps 0.9 lw 1.5 lc rgb '#0072B2' title "ring3", \
     data index 1 using 1:2:3:4 with xerrorbars pt 5 ps 1.6 lw 2.5 lc rgb '#0072B2' notitle, \
     data index 2 using 1:2:3:4 with xerrorbars pt 9 ps 0.9 lw 1.5 lc rgb '#E69F00' title "uml", \
     data index 3 using 1:2:3:4 with xerrorbars pt 9 ps 1.6 lw 2.5 lc rgb '#E69F00' notitle, \
     data index 4 using 1:2:3:4 with xerrorbars pt 11 ps 0.9 lw 1.5 lc rgb '#009E73' title "qemu-tcg", \
     data index 5 using 1:2:3:4 with xerrorbars pt 11 ps 1.6 lw 2.5 lc rgb '#009E73' notitle
set terminal pngcairo size 900,680 noenhanced font 'sans,10'
small = ',9'
set output 'forest.png'
replot
set output
