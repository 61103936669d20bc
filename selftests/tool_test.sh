#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2016,SC2086,SC2317 # scripts for jq and sh; functions that claim runs
# The command spawnctl(8): its output is true, its JSON is valid, its exit statuses are
# the documented ones, and its output does no harm to a terminal or a pipe.

export LC_ALL=C COLUMNS=60
unset SPAWNCTL_FD SPAWNCTL_BACKEND
here=$(dirname "$(realpath "$0")")
helper=$here/tool_helper
# shellcheck source=claim.sh
. "$here/claim.sh"
chmod 755 "$work"

ended() {
	! grep -q '^State:.[^Z]' "/proc/$1/status" 2>/dev/null
}

# device COMMAND...: runs COMMAND in a child that the device makes
device() {
	"$helper" device "$@"
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
	spawnctl info --json | jq -e '.user.opens and .events and (.spawn_flags | index("exec_mask") >= 0) and
		.limit_flags == ["commands", "flags", "children", "no_new_privs", "reset", "filtered", "live", "kill"]' &&
	spawnctl info | grep -q "^LIMIT's flags *commands flags children no_new_privs reset filtered live kill$"
}

adds_up() {
	local spawns
	spawns=$(count .spawns) || return
	for _ in 1 2 3 4 5; do device true; done
	echo "from $spawns to $(count .spawns)"
	[ "$(count .spawns)" = $((spawns + 5)) ]
}

edquot_is_counted() {
	local before
	before=$(count '.failures.EDQUOT // 0')
	gives 200 spawnctl limit -N 0 -- "$helper" device true &&
		[ "$(count .failures.EDQUOT)" = $((before + 1)) ] &&
		spawnctl stats -o | grep -qx "spawnctl_failures_total{errno=\"EDQUOT\"} $((before + 1))"
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

# Waits until a socket has joined a group of generic netlink
somebody_listens() {
	local protocol groups
	for _ in $(seq 100); do
		while read -r _ protocol _ groups _; do
			[ "$protocol" = 16 ] && [ "$groups" != 00000000 ] && return
		done </proc/net/netlink
		sleep 0.1
	done
}

# monitored OPTIONS... -- COMMAND...: runs spawnctl monitor and COMMAND, with output in $work/seen
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
	monitored --json --count 3 -- sh -c 'for i in 1 2 3; do "$0" device true; done' "$helper" || return
	cat "$work/seen"
	[ "$(jq -s 'map(select(.command == "SPAWN" and .comm == "tool_helper" and .uid == 0 and
		.child > 1 and .wait_ns > 0 and .pid == .tgid)) | length' "$work/seen")" = 3 ] &&
	[ "$(jq -s '.[2].seq - .[0].seq' "$work/seen")" = 2 ]
}

monitor_filters() {
	local try="$helper device true; spawnctl limit -N 0 -- $helper device true; :"
	monitored --json --errno EDQUOT --count 1 -- sh -c "$try" &&
		[ "$(jq -r .error "$work/seen")" = EDQUOT ] &&
	monitored --json --errno any --count 1 -- sh -c "$try" && [ "$(jq .errno "$work/seen")" = 122 ] &&
	monitored --uid 7 --count 1 -- sh -c "$try; chmod 666 /dev/spawnctl
		setpriv --reuid 7 --clear-groups $helper device true; chmod 600 /dev/spawnctl" &&
		grep -q ' uid 7 SPAWN child ' "$work/seen" &&
	cp "$helper" "$work/other" &&
	monitored --comm other --count 1 -- sh -c "$try; $work/other device true" &&
		grep -q ' other uid 0 SPAWN' "$work/seen"
}

no_escapes() {
	local odd
	odd=$work/$(printf 'a\033[31mb')
	cp "$helper" "$odd"
	monitored --count 1 -- "$odd" device true && cat -v "$work/seen" &&
		grep -qF ' a\x1b[31mb uid 0' "$work/seen" && ! grep -q "$(printf '\033')" "$work/seen"
}

monitor_to_head() {
	{
		timeout 60 spawnctl monitor 2>"$work/said"
		echo $? >"$work/status"
	} | head -n 1 >"$work/seen" &
	somebody_listens
	# Each child causes an event. The second finds that the pipe has no reader.
	until [ -s "$work/status" ]; do device true; done
	cat "$work/status" "$work/said"
	[ "$(cat "$work/status")" != 124 ] && [ -s "$work/seen" ] && [ ! -s "$work/said" ]
}

monitor_to_full() {
	local status
	# The C library buffers by line for a terminal, and here, too
	timeout 30 stdbuf -oL spawnctl monitor >/dev/full 2>"$work/said" &
	somebody_listens && device true
	wait $!
	status=$?
	cat "$work/said"
	[ $status = 1 ] && grep -q '^spawnctl: cannot write to the standard output: No space left' \
		"$work/said" || return
	# The socket must not become the standard output that is closed
	timeout 30 sh -c 'exec spawnctl monitor --count 1 <&- >&-' &
	somebody_listens && device true
	wait $!
	[ $? = 1 ]
}

# All signals but KILL and STOP, which cannot be ignored or blocked
all_signals=fffffffffffbfeff

