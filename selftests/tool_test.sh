#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016,SC2086,SC2317 # what others run: jq, sh, functions that claim runs
# The command spawnctl(8): what it shows is what was done, its JSON is JSON, its exit
# statuses are those that it documents, and nothing of it harms a terminal or a pipe.

export LC_ALL=C COLUMNS=60
unset SPAWNCTL_FD SPAWNCTL_BACKEND
# shellcheck source=claim.sh
. "$(dirname "$(realpath "$0")")/claim.sh"

# gives STATUS COMMAND...
gives() {
	local wanted=$1 got
	shift
	"$@"
	got=$?
	echo "status $got, not $wanted: $*"
	[ "$got" = "$wanted" ]
}

count() {
	spawnctl stats --json | jq -e "$1"
}

as_nobody() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all "$@"
}

info_is_true() {
	spawnctl info | grep -q "^module *$(modinfo -F version spawnctl), interface 1" &&
	[ "$(spawnctl info --json | jq -r .version)" = "$(modinfo -F version spawnctl)" ] &&
	spawnctl info --json | jq -e '.user.opens and .events and (.spawn_flags | index("exec_mask") >= 0)'
}

adds_up() {
	local spawns
	spawns=$(count .spawns) || return
	for _ in 1 2 3 4 5; do spawnctl run -d -- true; done
	echo "from $spawns to $(count .spawns)"
	[ "$(count .spawns)" = $((spawns + 5)) ]
}

edquot_is_counted() {
	local before
	before=$(count '.failures.EDQUOT // 0')
	gives 125 spawnctl limit -N 0 -- spawnctl run -d -- true &&
		[ "$(count .failures.EDQUOT)" = $((before + 1)) ] && [ "$(count .budget_refused)" -gt 0 ]
}

metrics() {
	spawnctl stats --openmetrics >"$work/metrics" || return
	! grep -vE '^# (HELP|TYPE) spawnctl_[a-z_]+ |^spawnctl_[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9.e+]+$' \
		"$work/metrics" || return
	[ "$(sed -n 's/.*le="+Inf"} //p' "$work/metrics")" = \
		"$(sed -n 's/^spawnctl_wait_seconds_count //p' "$work/metrics")" ] &&
	[ "$(sed -n 's/^spawnctl_children_total{command="spawn"} //p' "$work/metrics")" -gt 4 ]
}

narrow_enough() {
	spawnctl stats >"$work/text" && cat "$work/text"
	grep -q '#' "$work/text" && ! grep -E "^.{$((COLUMNS + 1))}" "$work/text"
}

watched() {
	timeout 60 spawnctl stats --watch=0.2 | grep -m 2 '^spawns' >"$work/watched"
	[ "${PIPESTATUS[0]}" != 124 ] && [ "$(grep -c /s "$work/watched")" = 1 ]
}

reset_works() {
	spawnctl stats --reset >/dev/null && [ "$(count .spawns)" = 0 ] &&
		gives 1 as_nobody spawnctl stats --reset
}

# Until somebody has joined a group of generic netlink
somebody_listens() {
	local protocol groups
	for _ in $(seq 100); do
		while read -r _ protocol _ groups _; do
			[ "$protocol" = 16 ] && [ "$groups" != 00000000 ] && return
		done </proc/net/netlink
		sleep 0.1
	done
}

# monitored OPTIONS... -- COMMAND...: what it says into $work/seen
monitored() {
	local options=() pid
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	timeout 60 spawnctl monitor "${options[@]}" >"$work/seen" 2>"$work/said" &
	pid=$!
	somebody_listens
	"$@"
	wait $pid
}

monitor_tells() {
	monitored --json --count 3 -- sh -c 'for i in 1 2 3; do spawnctl run -d -- true; done' || return
	cat "$work/seen"
	[ "$(jq -s 'map(select(.command == "SPAWN" and .comm == "spawnctl" and .uid == 0 and
		.child > 1 and .wait_ns > 0 and .pid == .tgid)) | length' "$work/seen")" = 3 ] &&
	[ "$(jq -s '.[2].seq - .[0].seq' "$work/seen")" = 2 ]
}

