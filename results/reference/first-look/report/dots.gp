# Draws dots.svg and dots.png: gnuplot dots.gp
data = 'dots.dat'
set terminal svg size 900,460 dynamic noenhanced background rgb 'white' font 'sans-serif,13'
small = ',11'
set output 'dots.svg'
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror tc rgb '#222222'
set grid ytics lc rgb '#dddddd' lt 1 lw 1
set errorbars 0.6
set key outside top center horizontal Left reverse samplen 1.5
set xrange [0:30]
set ylabel "speed relative to native"
set xtics scale 0 ("SPEC INT2000\ntest" 2.5, "Linux build time\nxxs" 7.5, "OSDB-IR\ntest" 12.5, "OSDB-OLTP\ntest" 17.5, "dbench\ntest" 22.5, "SPEC WEB99\ntest" 27.5)
set bmargin 3.4
set logscale y
set yrange [0.0254832:1.26135]
set ytics ("0.02" 0.02, "0.05" 0.05, "0.1" 0.1, "0.2" 0.2, "0.5" 0.5, "1" 1, "2" 2)
set arrow 1 from graph 0,first 1 to graph 1,first 1 nohead back lc rgb '#888888' dt 2
set boxwidth 0.7
set style fill solid 0.15 border lc rgb '#666666'
plot data index 0 using 1:2:3:4:5 with candlesticks lc rgb '#888888' notitle whiskerbars 0.4, \
     data index 0 using 1:6:6:6:6 with candlesticks lc rgb '#333333' lw 2 notitle, \
     data index 1 using 1:2 with points pt 7 ps 0.7 lc rgb '#777777' title "native", \
     data index 2 using 1:2 with points pt 5 ps 0.7 lc rgb '#0072B2' title "ring3", \
     data index 3 using 1:2 with points pt 9 ps 0.7 lc rgb '#E69F00' title "uml", \
     data index 4 using 1:2 with points pt 11 ps 0.7 lc rgb '#009E73' title "qemu-tcg"
set terminal pngcairo size 900,460 noenhanced font 'sans,10'
small = ',9'
set output 'dots.png'
replot
set output
