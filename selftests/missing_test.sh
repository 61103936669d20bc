#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# If the kernel lacks something that the module needs, the module refuses to load, and
# logs one line that says what is missing. A stock kernel lacks nothing, so the modules
# tested here look for names that do not exist (the test bench builds them).

here=$(dirname "$(realpath "$0")")
n=0 failed=0

# refuses NAME LINE
refuses() {
	dmesg -c >/dev/null
	n=$((n + 1))
	if insmod "$here/missing_$1.ko" 2>/dev/null; then
		rmmod spawnctl
		echo "not ok $n missing $1: the module was loaded"
		failed=1
	elif [ "$(dmesg | grep -c 'spawnctl: .*(error')" = 1 ] &&
	     dmesg | grep -q "spawnctl: $2 (error -2)" &&
	     [ ! -e /dev/spawnctl ] && [ ! -e /sys/module/spawnctl ]; then
		echo "ok $n missing $1: the module refuses to load, and logs the reason"
	else
		echo "not ok $n missing $1: the log does not have that reason alone"
		dmesg | sed 's/^/# /'
		failed=1
	fi
}

if [ ! -e "$here/missing_symbol.ko" ]; then
	echo "1..0 # SKIP the modules with missing symbols are not built here"
	exit 4
fi
echo "TAP version 13"
echo "1..3"
modprobe -r spawnctl
refuses symbol 'cannot find kernel_clone() in this kernel'
refuses tracepoint 'cannot hook tracepoint sched_process_fork_gone'
n=$((n + 1))
if modprobe spawnctl && [ -e /dev/spawnctl ]; then
	echo "ok $n control: the unchanged module loads"
else
	echo "not ok $n control: the unchanged module does not load"
	failed=1
fi
exit $failed