monitor_filters() {
	local try='spawnctl run -d -- true; spawnctl limit -N 0 -- spawnctl run -d -- true; :'
	monitored --json --errno EDQUOT --count 1 -- sh -c "$try" &&
		[ "$(jq -r .error "$work/seen")" = EDQUOT ] &&
	monitored --json --errno any --count 1 -- sh -c "$try" && [ "$(jq .errno "$work/seen")" = 122 ] &&
	monitored --uid 7 --count 1 -- sh -c "$try; chmod 666 /dev/spawnctl
		setpriv --reuid 7 --clear-groups spawnctl run -d -- true; chmod 600 /dev/spawnctl" &&
		grep -q ' uid 7 SPAWN child ' "$work/seen" &&
	cp "$(command -v spawnctl)" "$work/other" &&
	monitored --comm other --count 1 -- sh -c "$try; $work/other run -d -- true" &&
		grep -q ' other uid 0 SPAWN' "$work/seen"
}

no_escapes() {
	local odd
	odd=$work/$(printf 'a\033[31mb')
	cp "$(command -v spawnctl)" "$odd"
	monitored --count 1 -- "$odd" run -d -- true && cat -v "$work/seen" &&
		grep -qF ' a\x1b[31mb uid 0' "$work/seen" && ! grep -q "$(printf '\033')" "$work/seen"
}

monitor_to_head() {
	timeout 60 spawnctl monitor 2>"$work/said" | head -n 1 >"$work/seen" &
	somebody_listens
	for _ in 1 2 3 4; do spawnctl run -d -- true; sleep 0.2; done
	wait $!
	[ -s "$work/seen" ] && [ ! -s "$work/said" ]
}

is_clean() {
	(
		trap '' PIPE TERM HUP
		[ "$(grep SigIgn /proc/self/status)" = "$(printf 'SigIgn:\t%016x' $((0x5001)))" ] &&
		[ "$(spawnctl run -d -- grep SigIgn /proc/self/status)" = "$(printf 'SigIgn:\t%016x' 0)" ] &&
		[ "$(spawnctl run -d -k -- grep SigIgn /proc/self/status)" = \
			"$(printf 'SigIgn:\t%016x' $((0x5001)))" ]
	)
}

signals_as_asked() {
	spawnctl run -d -i PIPE,SIGHUP -m TERM,10,RTMIN+6 -- grep -E 'Sig(Blk|Ign)' /proc/self/status |
		tee "$work/signals"
	grep -q "SigBlk:.$(printf '%016x' $(((1 << 14) | (1 << 9) | (1 << 39))))" "$work/signals" &&
		grep -q "SigIgn:.$(printf '%016x' $(((1 << 12) | 1)))" "$work/signals"
}

ends_alike() {
	gives 7 spawnctl run -d -- sh -c 'exit 7' && gives 143 spawnctl run -d -- sh -c 'kill -TERM $$' &&
	gives 137 spawnctl run -d -- sh -c 'kill -KILL $$' && gives 127 spawnctl run -d -- no-such &&
	gives 126 spawnctl run -d -- /etc/passwd && gives 125 spawnctl run -d -f 77 -- true &&
	gives 125 spawnctl run --nonsense -- true && gives 125 spawnctl run -i KILL -- true &&
	gives 125 spawnctl run -d -C /no-such -- true && (trap '' CHLD; gives 3 spawnctl run -d -- sh -c 'exit 3')
}

passes_on() {
	local pid
	spawnctl run -d -- sh -c 'trap "exit 9" TERM; echo ready; while :; do sleep 0.1; done' >"$work/ready" &
	pid=$!
	while ! grep -q ready "$work/ready"; do sleep 0.1; done
	kill -TERM $pid
	wait $pid
	[ $? = 9 ]
}

