#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016,SC2317 # scripts for sh; functions that claim runs
# Runs every example of the manual pages, README.md and docs/, which examples.sh has
# extracted and compiled. Each example has a line below with its expected result. An example
# without a line is a failure, and so is a line without an example.

export LC_ALL=C
unset SPAWNCTL_FD SPAWNCTL_BACKEND
here=$(dirname "$(realpath "$0")")
examples=$here/examples
export HELPER=$here/tool_helper
# shellcheck source=claim.sh
. "$here/claim.sh"
tested=()
mkdir "$work/bin" "$work/cwd"
cd "$work/cwd" || exit
# Placeholder commands that the examples name
PATH=$work/bin:$PATH
cat >"$work/bin/program" <<-'END'
	#!/bin/sh
	"$HELPER" device grep NoNewPrivs /proc/self/status || exit
	n=1
	while [ $n -lt 20 ] && "$HELPER" device true; do n=$((n + 1)); done
	echo "$n children"
END
cat >"$work/bin/daemon" <<-'END'
	#!/bin/sh
	cd /proc/$$/fd && [ "$(cut -d' ' -f6 /proc/$$/stat)" = $$ ] && echo "$1 in $OLDPWD"
END
chmod 755 "$work" "$work/bin"/*

refused() {
	! "$@"
}

# prints STATUS LINE COMMAND...: checks that COMMAND exits with STATUS, and prints a line that
# matches the pattern LINE, or nothing if LINE is empty
prints() {
	local wanted=$1 line=$2 got
	shift 2
	"$@" >"$work/out" 2>&1 </dev/null
	got=$?
	cat "$work/out"
	echo "status $got, not $wanted, or no line '$line'"
	[ "$got" = "$wanted" ] || return
	if [ "$line" ]; then grep -qxE -- "$line" "$work/out"; else [ ! -s "$work/out" ]; fi
}

# on_and_on LINE COMMAND...: runs COMMAND, a shell whose child does not end by itself. Kills
# the child once a line matches the pattern LINE.
on_and_on() {
	local line=$1 pid
	shift
	"$@" >"$work/on" 2>&1 &
	pid=$!
	for _ in $(seq 600); do
		grep -qE "$line" "$work/on" && break
		sleep 0.1
	done
	pkill -P "$pid"
	wait "$pid"
	set -- $?
	cat "$work/on"
	return "$1"
}

# Makes children and provokes refusals, for a listener, until it is killed
stir() {
	while :; do
		setpriv --reuid 1000 --clear-groups spawnctl limit -N 0 -- "$HELPER" device true
		for _ in 1 2 3 4 5; do
			LD_PRELOAD=libspawnctl-preload.so SPAWNCTL_BACKEND=device sh -c \
				'i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i + 1)); done'
		done
	done >/dev/null 2>&1
}

stirred() {
	local pid status
	chmod 666 /dev/spawnctl
	stir &
	pid=$!
	"$@"
	status=$?
	kill "$pid"
	wait "$pid"
	chmod 600 /dev/spawnctl
	return "$status"
}

# c NAME STATUS LINE [ARGUMENT...]: for an example in C
c() {
	tested+=("$1")
	claim "$1" prints "$2" "$3" "$examples/$1" "${@:4}"
}

# script NAME STATUS LINE [WRAPPER...]: for a shell script
script() {
	tested+=("$1")
	claim "$1" prints "$2" "$3" "${@:4}" sh "$examples/$1.sh"
}

# elsewhere NAME TEST PATTERN: for an example that needs more than this guest has. TEST runs
# it: a line of TEST matches PATTERN.
elsewhere() {
	tested+=("$1")
	claim "$1: is run by ${2##*/}" grep -qE -- "$3" "$here/$2"
}

# shown NAME: for the output of a command, which must not be empty
shown() {
	tested+=("$1")
	claim "$1" [ -s "$examples/$1.text" ]
}

# all_tested DIR NAME...: checks that these are the examples in DIR, and prints the differences
all_tested() {
	comm -3 <(cd "$1" && printf '%s\n' * | sed -E 's/\.(c|sh|text)$//' | sort -u) \
		<(printf '%s\n' "${@:2}" | sort -u) >"$work/differ"
	cat "$work/differ"
	[ ! -s "$work/differ" ]
}

prometheus() {
	mkdir -p /var/lib/prometheus/node-exporter
	"$@" && cat /var/lib/prometheus/node-exporter/spawnctl.prom
}

traced() {
	"$@"
	set -- $?
	echo 0 >/sys/kernel/tracing/events/spawnctl/enable
	return "$1"
}

echo "TAP version 13"
modprobe spawnctl
library=$(find /usr/lib -name libspawnctl-preload.so)
mkdir -p /usr/local/lib
ln -sf "$library" /usr/local/lib/
spawnctl limit -N 0 -- "$HELPER" device true 2>/dev/null

c libspawnctl_3_2 0 'the device'
c rfork_3_1 0 hello
c rfork_3_2 0 /
c spawnctl_4_1 0 'SigBlk:.0000000000000200'
c spawnctl_4_1 0 'no second child'
c spawnctl_attr_init_3_1 0 ''
c spawnctl_file_actions_init_3_1 0 ''
claim "spawnctl_file_actions_init_3_1: the file 'list' has the output" grep -qx proc list
c spawnctl_fork_3_1 0 ''
c spawnctl_open_3_1 0 '10 children' "$HELPER" device true
c spawnctl_spawn_3_1 0 hello
c spawnctl_spawn_start_3_1 0 hello
c spawnctl_spawn_start_3_2 0 two
c spawnctl_attr_setuid_3_1 0 ''
c spawnctl_thread_3_1 0 /
c spawnctl_thread_3_2 0 hello

