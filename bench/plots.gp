# SPDX-License-Identifier: GPL-2.0
# gnuplot: report.py's *.dat of the working directory, as SVG.
set terminal svg size 800,500 font "sans-serif,12" background "white"
set grid
set termoption noenhanced
files(pattern) = system("ls " . pattern . " 2>/dev/null")
kernel(file) = system("basename " . file . " .dat | sed 's/^[a-z]*-//'")

set key outside right
set style data linespoints
set logscale xy
do for [file in files("resident-*.dat")] {
	set output sprintf("resident-%s.svg", kernel(file))
	set title sprintf("A spawn by a parent of this size, Linux %s", kernel(file))
	set xlabel "resident memory, MiB"
	set ylabel "instructions"
	stats file using 1 nooutput
	plot for [i=0:STATS_blocks-1] file index i using 1:2 title columnheader(1)
}
do for [file in files("descriptors-*.dat")] {
	set output sprintf("descriptors-%s.svg", kernel(file))
	set title sprintf("A spawn that closes all descriptors from 3 on, Linux %s", kernel(file))
	set xlabel "open descriptors"
	set ylabel "instructions"
	stats file using 1 nooutput
	plot for [i=0:STATS_blocks-1] file index i using 1:2 title columnheader(1)
}
unset logscale y
do for [file in files("threads-*.dat")] {
	set output sprintf("threads-%s.svg", kernel(file))
	set title sprintf("Threads that spawn at once, two emulated processors, Linux %s", kernel(file))
	set xlabel "threads"
	set ylabel "spawns a second"
	set yrange [0:*]
	stats file using 1 nooutput
	plot for [i=0:STATS_blocks-1] file index i using 1:2 title columnheader(1)
}
unset logscale
if (strlen(files("noop.dat"))) {
	set yrange [0:*]
	set output "noop.svg"
	set title "A spawn of a program that does nothing"
	set xlabel "Linux"
	set ylabel "instructions"
	set style data histogram
	set style histogram clustered gap 1
	set style fill solid 0.8
	plot for [i=2:9] "noop.dat" using i:xticlabels(1) title columnheader(i)
}