# on_terminal COMMAND...: typed into a shell with job control, what comes on stdin is keys
on_terminal() {
	timeout -k 1 60 script -qec "bash -c 'set -m; $*'" /dev/null | tr -d '\r' |
		tee "$work/terminal"
}

# key_when OCTAL COMMAND...: types it as soon as COMMAND has no failure to tell
key_when() {
	local key=$1
	shift
	for _ in $(seq 300); do "$@" && break; sleep 0.1; done >/dev/null
	printf '%b' "\\$key"
}

stops_and_goes_on() {
	local same='spawnctl run sh -c "kill -STOP \$\$; echo woken up; exit 3"'
	# The program alone, where nobody but its parent sees it
	on_terminal "$same; echo first \$?; fg; echo then \$?" </dev/null
	grep -qx 'first 148' "$work/terminal" && grep -qx 'woken up' "$work/terminal" &&
	grep -qx 'then 3' "$work/terminal" || return
	# All in the foreground
	{ key_when 032 pgrep -fx 'sleep 8'; sleep 9; } |
		on_terminal 'spawnctl run sleep 8; echo first $?; fg; echo then $?'
	grep -qx '.*first 148' "$work/terminal" && grep -qx 'then 0' "$work/terminal"
}

# A program that puts the terminal in order first, and one that does not stop
stops_when_the_program_has() {
	# With no child, which would stop for itself
	mkfifo "$work/silent"
	cat >"$work/slow" <<-END
		#!/bin/bash
		exec 9<>"$work/silent"
		trap 'told=1' TSTP
		touch "$work/there"
		while [ -z "\$told" ]; do read -t 0.1 -u 9; done
		read -t 2 -u 9
		echo in order
		kill -STOP \$\$
		exit 5
	END
	chmod +x "$work/slow"
	{ key_when 032 test -e "$work/there"; sleep 6; } |
		on_terminal "spawnctl run $work/slow; echo first \$?; fg; echo then \$?"
	[ "$(grep -xoE '(\^Z)?in order|first 148|then 5' "$work/terminal" | sed 's/^^Z//' | tr '\n' ,)" = \
		'in order,first 148,then 5,' ] || return
	{ key_when 032 pgrep -fx 'sleep 3'; sleep 4; } |
		on_terminal 'spawnctl run -i TSTP sleep 3; echo first $?'
	grep -qx '.*first 0' "$work/terminal"
}

# A job in the background; a signal for the parent alone; one that passes it on
stops_in_the_background() {
	local to run=
	for to in %1 '$!' %1; do
		on_terminal "$run spawnctl run sh -c \"sleep 2; exit 4\" & sleep 0.5; kill -TSTP $to
			sleep 0.5; jobs; sleep 3; fg; echo then \$?" </dev/null
		grep -q Stopped "$work/terminal" && grep -qx 'then 4' "$work/terminal" || return
		[ "$to" = %1 ] || run='spawnctl run'
	done
	# And not for ever, if it is woken up at once. A loop is left by bash at a stop.
	for to in 1 2 3 4 5 6 7 8 9; do
		echo "{ spawnctl run sh -c \"sleep 1; exit 4\"; echo then \$?; } &
			sleep 0.$to; kill -TSTP %%; kill -CONT %%"
	done >"$work/jobs"
	on_terminal ". $work/jobs; sleep 10" </dev/null
	[ "$(grep -cx 'then 4' "$work/terminal")" = 9 ]
}

# A process group of its own, which the terminal knows nothing of
signals_for_another_group() {
	local key
	cat >"$work/apart" <<-'END'
		#!/usr/bin/perl
		setpgrp;
		$SIG{INT} = sub { exit 9 };
		$0 = 'apart';
		sleep 30;
	END
	chmod +x "$work/apart"
	for key in 003 032; do
		{ key_when "$key" pgrep -fx apart; sleep 2; } |
			on_terminal "spawnctl run $work/apart; echo first \$?"
		mv "$work/terminal" "$work/terminal.$key"
	done
	pkill -KILL -fx apart
	grep -qx '.*first 9' "$work/terminal.003" && grep -qx '.*first 148' "$work/terminal.032"
}

