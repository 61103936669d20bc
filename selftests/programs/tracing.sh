#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The tracepoints, as spawnctl(8) has them used by perf, trace-cmd and bpftrace.

# shellcheck disable=SC2016,SC2317 # what others run: sh, functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing
cd "$WORK" || exit

# One child that is made, and one that is refused
both() {
	spawnctl doctor && gives 1 spawnctl limit -N 0 -- spawnctl doctor
}

# told FILE PATTERN...: each of them
told() {
	told_file=$1
	shift
	for pattern; do
		grep -qE "$pattern" "$told_file" || { echo "no $pattern in:"; cat "$told_file"; return 1; }
	done
}

by_perf() {
	perf record -q -e 'spawnctl:*' -a -- sh "$WORK/both" && perf script >perf.txt &&
	told perf.txt 'spawnctl:spawnctl_clone: child=[0-9]+ command=SPAWN flags=0x' \
		'spawnctl:spawnctl_release: child=[0-9]+ wait=[0-9]' \
		'spawnctl:spawnctl_refused: command=SPAWN flags=0x.* errno=122'
}

by_perf_stat() {
	perf stat -e spawnctl:spawnctl_clone -a -- sh "$WORK/both" 2>stat.txt &&
	told stat.txt '^ *1 +spawnctl:spawnctl_clone'
}

by_trace_cmd() {
	trace-cmd record -q -e spawnctl sh "$WORK/both" && trace-cmd report >report.txt &&
	told report.txt 'spawnctl_clone: *child=[0-9]+ command=SPAWN flags=0x' \
		'spawnctl_release: *child=[0-9]+ wait=[0-9]' \
		'spawnctl_refused: *command=SPAWN flags=0x.* errno=122'
}

by_bpftrace_hist() {
	bpftrace -e 'tracepoint:spawnctl:spawnctl_release { @ns = hist(args->wait); }' \
		-c "/bin/sh $WORK/both" >hist.txt &&
	told hist.txt '^@ns:' '^\[.* 1 \|@'
}

by_bpftrace_count() {
	bpftrace -e 'tracepoint:spawnctl:spawnctl_refused { @[comm, args->error] = count(); }' \
		-c "/bin/sh $WORK/both" >count.txt &&
	told count.txt '^@\[spawnctl, 122\]: 1$'
}

# page NAME: what spawnctl(8) has one type. It records for as long as sleep(1) takes:
# here until one child has been made and one refused
page() {
	PATH=$WORK/bin:$PATH sh "page/$1.sh" >page.txt 2>&1
	page_status=$?
	cat page.txt
	return "$page_status"
}

page_perf() {
	page spawnctl_8_11 && told page.txt 'spawnctl:spawnctl_clone: child=' \
		'spawnctl:spawnctl_release: child=' 'spawnctl:spawnctl_refused: command='
}

# There may be none of so long
page_trace_cmd() {
	page spawnctl_8_12 && told page.txt '^cpus=' &&
	! grep -E 'spawnctl_(clone|refused)|wait=[0-9]{1,7}$' page.txt
}

# The doctor's test program is the child
echo 'spawnctl doctor; spawnctl limit -N 0 -- spawnctl doctor; exit 0' >both
mkdir bin
printf '#!/bin/sh\nexec sh %s/both\n' "$WORK" >bin/sleep
chmod +x bin/sleep

claim "one child, and one refusal" both
claim "perf record tells all three" by_perf
claim "perf stat counts children" by_perf_stat
claim "trace-cmd tells all three" by_trace_cmd
claim "bpftrace draws how long callers wait" by_bpftrace_hist
claim "bpftrace counts refusals by program and errno" by_bpftrace_count
claim "the page's examples are cut out" \
	env ONLY=none "$here/../examples.sh" page "$here/../../man/spawnctl.8"
claim "the page's perf record" page_perf
claim "the page's trace-cmd record, of long waits alone" page_trace_cmd
finish
