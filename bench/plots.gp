# SPDX-License-Identifier: GPL-2.0
# gnuplot: draws report.py's *.dat in the working directory as SVG.
set terminal svg size 800,500 font "sans-serif,12" background "white"
set grid
set termoption noenhanced
files(pattern) = system("ls " . pattern . " 2>/dev/null")
kernel(file) = system("basename " . file . " .dat | sed 's/^[a-z]*-//'")

set key outside right
set style data linespoints
names = "resident descriptors threads"
titles = "'A spawn by a parent of this size' \
	'A spawn that closes all descriptors from 3 on' \
	'Threads that spawn at once, two emulated processors'"
xlabels = "'resident memory, MiB' 'open descriptors' threads"
ylabels = "instructions instructions 'spawns a second'"
set logscale xy
do for [n=1:3] {
	if (n == 3) {
		unset logscale y
		set yrange [0:*]
	}
	set xlabel word(xlabels, n)
	set ylabel word(ylabels, n)
	do for [file in files(word(names, n) . "-*.dat")] {
		set output sprintf("%s-%s.svg", word(names, n), kernel(file))
		set title sprintf("%s, Linux %s", word(titles, n), kernel(file))
		stats file using 1 nooutput
		plot for [i=0:STATS_blocks-1] file index i using 1:2 title columnheader(1)
	}
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