# One that stops again as soon as it has gone on: a second SIGCONT would undo that
stops_again() {
	local of
	cat >"$work/again" <<-'END'
		#!/usr/bin/perl
		kill STOP => $$ for 1 .. 20;
		exit 4;
	END
	chmod +x "$work/again"
	for of in '' 'spawnctl run'; do
		on_terminal "$of spawnctl run $work/again; $(for _ in {1..20}; do
			echo 'echo at $?; fg;'
		done) echo then \$?" </dev/null
		[ "$(grep -cx 'at 148' "$work/terminal")" = 20 ] && grep -qx 'then 4' "$work/terminal" ||
			return
	done
}

alarm_goes_on() {
	gives 142 perl -e 'alarm 1; exec @ARGV' spawnctl run -d -- sleep 20
}

# Whoever wakes up a service's program has not to know of its parent
stops_without_terminal() {
	local pid child state
	setsid spawnctl run sh -c 'kill -STOP $$; exit 3' &
	pid=$!
	for _ in $(seq 100); do
		child=$(pgrep -P "$pid") && state=$(ps -o stat= -p "$child") && [ "${state:0:1}" = T ] &&
			break
		sleep 0.1
	done
	sleep 0.5
	[ "${state:0:1}" = T ] && [ "$(ps -o stat= -p "$pid" | cut -c 1)" = S ] &&
	kill -CONT "$child" && gives 3 wait "$pid"
}

only_these() {
	exec 7</dev/null 8</dev/null
	spawnctl run -d -f 8 -- sh -c 'echo /proc/$$/fd/*; ls -l /proc/$$/fd' | tee "$work/fds"
	grep -q '/fd/8' "$work/fds" && ! grep -q '/fd/7' "$work/fds"
}

elsewhere() {
	local cgroup=/sys/fs/cgroup/tool_test
	[ "$(spawnctl run -d -C /tmp -- pwd)" = /tmp ] &&
	spawnctl run -d -n -- grep -q 'NoNewPrivs:.1' /proc/self/status &&
	spawnctl run -d -s -- sh -c '[ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ]' &&
	mkdir $cgroup && spawnctl run -d -g $cgroup -- grep -q ':/tool_test$' /proc/self/cgroup &&
	rmdir $cgroup
}

limits() {
	[ "$(spawnctl limit -N 2 -- sh -c 'for i in 1 2 3; do spawnctl run -d -- echo yes; done' 2>/dev/null |
		grep -c yes)" = 2 ] &&
	gives 0 spawnctl limit -n -- spawnctl run -d -- grep -q 'NoNewPrivs:.1' /proc/self/status &&
	gives 125 spawnctl limit -c fork -- spawnctl run -d -- true &&
	gives 125 spawnctl limit -F nonsense -- true && gives 125 spawnctl limit -N -1 -- true &&
	gives 127 spawnctl limit -- no-such && gives 125 as_nobody spawnctl limit -- true
}

doctor_is_content() {
	gives 0 spawnctl doctor && spawnctl doctor --json | jq -e '.device and .loaded and
		([.findings[] | select(.state == "problem")] | length == 0)'
}

doctor_finds() {
	gives 1 as_nobody spawnctl doctor >"$work/doctor" && cat "$work/doctor" &&
		grep -q "PROBLEM *access *the device is root's alone" "$work/doctor" &&
		grep -q 'PROBLEM *programs *get clone' "$work/doctor" || return
	chown :nogroup /dev/spawnctl && chmod 660 /dev/spawnctl
	setpriv --reuid 7 --regid 7 --clear-groups spawnctl doctor >"$work/doctor"
	chown :root /dev/spawnctl && chmod 600 /dev/spawnctl
	cat "$work/doctor"
	grep -q '# usermod -aG nogroup ' "$work/doctor"
}

