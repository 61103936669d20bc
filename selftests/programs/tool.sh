#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The command spawnctl(8) under valgrind: no invalid access, no leak.

# shellcheck disable=SC2016,SC2317 # what others run: sh, functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# checked STATUS ARGUMENT...: of spawnctl itself; its children are not watched
checked() {
	checked_status=$1
	shift
	gives "$checked_status" valgrind -q --error-exitcode=99 --leak-check=full \
		--show-leak-kinds=definite,indirect,possible \
		--errors-for-leak-kinds=definite,indirect,possible \
		spawnctl "$@" </dev/null >"$WORK/said" || { cat "$WORK/said"; return 1; }
}

# Two events, which go on coming until it listens
monitors() {
	(while :; do spawnctl run -- true; sleep 1; done) &
	monitors_pid=$!
	checked 0 monitor "$@" --count 2
	monitors_status=$?
	kill "$monitors_pid"
	wait "$monitors_pid"
	return "$monitors_status"
}

claim "info" checked 0 info
claim "info --json" checked 0 info --json
claim "stats" checked 0 stats
claim "stats --json" checked 0 stats --json
claim "stats --openmetrics" checked 0 stats --openmetrics
claim "stats --reset" checked 0 stats --reset
claim "monitor" monitors
claim "monitor --json" monitors --json
# Under valgrind programs do without the device, and it says so
claim "doctor" checked 1 doctor
claim "doctor --json" checked 1 doctor --json
claim "run" checked 3 run -v -C / -i PIPE -m USR1 -f '' -n -s -- sh -c 'exit 3'
claim "run of what is not there" checked 127 run -- /nonexistent
claim "limit" checked 0 limit -N 1 -- true
claim "misuse" checked 125 run --nonsense
claim "help" checked 0 --help
modprobe -r spawnctl
claim "info without the module" checked 3 info
claim "doctor without the module" checked 3 doctor
modprobe spawnctl
finish