# has SIGNALS OF COMMAND...: checks line OF of /proc/PID/status in a program that COMMAND runs
has() {
	local wanted=$1 of=$2 got
	shift 2
	got=$("$@" cat /proc/self/status | sed -n "s/^$of:.//p")
	echo "$of $got, not $wanted: $*"
	[ "$got" = "$wanted" ]
}

is_clean() {
	has $all_signals SigIgn "$helper" ignoring && has $all_signals SigBlk "$helper" ignoring &&
	has 0000000000000000 SigIgn "$helper" ignoring spawnctl run &&
	has 0000000000000000 SigBlk "$helper" ignoring spawnctl run --
}

keeps_signals() {
	has $all_signals SigIgn "$helper" ignoring spawnctl run -k &&
	has $all_signals SigBlk "$helper" ignoring spawnctl run --keep-signals &&
	has 0000000000000200 SigBlk "$helper" ignoring spawnctl run -k -m USR1 &&
	has $all_signals SigIgn "$helper" ignoring spawnctl run -k -m USR1 &&
	has 0000000000001001 SigIgn spawnctl run -k -i PIPE,HUP &&
	has 0000000000000000 SigBlk spawnctl run -k -i PIPE,HUP
}

# By name, alias and number, with 32 and 33, which libc reserves for itself, and the last one
signals_as_asked() {
	local list=PIPE,sighup,SIGTERM,10,POLL,32,33,RTMIN,RTMIN+2,SIGRTMAX-1,64
	has c000000b90005201 SigIgn spawnctl run -i $list && has c000000b90005201 SigBlk spawnctl run -m $list &&
	has 0000000000001001 SigIgn spawnctl run --ignore-signal=PIPE -i 1 --mask=USR1 &&
	has 0000000000000200 SigBlk spawnctl run --ignore-signal=PIPE -i 1 --mask=USR1
}

in_place() {
	[ "$(sh -c 'echo $$; exec spawnctl run -- sh -c "echo \$\$"' | uniq | wc -l)" = 1 ] &&
	sh -c 'LISTEN_PID=$$ WATCHDOG_PID=$$ exec spawnctl run -- sh -c \
		"echo \$\$ \$LISTEN_PID \$WATCHDOG_PID
		[ \$LISTEN_PID = \$\$ ] && [ \$WATCHDOG_PID = \$\$ ]"' &&
	[ "$(unshare --pid --fork spawnctl run -- sh -c 'echo $$')" = 1 ]
}

# received SIGNAL: a signal for the pid of spawnctl run reaches the program that it executes
received() {
	local pid
	rm -f "$work/pid"
	spawnctl run -- "$helper" receives "$1" "$work/pid" &
	pid=$!
	until_so [ -s "$work/pid" ] || return
	kill "-$1" $pid
	gives 0 wait $pid
}

# All signals that can be received, also those that by default end, stop or are ignored
signals_reach_it() {
	local sig
	for sig in {1..8} {10..18} {20..31} {34..64}; do
		received "$sig" || { echo "signal $sig"; return 1; }
	done
}

killed_with_it() {
	local pid
	spawnctl run -- "$helper" receives 10 "$work/victim" &
	pid=$!
	until_so [ -s "$work/victim" ] || return
	kill -KILL $pid
	gives 137 wait $pid
	until_so ended "$(cat "$work/victim")"
}

dies_with_parent() {
	local parent
	sh -c 'setpriv --pdeathsig KILL spawnctl run -- "$0" receives 10 "$1" & wait' \
		"$helper" "$work/orphan" &
	parent=$!
	until_so [ -s "$work/orphan" ] || return
	kill -KILL $parent
	wait $parent
	until_so ended "$(cat "$work/orphan")"
}

ends_alike() {
	gives 7 spawnctl run -- sh -c 'exit 7' && gives 143 spawnctl run -- sh -c 'kill -TERM $$' &&
	gives 137 spawnctl run -- sh -c 'kill -KILL $$' &&
	(trap '' CHLD; gives 3 spawnctl run -- sh -c 'exit 3') &&
	line 127 "spawnctl run: cannot execute 'no-such': not in PATH, or .*" spawnctl run -- no-such &&
	line 127 "spawnctl run: cannot execute '/no/such': No such file or directory" \
		spawnctl run -- /no/such &&
	line 126 "spawnctl run: cannot execute '/etc/passwd': Permission denied" \
		spawnctl run -- /etc/passwd &&
	printf '#!/no/such\n' >"$work/script" && chmod +x "$work/script" &&
	line 127 "spawnctl run: cannot execute '.*/script': its interpreter does not exist" \
		spawnctl run -- "$work/script"
}

# A long name does not displace the cause, and no name can control the terminal
names_in_messages() {
	local long odd
	long=$(printf '%01250d' 0)
	line 125 "spawnctl run: cannot change to directory '/$long': File name too long" \
		spawnctl run -C "/$long" -- true &&
	line 127 "spawnctl run: cannot execute '.x1b\[31m.x0aspawnctl.xc3.xa9.xff': .*" \
		spawnctl run -- "$(printf '\033[31m\nspawnctl\303\251\377')" && [ "$(wc -l <"$work/line")" = 1 ] &&
	line 127 "$(printf "spawnctl run: cannot execute 'spawnctl\303\251.xff': .*")" \
		env LC_ALL=C.UTF-8 spawnctl run -- "$(printf 'spawnctl\303\251\377')" &&
	odd=$work/$(printf 'a\033') && echo nonsense >"$odd" &&
	line 1 '.*/a.x1b:1: .*' spawnctl serve --check "$odd"
}

