#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The tracepoints, used with perf, trace-cmd and bpftrace as spawnctl(8) describes.

# shellcheck disable=SC2016,SC2317 # code for sh; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
cd "$work" || exit

# Makes one child, and has one refused
both() {
	spawnctl doctor && gives 1 spawnctl limit -N 0 -- spawnctl doctor
}

# has_lines FILE PATTERN...: checks that a line of FILE matches each PATTERN
has_lines() {
	in_file=$1
	shift
	for pattern; do
		grep -qE "$pattern" "$in_file" || { echo "no $pattern in:"; cat "$in_file"; return 1; }
	done
}

by_perf() {
	perf record -q -e 'spawnctl:*' -a -- sh "$work/both" && perf script >perf.txt &&
	has_lines perf.txt 'spawnctl:spawnctl_clone: child=[0-9]+ command=SPAWN flags=0x' \
		'spawnctl:spawnctl_release: child=[0-9]+ wait=[0-9]' \
		'spawnctl:spawnctl_refused: command=SPAWN flags=0x.* errno=122'
}

by_perf_stat() {
	perf stat -e spawnctl:spawnctl_clone -a -- sh "$work/both" 2>stat.txt &&
	has_lines stat.txt '^ *1 +spawnctl:spawnctl_clone'
}

by_trace_cmd() {
	trace-cmd record -q -e spawnctl sh "$work/both" && trace-cmd report >report.txt &&
	has_lines report.txt 'spawnctl_clone: *child=[0-9]+ command=SPAWN flags=0x' \
		'spawnctl_release: *child=[0-9]+ wait=[0-9]' \
		'spawnctl_refused: *command=SPAWN flags=0x.* errno=122'
}

by_bpftrace_hist() {
	bpftrace -e 'tracepoint:spawnctl:spawnctl_release { @ns = hist(args->wait); }' \
		-c "/bin/sh $work/both" >hist.txt &&
	has_lines hist.txt '^@ns:' '^\[.* 1 \|@'
}

by_bpftrace_count() {
	bpftrace -e 'tracepoint:spawnctl:spawnctl_refused { @[comm, args->error] = count(); }' \
		-c "/bin/sh $work/both" >count.txt &&
	has_lines count.txt '^@\[spawnctl, 122\]: 1$'
}

# page NAME: runs an example of spawnctl(8). The example records while sleep(1) runs, which
# here makes one child and has one refused.
page() {
	PATH=$work/bin:$PATH sh "page/$1.sh" >page.txt 2>&1
	page_status=$?
	cat page.txt
	return "$page_status"
}

page_perf() {
	page spawnctl_8_13 && has_lines page.txt 'spawnctl:spawnctl_clone: child=' \
		'spawnctl:spawnctl_release: child=' 'spawnctl:spawnctl_refused: command='
}

# No wait may have been that long: then the report has no event
page_trace_cmd() {
	page spawnctl_8_14 && has_lines page.txt '^cpus=' &&
	! grep -E 'spawnctl_(clone|refused)|wait=[0-9]{1,7}$' page.txt
}

# The child is the test program that the doctor starts
echo 'spawnctl doctor; spawnctl limit -N 0 -- spawnctl doctor; exit 0' >both
mkdir bin
printf '#!/bin/sh\nexec sh %s/both\n' "$work" >bin/sleep
chmod +x bin/sleep

claim "one child is made, and one is refused" both
claim "perf record shows spawnctl_clone, spawnctl_release and spawnctl_refused" by_perf
claim "perf stat counts one child" by_perf_stat
claim "trace-cmd shows spawnctl_clone, spawnctl_release and spawnctl_refused" by_trace_cmd
claim "bpftrace prints a histogram of the callers' waits" by_bpftrace_hist
claim "bpftrace counts refusals by program and errno" by_bpftrace_count
claim "the examples of spawnctl(8) are extracted" \
	env ONLY=none "$here/../examples.sh" page "$here/../../man/spawnctl.8"
claim "perf record of spawnctl(8) shows all three events" page_perf
claim "trace-cmd record of spawnctl(8) shows long waits only" page_trace_cmd
finish
