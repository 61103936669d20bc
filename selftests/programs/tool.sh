#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The command spawnctl(8) under valgrind, and built with sanitizers: no invalid access and
# no leak. promtool checks its metrics.

# shellcheck disable=SC2016,SC2317 # code for sh; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# checked STATUS ARGUMENT...: runs spawnctl, but not its children, under the checker
checked() {
	checked_status=$1
	shift
	gives "$checked_status" watched "$@" </dev/null >"$work/said" || { cat "$work/said"; return 1; }
}

# Causes events until the monitor has received two
monitors() {
	(while :; do spawnctl doctor >/dev/null; sleep 1; done) &
	monitors_pid=$!
	checked 0 monitor "$@" --count 2
	monitors_status=$?
	kill "$monitors_pid"
	wait "$monitors_pid"
	return "$monitors_status"
}

# all CHECKER: every command
all() {
	claim "$1: info" checked 0 info
	claim "$1: info --json" checked 0 info --json
	claim "$1: stats" checked 0 stats
	claim "$1: stats --json" checked 0 stats --json
	claim "$1: stats --openmetrics" checked 0 stats --openmetrics
	claim "$1: monitor" monitors
	claim "$1: monitor --json" monitors --json
	claim "$1: doctor" checked 0 doctor
	claim "$1: doctor --json" checked 0 doctor --json
	claim "$1: run" checked 3 run -C / -i PIPE -m USR1 -f 1,2 -n -s -- sh -c 'exit 3'
	claim "$1: run of a program that does not exist" checked 127 run -- /nonexistent
	claim "$1: limit" checked 0 limit -N 1 -- true
	claim "$1: an unknown option" checked 125 run --nonsense
	claim "$1: an unknown option, with --json" checked 2 monitor --json --nonsense
	claim "$1: help" checked 0 help
	modprobe -r spawnctl
	claim "$1: info without the module" checked 3 info
	claim "$1: doctor without the module" checked 0 doctor
	modprobe spawnctl
}

watched() {
	valgrind -q --error-exitcode=99 --leak-check=full \
		--show-leak-kinds=definite,indirect,possible \
		--errors-for-leak-kinds=definite,indirect,possible spawnctl "$@"
}
all valgrind

export ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=exitcode=99
watched() {
	spawnctl-sanitized "$@"
}
all sanitizers

# So that the metrics include spawns, failures and waits
spawnctl doctor >/dev/null
spawnctl limit -N 0 -- spawnctl doctor >/dev/null
promtool_accepts() {
	spawnctl stats --openmetrics >"$work/metrics" && promtool check metrics <"$work/metrics"
}
# In this locale, 0.5 is 0,5
promtool_accepts_any_locale() {
	localedef -i de_DE -f UTF-8 "$work/de_DE.UTF-8" && export LOCPATH="$work" LC_ALL=de_DE.UTF-8 || return
	[ "$(env printf %.1f 0,5)" = 0,5 ] && promtool_accepts &&
		gives 124 timeout 3 spawnctl stats --watch=0.5
	set -- $?
	unset LOCPATH LC_ALL
	return "$1"
}

promtool_rejects_nonsense() {
	echo 'spawnctl_nonsense{' | promtool check metrics && return 1
	:
}
claim "promtool accepts the output of stats --openmetrics" promtool_accepts
claim "numbers are the same in a locale with a decimal comma" promtool_accepts_any_locale
claim "control: promtool rejects a malformed metric" promtool_rejects_nonsense
finish