# only_these WRAPPER...: -f closes all numbers below, between and above those that it keeps
only_these() {
	(
		exec 5</dev/null 7</dev/null 8</dev/null 9</dev/null
		"$@" spawnctl run -f 8,1,7,8 -- sh -c 'cd /proc/$$/fd && echo *' >"$work/fds"
		"$@" spawnctl run --keep-fd= -- sh -c 'cd /proc/$$/fd && echo *' >>"$work/fds"
		"$@" spawnctl run -- sh -c 'cd /proc/$$/fd && echo *' >>"$work/fds"
	)
	cat "$work/fds"
	# The shell has one more descriptor, for the directory that it reads
	[ "$(sed -n '1s/ 3//p' "$work/fds")" = '0 1 2 7 8' ] &&
	[ "$(sed -n '2s/ 3//p' "$work/fds")" = '0 1 2' ] && sed -n 3p "$work/fds" | grep -q '5.* 9'
}

elsewhere() {
	local cgroup=/sys/fs/cgroup/tool_test
	[ "$(spawnctl run -C /tmp -- pwd)" = /tmp ] &&
	gives 0 spawnctl run -n -- grep -q 'NoNewPrivs:.1' /proc/self/status &&
	gives 1 spawnctl run -- grep -q 'NoNewPrivs:.1' /proc/self/status &&
	mkdir $cgroup && gives 0 spawnctl run -g $cgroup -- grep -q ':/tool_test$' /proc/self/cgroup &&
	rmdir $cgroup
}

leads='[ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ]'

# setsid(2) fails for the leader of a process group, such as a job of an interactive shell
leads_session() {
	gives 0 spawnctl run -s -- sh -c "$leads" && gives 1 spawnctl run -- sh -c "$leads" &&
	gives 0 setsid -w spawnctl run -s -- sh -c "$leads" &&
	line 125 'spawnctl run: cannot start a session: .* use setsid\(1\), which forks' \
		perl -e 'setpgrp; exec @ARGV' spawnctl run -s -- true
}