nothing_loaded() {
	modprobe -r spawnctl || return
	gives 3 spawnctl doctor >"$work/doctor"
	cat "$work/doctor"
	grep -q 'installed for this kernel (.*), not loaded' "$work/doctor" &&
	grep -q '# modprobe spawnctl' "$work/doctor" && gives 3 spawnctl info && gives 3 spawnctl stats &&
	gives 3 spawnctl monitor && gives 3 spawnctl stats --json && gives 0 spawnctl run -- true &&
	gives 125 spawnctl run -d -- true && gives 125 spawnctl limit -- true
}

misused() {
	local uids=({1..32})
	gives 2 spawnctl && gives 2 spawnctl nonsense && gives 2 spawnctl stats --nonsense &&
	gives 2 spawnctl stats extra && gives 2 spawnctl stats --json --openmetrics &&
	gives 2 spawnctl stats --watch=x && gives 2 spawnctl monitor --errno ENONSENSE &&
	gives 2 spawnctl monitor --count 0 && gives 2 spawnctl monitor --uid no-such-user &&
	gives 2 spawnctl monitor "${uids[@]/#/-u}" -u 33 &&
	spawnctl monitor "${uids[@]/#/-u}" --count 0 2>&1 | grep -q 'number of lines' &&
	gives 0 spawnctl --help && gives 0 spawnctl run --help && gives 0 spawnctl --version &&
	gives 1 sh -c 'spawnctl info >/dev/full' && gives 1 sh -c 'spawnctl info >&-' &&
	gives 1 sh -c 'spawnctl stats >&-' &&
	gives 7 sh -c 'spawnctl run sh -c "exit 7" >&-' && gives 125 spawnctl run -f 4294967296 -- true &&
	gives 125 spawnctl run -i 4294967311 -- true
}

echo "TAP version 13"
echo "1..31"
modprobe spawnctl
claim "info tells what is loaded" info_is_true
claim "stats counts what was done" adds_up
claim "stats counts what was refused, by errno" edquot_is_counted
claim "stats for Prometheus is well-formed, and its sums agree" metrics
claim "stats keeps to the terminal's width" narrow_enough
claim "stats --watch tells rates, and ends with its reader" watched
claim "monitor tells each child, in order" monitor_tells
claim "monitor tells only what is asked for" monitor_filters
claim "monitor passes no escape sequence on" no_escapes
claim "monitor ends with its reader" monitor_to_head
claim "monitor is refused without CAP_NET_ADMIN" gives 1 as_nobody spawnctl monitor
claim "stats is refused without the device" gives 1 as_nobody spawnctl stats
claim "stats --reset begins anew, for the administrator" reset_works
claim "run gives a clean signal state" is_clean
claim "run gives the signal state that is asked for" signals_as_asked
claim "run ends as its program does" ends_alike
claim "run passes signals on" passes_on
claim "run stops with its program in a shell's foreground, and goes on" stops_and_goes_on
claim "run stops when the program has, if that does" stops_when_the_program_has
claim "run stops with its program in the background" stops_in_the_background
claim "run stops as often as its program does" stops_again
claim "run passes keys on to another process group" signals_for_another_group
claim "run passes an alarm on" alarm_goes_on
claim "run does not stop in a service" stops_without_terminal
claim "run passes only these descriptors" only_these
claim "run sets directory, no_new_privs, session and cgroup" elsewhere
claim "limit narrows what its program gets" limits
claim "doctor finds nothing" doctor_is_content
claim "doctor finds why a user does not get the device" doctor_finds
claim "without the module all say so" nothing_loaded
modprobe spawnctl
claim "misuse is told from failure" misused
rm -rf "$work"
exit $failed
