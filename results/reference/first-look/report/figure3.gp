# Draws figure3.svg and figure3.png: gnuplot figure3.gp
data = 'figure3.dat'
set terminal svg size 900,500 dynamic noenhanced background rgb 'white' font 'sans-serif,13'
small = ',11'
set output 'figure3.svg'
set encoding utf8
set border 3 lc rgb '#444444'
set tics nomirror tc rgb '#222222'
set grid ytics lc rgb '#dddddd' lt 1 lw 1
set errorbars 0.6
set key outside top center horizontal Left reverse samplen 1.5
set xrange [-0:59.999999999999986]
set yrange [0:1.24]
set ylabel "speed relative to native"
unset mxtics
set xtics scale 0 ("SPEC INT2000\ns\n2003: score" 5, "Linux build time\ns" 15.000000000000002, "OSDB-IR\ns\n2003: tuples/s" 25.000000000000004, "OSDB-OLTP\ns\n2003: tuples/s" 35, "dbench\nfixed work, s\n2003: score" 45, "SPEC WEB99\nclosed loop, s\n2003: clients" 54.999999999999986)
set boxwidth 0.92
set bmargin 4.6
set arrow 1 from graph 0,first 1 to graph 1,first 1 nohead back lc rgb '#888888' dt 2
plot data index 0 using 1:2 with boxes fs solid 1.0 noborder lc rgb '#777777' title "native", \
     data index 1 using 1:2 with boxes fs solid 1.0 noborder lc rgb '#0072B2' title "ring3", \
     data index 2 using 1:2 with boxes fs solid 1.0 noborder lc rgb '#E69F00' title "uml", \
     data index 3 using 1:2 with boxes fs solid 1.0 noborder lc rgb '#009E73' title "qemu-tcg", \
     data index 4 using 1:2 with boxes fs pattern 4 lc rgb '#777777' title "Linux 2003", \
     data index 5 using 1:2 with boxes fs pattern 4 lc rgb '#0072B2' title "Xen 2003", \
     data index 6 using 1:2 with boxes fs pattern 4 lc rgb '#D55E00' title "VMware 2003", \
     data index 7 using 1:2 with boxes fs pattern 4 lc rgb '#E69F00' title "UML 2003", \
     data index 0 using 1:3:(0):($4-$3) with vectors heads size graph 0.003,90 lc rgb 'black' notitle, \
     data index 1 using 1:3:(0):($4-$3) with vectors heads size graph 0.003,90 lc rgb 'black' notitle, \
     data index 2 using 1:3:(0):($4-$3) with vectors heads size graph 0.003,90 lc rgb 'black' notitle, \
     data index 3 using 1:3:(0):($4-$3) with vectors heads size graph 0.003,90 lc rgb 'black' notitle, \
     data index 8 using 1:2:3 with labels rotate left offset 0,0.35 font small notitle, \
     data index 9 using 1:2:3 with labels rotate left offset 0,0.35 font small tc rgb '#aa0000' notitle, \
     data index 10 using ($1-0.6):($2-0.02):(1.2):(0.04) with vectors nohead lw 5 lc rgb 'white' notitle
set terminal pngcairo size 900,500 noenhanced font 'sans,10'
small = ',9'
set output 'figure3.png'
replot
set output