script libspawnctl_preload_7_1 0 'spawnctl: vfork.*: device.*'
script libspawnctl_preload_7_2 0 '20 children'
script spawnctl_8_1 0 'this user +can use the device and create children'
script spawnctl_8_2 0 exec_mask
script spawnctl_8_3 0 ' *"EDQUOT": [0-9]+,?' on_and_on '^spawns'
script spawnctl_8_4 0 'spawnctl_children_total\{command="spawn"\} [0-9]+' prometheus
script spawnctl_8_5 0 ' *"wait_ns": [0-9]+,?' stirred on_and_on ' uid 1000 .*EDQUOT'
script spawnctl_8_6 0 true
script spawnctl_8_7 0 '--foreground in /'
script spawnctl_8_8 0 'SigBlk:.0000000000000200'
claim "spawnctl_8_8: SIGHUP is ignored" grep -qx 'SigIgn:.0000000000000001' "$work/out"
script spawnctl_8_9 0 '16 children'
script spawnctl_8_12 143 '.* spawnctl_clone: child=[0-9]+ .*' traced stirred on_and_on spawnctl_clone

c guide_1 0 '3 children'
script guide_2 0 '16 children'
script guide_2 0 'NoNewPrivs:.1'
c guide_3 0 'the device was received'
c guide_4 200 'by 20'
c guide_6 0 3
claim "guide_6: the child does not have the device" refused grep -qx 20 "$work/out"
c guide_13 0 started
c coming_from_1 0 logged
c coming_from_2 0 logged
c coming_from_3 0 logged
for i in 4 5; do
	c coming_from_$i 2 'SigIgn:.[0-9a-f]{12}0[0-9a-f]{3}'
done
c coming_from_6 0 clean
c coming_from_7 0 clean
claim "coming_from_7: both children are clean" [ "$(grep -cx clean "$work/out")" = 2 ]
shown coming_from_8
c coming_from_9 0 run
shown coming_from_10
c coming_from_11 0 'one of two was killed'

c README_6 0 'total 0'
claim "README_6: only descriptors 0 to 2, and the one of ls, are open" \
	[ "$(grep -c -- '->' "$work/out")" = 4 ]
script install_6 0 'ok +programs +programs can use the device: .*'
script monitoring_3 143 '.* spawnctl_clone: child=[0-9]+ .*' traced stirred on_and_on spawnctl_clone

elsewhere libspawnctl_3_1 manual.sh 'examples of debian/tests'
elsewhere spawnctl_8_10 serve_test.sh spawnctl_8_10
elsewhere spawnctl_8_11 programs/systemd.sh 'systemctl reload spawnctl.service'
elsewhere spawnctl_8_13 programs/tracing.sh 'page spawnctl_8_13'
elsewhere spawnctl_8_14 programs/tracing.sh 'page spawnctl_8_14'
elsewhere spawnctl_8_15 programs/tracing.sh "bpftrace -e 'tracepoint:spawnctl:spawnctl_release"
elsewhere guide_5 programs/sandbox.sh 'guide_5'
elsewhere guide_7 programs/sandbox.sh 'launcher.* setpriv .* bwrap'
elsewhere guide_8 serve_test.sh guide_8
elsewhere guide_9 programs/systemd.sh 'systemctl reload spawnctl.service'
elsewhere guide_10 programs/systemd.sh 'SystemCallFilter=~clone3 NoNewPrivileges=yes'
elsewhere guide_11 containers/podman.sh '-v /run/spawnctl:/run/spawnctl:ro'
elsewhere guide_12 serve_test.sh guide_12
elsewhere README_1 manual.sh 'Sixty seconds'
shown README_2
shown README_3
elsewhere README_4 manual.sh 'make -n'
elsewhere README_5 manual.sh 'make -n'
elsewhere README_5 dkms.sh 'dkms status "spawnctl/\$version"'
elsewhere install_1 manual.sh 'examples of debian/tests'
elsewhere install_2 dkms.sh 'dkms status "spawnctl/\$version"'
elsewhere install_3 manual.sh 'make -n'
elsewhere install_4 manual.sh 'make -n'
elsewhere install_5 programs/udev.sh 'udevadm trigger --sysname-match=spawnctl'
shown install_7
elsewhere install_8 manual.sh 'make -n'
elsewhere monitoring_1 manual.sh 'make -n'
shown monitoring_2

claim "each example has a line here, and each line an example" all_tested "$examples" "${tested[@]}"
mkdir "$work/two"
touch "$work/two/guide_1.sh" "$work/two/guide_2.c"
claim "control: two examples with a line each are accepted" all_tested "$work/two" guide_1 guide_2
claim "control: an example without a line is detected" refused all_tested "$work/two" guide_2
claim "control: a line without an example is detected" \
	refused all_tested "$work/two" guide_1 guide_2 guide_3
claim "control: another exit status is detected" refused prints 0 said sh -c 'echo said; exit 1'
claim "control: another line is detected" refused prints 0 said echo unsaid
claim "control: a missing program is detected" refused prints 0 '' "$examples/guide_0"
finish