run_names_causes() {
	local cgroup=/sys/fs/cgroup/tool_test
	line 125 "spawnctl run: cannot change to directory '/no/such': No such file or directory" \
		spawnctl run -C /no/such -- true &&
	line 125 "spawnctl run: file descriptor '77' is not open" spawnctl run -f 1,77 -- true &&
	line 125 "spawnctl run: file descriptor '0' is not open" sh -c 'exec spawnctl run -f 0 -- true <&-' &&
	line 125 "spawnctl run: file descriptor 'x' is not open" spawnctl run -f x -- true &&
	line 125 "spawnctl run: file descriptor '4294967296' .*" spawnctl run -f 4294967296 -- true &&
	line 125 "spawnctl run: unknown signal 'NONE'" spawnctl run -i PIPE,NONE -- true &&
	line 125 "spawnctl run: unknown signal '4294967311'" spawnctl run -m 4294967311 -- true &&
	line 125 "spawnctl run: unknown signal '65'" spawnctl run -m 65 -- true &&
	line 125 "spawnctl run: unknown signal 'RTMAX-31'" spawnctl run -m RTMAX-31 -- true &&
	line 125 "spawnctl run: KILL cannot be ignored" spawnctl run -i KILL -- true &&
	line 125 "spawnctl run: STOP cannot be blocked" spawnctl run -m STOP -- true &&
	line 125 "spawnctl run: option '-i' needs a value" spawnctl run -ki &&
	line 125 "spawnctl run: option '--mask' needs a value" spawnctl run --mask &&
	line 125 "spawnctl run: option '--setsid=1' takes no value" spawnctl run --setsid=1 true &&
	line 125 "spawnctl run: unknown option '-d'" spawnctl run -kd -- true &&
	line 125 "spawnctl run: unknown or ambiguous option '--keep'" spawnctl run --keep -- true &&
	line 125 "spawnctl run: no command to execute" spawnctl run -k &&
	line 125 "spawnctl run: cannot open cgroup '/no/such': No such file or directory" \
		spawnctl run -g /no/such -- true &&
	line 125 "spawnctl run: '/tmp' is not a cgroup \(v2\) directory" spawnctl run -g /tmp -- true ||
		return
	mkdir -p $cgroup/threaded $cgroup/invalid || return
	line 125 "spawnctl run: cannot move into cgroup '$cgroup': this user may not write to .*" \
		as_nobody spawnctl run -g $cgroup -- true &&
	echo threaded >$cgroup/threaded/cgroup.type &&
	line 125 "spawnctl run: cannot move into cgroup '.*/invalid': its cgroup.type does not .*" \
		spawnctl run -g $cgroup/invalid -- true &&
	rmdir $cgroup/threaded && echo +memory >/sys/fs/cgroup/cgroup.subtree_control &&
	echo +memory >$cgroup/cgroup.subtree_control &&
	line 125 "spawnctl run: cannot move into cgroup '$cgroup': it has controllers in .*" \
		spawnctl run -g $cgroup -- true
	set -- $?
	rmdir $cgroup/* $cgroup
	return "$1"
}

# allows LINE OPTION...: checks what spawnctl limit with these options leaves allowed
allows() {
	local line=$1
	shift
	line 0 "$line" spawnctl limit "$@" -- "$helper" allowed
}

limit_commands() {
	allows 'commands f .* limits 0 children -1 live -1' && allows 'commands 3 .*' -c spawn &&
	allows 'commands d .*' --commands=fork,LIMIT && allows 'commands 1 .*' -c '' &&
	gives 200 spawnctl limit -c fork -- "$helper" device true &&
	gives 0 spawnctl limit -c spawn -- "$helper" device true
}

limit_flags() {
	allows 'commands f flags 401 .*' -F window_mask,hold &&
	gives 200 spawnctl limit --flags=window_mask -- "$helper" device true
}

limit_children() {
	allows '.* children 2 .*' -N 2 && allows '.* children 0 .*' --children=0 &&
	[ "$(spawnctl limit -N 2 -- sh -c 'for i in 1 2 3; do "$0" device echo yes; done' "$helper" 2>/dev/null |
		grep -c yes)" = 2 ]
}

limit_live() {
	allows '.* children -1 live 2' -l 2 && allows '.* live 0' --live=0 &&
	line 1 '.*: as many children are alive as LIMIT allows at a time, .*' \
		spawnctl limit -l 0 -- spawnctl doctor &&
	gives 0 spawnctl limit -l 1 -- sh -c 'for i in 1 2 3; do "$0" device true || exit; done' "$helper"
}

limit_kill() {
	allows '.* limits 88 .*' -k && allows '.* limits 88 .*' --kill &&
	line 0 killed spawnctl limit -k -- "$helper" job && line 0 alive spawnctl limit -- "$helper" job
}

limit_no_new_privs() {
	allows '.* limits 8 .*' -n && allows '.* limits 8 .*' --no-new-privs &&
	gives 0 spawnctl limit -n -- "$helper" device grep -q 'NoNewPrivs:.1' /proc/self/status &&
	gives 1 spawnctl limit -- "$helper" device grep -q 'NoNewPrivs:.1' /proc/self/status
}

limit_reset() {
	allows '.* limits 10 .*' -r && allows '.* limits 10 .*' --reset-signals &&
	# Before glibc 2.34 a program linked with libpthread handles 32 and 33 from its start
	{ has $all_signals SigIgn "$helper" ignoring spawnctl limit -- "$helper" device ||
		has fffffffe7ffbfeff SigIgn "$helper" ignoring spawnctl limit -- "$helper" device; } &&
	has 0000000000000000 SigIgn "$helper" ignoring spawnctl limit -r -- "$helper" device
}

# Under a filter for a number that is no system call (9999)
limit_filtered() {
	allows '.* limits 20 .*' -p && allows '.* limits 20 .*' --filtered &&
	gives 0 spawnctl limit -p -- "$helper" without 9999 "$helper" device true &&
	gives 200 spawnctl limit -- "$helper" without 9999 "$helper" device true
}

limit_final() {
	allows 'commands 7 .*' -x && allows 'commands 3 .*' --final -c spawn,limit &&
	gives 0 spawnctl limit -x -- "$helper" final && gives 1 spawnctl limit -- "$helper" final
}

# The device does not take the number of a standard descriptor, which stays closed in the program
limit_and_closed_fds() {
	local closed='[ ! -e /proc/$$/fd/0 ] && [ ! -e /proc/$$/fd/1 ] && [ "$SPAWNCTL_FD" -gt 2 ]'
	gives 0 spawnctl limit -- sh -c "$closed" <&- >&-
}

limit_names_causes() {
	line 125 "spawnctl limit: unknown command 'nonsense': .*" spawnctl limit -c nonsense -- true &&
	line 125 "spawnctl limit: unknown flag 'nonsense': .*" spawnctl limit -F nonsense -- true &&
	line 125 "spawnctl limit: '-1' is not a number of children" spawnctl limit -N -1 -- true &&
	line 125 "spawnctl limit: 'x' is not a number of children" spawnctl limit -l x -- true &&
	line 125 "spawnctl limit: option '--flags' needs a value" spawnctl limit --flags &&
	line 125 "spawnctl limit: unknown option '-Z'" spawnctl limit -Z -- true &&
	line 125 "spawnctl limit: no command to execute" spawnctl limit -r &&
	line 127 "spawnctl limit: cannot execute 'no-such': .*" spawnctl limit -- no-such &&
	line 126 "spawnctl limit: cannot execute '/tmp': .*" spawnctl limit -- /tmp &&
	line 125 "spawnctl limit: cannot open the device .*: this user may not open the device, .*" \
		as_nobody spawnctl limit -- true
}

# finding ABOUT PATTERN: whether the doctor's output in $work/doctor has this finding
finding() {
	grep -qE "^[a-zA-Z]+ +$1 +$2" "$work/doctor" && return
	echo "no finding '$1 $2' in:"
	cat "$work/doctor"
	return 1
}

# doctor STATUS COMMAND...: checks the status; the output is in $work/doctor
doctor() {
	local status=$1
	shift
	gives "$status" "$@" >"$work/doctor" 2>&1
}

# The commands that the doctor proposes
proposed() {
	"$@" spawnctl doctor --json | jq -r '.findings[].mend // empty'
}

doctor_is_content() {
	local spawns
	spawns=$(count .spawns)
	gives 0 spawnctl doctor --json >"$work/doctor" || return
	[ "$(count .spawns)" = $((spawns + 1)) ] &&
	sed '$d' "$work/doctor" | jq -e '.device and .loaded and .backend == "device" and
		([.findings[] | select(.state != "ok")] | length == 0)' &&
	doctor 0 spawnctl doctor && finding programs 'programs can use the device: it has started a test program'
}

# Whether this guest lacks a program that other systems have
lacks() {
	! PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin command -v "$1"
}

provide() {
	mkdir -p /usr/local/sbin && : >"/usr/local/sbin/$1" && chmod 755 "/usr/local/sbin/$1"
}

withdraw() {
	rm -f "/usr/local/sbin/$1"
}

# If another backend works, what prevents the use of the device is a note, not a problem
doctor_finds() {
	doctor 0 as_nobody spawnctl doctor && finding access 'only root may open the device' &&
	finding programs 'programs are started by clone.*, because the device cannot be used: this user may not' &&
	! grep PROBLEM "$work/doctor" &&
	as_nobody spawnctl doctor --json | jq -e '(.device | not) and .loaded and (.backend | test("^clone"))' &&
	doctor 1 as_nobody env SPAWNCTL_BACKEND=device spawnctl doctor &&
	finding environment 'SPAWNCTL_BACKEND=device: .* no program can be started' &&
	doctor 1 env SPAWNCTL_BACKEND=devise spawnctl doctor &&
	finding environment 'SPAWNCTL_BACKEND=devise is not a backend: .* no program can be started' &&
	doctor 0 env SPAWNCTL_BACKEND=device spawnctl doctor &&
	doctor 0 "$helper" without 9999 spawnctl doctor && finding access 'the module refuses' &&
	finding filter 'this process is under a seccomp filter, so' || return
	local as_daemon=(setpriv --reuid daemon --regid daemon --clear-groups)
	chown :nogroup /dev/spawnctl && chmod 660 /dev/spawnctl
	doctor 0 "${as_daemon[@]}" spawnctl doctor && finding group 'this user is not in group nogroup' &&
	lacks usermod && [ -z "$(proposed "${as_daemon[@]}")" ] && provide usermod &&
	[ "$(proposed "${as_daemon[@]}")" = 'usermod -aG nogroup daemon' ]
	set -- $?
	withdraw usermod
	chown :root /dev/spawnctl && chmod 600 /dev/spawnctl
	return "$1"
}

doctor_sees_limits() {
	doctor 0 spawnctl limit -N 3 -n -c spawn -- spawnctl doctor &&
	finding descriptor "SPAWNCTL_FD=[0-9]+ is used; allowed commands: spawn; \
every child has no_new_privs; children left: 3" &&
	# Also where a container hides /sys
	doctor 0 unshare --mount spawnctl limit -N 3 -- sh -c \
		'mount -t tmpfs none /sys && exec spawnctl doctor' &&
	finding descriptor 'SPAWNCTL_FD=[0-9]+ is used' && finding module 'loaded, of unknown version' &&
	doctor 0 unshare --mount sh -c \
		'mount --bind /proc/self/mounts /proc/$$/status && exec spawnctl doctor' &&
	finding filter '/proc/self/status does not show' && ! finding filter 'this process is' &&
	doctor 1 spawnctl limit -N 0 -- spawnctl doctor &&
	finding programs 'programs cannot be started by the device: LIMIT allows no more children' &&
	doctor 0 env SPAWNCTL_FD=0 spawnctl doctor &&
	finding descriptor 'SPAWNCTL_FD=0 is not an open .*' &&
	doctor 1 spawnctl limit -F window_mask -- spawnctl doctor &&
	finding programs '.*LIMIT has taken away the command or a flag'
}

# What a filter does to a program that is started without the device. 435 is clone3
doctor_sees_filters() {
	doctor 1 "$helper" killed 435 spawnctl doctor &&
	finding programs 'programs cannot be started: .* the seccomp filter kills a process that calls clone3' &&
	doctor 0 spawnctl limit --filtered -- "$helper" killed 435 spawnctl doctor &&
	finding programs 'programs can use the device' &&
	(trap '' CHLD; doctor 1 "$helper" killed 435 spawnctl doctor) &&
	finding programs 'programs cannot be started: .* the seccomp filter kills a process that calls clone3' &&
	doctor 0 "$helper" without 435 spawnctl doctor && finding programs 'programs are started by clone\(2\)' &&
	doctor 1 "$helper" without 435 env SPAWNCTL_BACKEND=clone3 spawnctl doctor &&
	finding environment 'SPAWNCTL_BACKEND=clone3: .* no program can be started' &&
	doctor 0 "$helper" without 435 env SPAWNCTL_BACKEND=clone spawnctl doctor &&
	finding environment 'SPAWNCTL_BACKEND=clone$' &&
	doctor 1 "$helper" without 435 "$helper" without clone spawnctl doctor &&
	finding programs 'programs cannot be started by clone\(2\): the seccomp filter refuses it' &&
	# Nothing can be found out without dying; what was found before is printed
	doctor 159 "$helper" killed 435 "$helper" killed clone spawnctl doctor &&
	finding filter 'this process is under a seccomp filter, so'
}

# gone PROGRAM...: executes the command from a file that has been removed
gone() {
	cp "$(command -v spawnctl)" "$work/gone" && exec 9<"$work/gone" && rm "$work/gone" || return
	"$@" /proc/self/fd/9 doctor
	set -- $?
	exec 9<&-
	return "$1"
}

# That the test program lacks something is no problem of other programs
doctor_lacks_something() {
	doctor 0 gone && finding programs 'the device makes children, but cannot execute the test program' &&
	doctor 0 unshare --mount sh -c 'mount -t tmpfs none /proc && exec spawnctl doctor' &&
	finding programs 'programs can use the device: it has started a test program'
}

doctor_knows_kernels() {
	doctor 0 "$helper" release 6.11.99-none spawnctl doctor && finding kernel '6.11.99-none: not tested' &&
	doctor 0 "$helper" release 5.1.0 spawnctl doctor && finding kernel '5.1.0: the module needs' &&
	doctor 0 "$helper" release 6.12.0 spawnctl doctor && finding kernel '6.12.0$' &&
	grep -q '^ok *kernel' "$work/doctor"
}

# The commands that the doctor proposes repair the device node
doctor_mends_the_node() {
	rm /dev/spawnctl
	[ -z "$(proposed unshare --user --map-root-user)" ] && proposed >"$work/mend" &&
	cat "$work/mend" && sh -e "$work/mend" && device true &&
	rm /dev/spawnctl && : >/dev/spawnctl &&
	proposed >"$work/mend" && cat "$work/mend" && sh -e "$work/mend" && device true &&
	rm /dev/spawnctl && ln -s nowhere /dev/spawnctl &&
	proposed >"$work/mend" && cat "$work/mend" && sh -e "$work/mend" && device true
	set -- $?
	# The kernel removes only a node that it has made itself
	rm -f /dev/spawnctl
	modprobe -r spawnctl && modprobe spawnctl
	return "$1"
}

# showing TEXT FILE COMMAND...: runs COMMAND, for which FILE contains TEXT
showing() {
	echo "$1" >"$work/shown"
	unshare --mount sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' - "$work/shown" "${@:2}"
}

# A module that is signed with a key that the kernel does not accept cannot be loaded
doctor_knows_signatures() {
	local efi='mount -t tmpfs none /sys/firmware && mkdir /sys/firmware/efi && exec "$@"'
	local enforced=(showing Y /sys/module/module/parameters/sig_enforce)
	modprobe -r spawnctl && lacks mokutil && provide mokutil && mkdir -p /var/lib/dkms || return
	[ "$(proposed "${enforced[@]}")" = 'modprobe spawnctl' ] && : >/var/lib/dkms/mok.pub &&
	[ "$(proposed "${enforced[@]}" sh -c "$efi" -)" = 'mokutil --import /var/lib/dkms/mok.pub' ]
	set -- $?
	withdraw mokutil
	rm -r /var/lib/dkms
	return "$1"
}

nothing_loaded() {
	modprobe -r spawnctl || return
	doctor 0 spawnctl doctor && finding module 'installed for this kernel \(.*\), not loaded' &&
	finding programs 'programs are started by clone.*: the module is not loaded' &&
	doctor 0 unshare --mount sh -c 'mount -t tmpfs none /proc && : >/proc/version && exec spawnctl doctor' &&
	finding module 'not loaded: this kernel can load no modules' &&
	spawnctl doctor --json | jq -e '(.device | not) and (.loaded | not)' &&
	[ "$(proposed)" = 'modprobe spawnctl' ] && [ -z "$(proposed unshare --user --map-root-user)" ] &&
	[ -z "$(proposed setpriv --bounding-set=-sys_module)" ] &&
	[ "$(proposed as_nobody)" = 'modprobe spawnctl' ] &&
	[ -z "$(proposed showing 1 /proc/sys/kernel/modules_disabled)" ] &&
	[ "$(proposed showing 0 /proc/sys/kernel/modules_disabled)" = 'modprobe spawnctl' ] &&
	[ -z "$(proposed setpriv --no-new-privs --reuid 7 --clear-groups)" ] &&
	line 3 'spawnctl info: .*: the module is not loaded: see spawnctl doctor' spawnctl info &&
	gives 3 spawnctl stats && gives 3 spawnctl monitor && gives 0 spawnctl run -- true &&
	line 125 'spawnctl limit: cannot open the device .*: the module is not loaded, or .*' \
		spawnctl limit -- true &&
	failure 3 ENOENT spawnctl info -j && failure 3 ENOENT spawnctl stats -jw &&
	failure 3 ENOENT spawnctl monitor --json
}

# dkms is proposed only if it is there, with the module's source and the kernel's headers
doctor_knows_dkms() {
	local old=6.12.99-none version known=/var/lib/dkms/spawnctl
	local on_old=("$helper" release "$old") source headers=/lib/modules/$old/build
	version=$(modinfo -F version spawnctl)
	source=/usr/src/spawnctl-$version
	modprobe -r spawnctl && lacks dkms && [ ! -e "$source" ] || return
	doctor 0 "${on_old[@]}" spawnctl doctor && finding module 'not loaded, and not installed' &&
	provide dkms && mkdir -p $headers && : >$headers/Makefile && [ -z "$(proposed "${on_old[@]}")" ] &&
	mkdir -p "$source" && : >"$source/dkms.conf" &&
	[ "$(proposed "${on_old[@]}")" = "dkms install spawnctl/$version -k $old && modprobe spawnctl" ] &&
	withdraw dkms && [ -z "$(proposed "${on_old[@]}")" ] && provide dkms && rm "$source/dkms.conf" &&
	mkdir -p "$known/1" && [ -z "$(proposed "${on_old[@]}")" ] && ln -s "$source" "$known/1/source" &&
	[ -z "$(proposed "${on_old[@]}")" ] && : >"$source/dkms.conf" &&
	[ "$(proposed "${on_old[@]}")" = "dkms autoinstall -k $old && modprobe spawnctl" ] &&
	rm $headers/Makefile && [ -z "$(proposed "${on_old[@]}")" ]
	set -- $?
	withdraw dkms
	rm -rf "$source" "/lib/modules/$old" "$known"
	return "$1"
}

# failure STATUS ERRNO COMMAND...: checks the object that --json prints for a failure
failure() {
	local status=$1 error=$2
	shift 2
	gives "$status" "$@" 2>"$work/said" | sed '$d' | tee "$work/failure"
	jq -se --arg error "$error" --argjson status "$status" 'length == 1 and (.[0].failure |
		.status == $status and .error == $error and .errno > 0 and (.text | length > 0))' \
		"$work/failure" && [ "$(wc -l <"$work/said")" = 1 ]
}

fails_in_json() {
	failure 1 EPERM as_nobody spawnctl stats --json && failure 1 EPERM as_nobody spawnctl monitor -j &&
	spawnctl stats --nonsense --json | jq -e '.failure.status == 2 and .failure.errno == null' &&
	spawnctl info -jj "$(printf 'a\033\377')" | jq -e '.failure.text | test("a.x1b.xff")' &&
	spawnctl nonsense --json | jq -e '.failure.status == 2' &&
	spawnctl serve -jc /no/such | jq -e '.failure.status == 2' &&
	[ -z "$(spawnctl stats --nonsense 2>/dev/null)" ] && [ -z "$(spawnctl stats -- --json 2>/dev/null)" ]
}

misused() {
	local uids=({1..32})
	gives 2 spawnctl && line 2 "spawnctl: unknown command 'nonsense'" spawnctl nonsense &&
	line 2 "spawnctl: unknown command 'nonsense'" spawnctl help nonsense &&
	line 2 "spawnctl stats: unknown or ambiguous option '--reset'" spawnctl stats --reset &&
	line 2 "spawnctl stats: unexpected argument 'extra'" spawnctl stats extra &&
	gives 2 spawnctl stats --json --openmetrics && gives 2 spawnctl stats --watch --openmetrics &&
	line 2 "spawnctl stats: 'x' is not a number of seconds.*" spawnctl stats --watch=x &&
	line 2 "spawnctl monitor: unknown errno 'ENONSENSE'" spawnctl monitor --errno ENONSENSE &&
	line 2 "spawnctl monitor: '0' is not a number of lines.*" spawnctl monitor --count 0 &&
	line 2 "spawnctl monitor: unknown user 'no-such-user'" spawnctl monitor --uid no-such-user &&
	line 2 "spawnctl monitor: 'a234567890123456' is longer than .*" \
		spawnctl monitor --comm a234567890123456 &&
	line 2 "spawnctl monitor: more than 32 values of option '--uid'" \
		spawnctl monitor "${uids[@]/#/-u}" -u 33 &&
	line 2 '.* is not a number of lines.*' spawnctl monitor "${uids[@]/#/-u}" --count 0 &&
	line 2 "spawnctl doctor: unexpected argument 'extra'" spawnctl doctor extra &&
	line 2 "spawnctl info: unknown option '-x'" spawnctl info -jx &&
	line 2 "spawnctl info: unknown option '-:'" spawnctl info -: &&
	line 2 "spawnctl stats: unknown or ambiguous option '--nonsense'" spawnctl stats --nonsense &&
	line 2 "spawnctl: unexpected argument 'extra'" spawnctl version extra &&
	line 2 "spawnctl: unexpected argument 'extra'" spawnctl help info extra &&
	line 2 "spawnctl serve: --check and --json cannot be combined" spawnctl serve --check --json &&
	line 2 "spawnctl monitor: '0' is not a number of lines.*" spawnctl monitor -e ETIMEDOUT --count 0
}

helps() {
	local command
	gives 0 spawnctl --help && [ "$(spawnctl help)" = "$(spawnctl --help)" ] &&
	[ "$(spawnctl help help)" = "$(spawnctl help)" ] && [ "$(spawnctl help version)" = "$(spawnctl help)" ] &&
	[ "$(spawnctl version --help)" = "$(spawnctl help)" ] &&
	[ "$(spawnctl version)" = "$(spawnctl --version)" ] &&
	[ "$(spawnctl version)" = "spawnctl $(modinfo -F version spawnctl)" ] || return
	for command in info stats monitor doctor run limit serve; do
		spawnctl help $command | grep -q "^Usage: spawnctl $command" &&
		[ "$(spawnctl help $command)" = "$(spawnctl $command --help)" ] || return
	done
}

cannot_write() {
	line 1 'spawnctl: cannot write to the standard output: .*' sh -c 'spawnctl info >/dev/full' &&
	line 1 'spawnctl: .*: No space left on device' \
		sh -c 'timeout 30 stdbuf -oL spawnctl stats --watch=0.1 >/dev/full' &&
	gives 1 sh -c 'spawnctl info >&-' && gives 1 sh -c 'spawnctl stats >&-' &&
	gives 7 sh -c 'spawnctl run sh -c "exit 7" >&-'
}

echo "TAP version 13"
modprobe spawnctl
claim "info describes the loaded module" info_is_true
claim "stats counts the children that are made" adds_up
claim "stats counts refusals by errno" edquot_is_counted
claim "stats --openmetrics prints valid metrics whose totals are the sums of their parts" metrics
claim "stats fits the terminal's width" narrow_enough
claim "stats --watch prints rates, and ends when its pipe has no reader" watched
claim "monitor prints each child, in order" monitor_tells
claim "monitor prints only the events that its options select" monitor_filters
claim "monitor escapes control characters in a program's name" no_escapes
claim "monitor ends when its pipe has no reader" monitor_to_head
claim "monitor ends when its output cannot be written" monitor_to_full
claim "monitor fails without CAP_NET_ADMIN" line 1 \
	'spawnctl monitor: cannot listen to events: CAP_NET_ADMIN .* is needed' as_nobody spawnctl monitor
# On older kernels the start of a dump can return an errno, but no message
case $(uname -r) in
5.* | 6.1.*) words='Operation not permitted' ;;
*) words='a descriptor of the device is needed, or CAP_NET_ADMIN: .*' ;;
esac
claim "stats fails without access to the device" line 1 "spawnctl stats: .*: $words" \
	as_nobody spawnctl stats
claim "run resets the signal state" is_clean
claim "run --keep-signals keeps the signal state" keeps_signals
claim "run --ignore-signal and --mask set the signal state" signals_as_asked
claim "run does not fork: the process id stays, and is 1 in a new namespace" in_place
claim "run: signals sent to its process id reach the program" signals_reach_it
claim "run: SIGKILL sent to its process id ends the program" killed_with_it
claim "run: a parent-death signal that the caller has set ends the program" dies_with_parent
claim "run ends with the status of its program" ends_alike
claim "messages have the cause, also after a long name, and no control characters" names_in_messages
claim "run --keep-fd passes only the listed descriptors" only_these
claim "run --keep-fd passes only the listed descriptors, without close_range()" \
	only_these "$helper" without 436
claim "run --chdir, --no-new-privs and --cgroup take effect" elsewhere
claim "run --setsid starts a session" leads_session
claim "run's error messages name the cause and the object" run_names_causes
claim "limit --commands allows only the named commands" limit_commands
claim "limit --flags allows only the named flags" limit_flags
claim "limit --children allows this number of children in total" limit_children
claim "limit --no-new-privs sets no_new_privs in each child" limit_no_new_privs
claim "limit --live allows this number of children at a time" limit_live
claim "limit --kill kills the children when the descriptor is last closed" limit_kill
claim "limit --reset-signals starts each child with default actions" limit_reset
claim "limit --filtered lets a filtered program use the descriptor" limit_filtered
claim "limit --final makes a further LIMIT fail" limit_final
claim "limit does not put the device in the place of a closed standard descriptor" limit_and_closed_fds
claim "limit's error messages name the cause and the object" limit_names_causes
claim "doctor finds no problem, and starts a program by the device" doctor_is_content
claim "doctor finds why a user cannot use the device" doctor_finds
claim "doctor reports what LIMIT still allows" doctor_sees_limits
claim "doctor reports what a filter does to programs that do not use the device" doctor_sees_filters
claim "doctor does not take what its test program lacks for a problem" doctor_lacks_something
claim "doctor reports whether the kernel is tested" doctor_knows_kernels
claim "doctor proposes commands that create the device node again" doctor_mends_the_node
claim "without the module, each command reports that it is not loaded" nothing_loaded
claim "doctor proposes dkms only with dkms, headers and source installed" doctor_knows_dkms
claim "doctor proposes modprobe only if the kernel may accept the signature" doctor_knows_signatures
modprobe spawnctl
claim "with --json a failure is printed as an object" fails_in_json
claim "wrong usage exits with status 2" misused
claim "help and version print the same as the options --help and --version" helps
claim "output that cannot be written is reported as a failure" cannot_write
finish
