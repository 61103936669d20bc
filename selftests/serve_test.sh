#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2086,SC2317 # words without spaces; functions that claim runs
# The service "spawnctl serve": who gets a descriptor and with which limits, what hostile clients
# and services can do, and the library as a client.

export LC_ALL=C
unset SPAWNCTL_FD SPAWNCTL_BACKEND SPAWNCTL_SOCKET LISTEN_FDS LISTEN_PID
here=$(dirname "$(realpath "$0")")
helper=$here/serve_helper
cgroups=/sys/fs/cgroup
# shellcheck source=claim.sh
. "$here/claim.sh"
chmod 755 "$work"
mkdir -m 777 "$work/nobody"
socket=$work/socket policy=$work/policy log=$work/log service=
preload=$(find /usr/lib -name libspawnctl-preload.so)
tab=$(printf '\t')

# rules LINE...: writes the policy
rules() {
	printf '%s\n' "$@" >"$policy"
}

listens() {
	grep -q " 00010000 .* $socket\$" /proc/net/unix
}

# serves OPTION...: starts the service
serves() {
	spawnctl serve --socket "$socket" "$@" "$policy" >"$work/events" 2>"$log" &
	service=$!
	until_so listens
}

# ends: ends the service, if there is one; its exit status
ends() {
	local ending=$service
	[ -n "$ending" ] || return 0
	service=
	# A test that has failed may have stopped it
	kill -CONT "$ending"
	kill "$ending" && wait "$ending"
}

# served LINE...: (re)starts the service with this policy
served() {
	ends
	rules "$@" && serves
}

# reloads LINE...: changes the policy of the running service
reloads() {
	local before
	rules "$@"
	before=$(grep -c "policy: \|stays as it was" "$log")
	kill -HUP "$service"
	until_so eval "[ \"\$(grep -c 'policy: \|stays as it was' '$log')\" -gt $before ]"
}

# as UID GID GROUPS COMMAND...
as() {
	local ids=(--reuid "$1" --regid "$2")
	if [ -n "$3" ]; then ids+=(--groups "$3"); else ids+=(--clear-groups); fi
	shift 3
	setpriv "${ids[@]}" --inh-caps=-all "$@"
}

# gets PATTERN [COMMAND...]: what a client gets, "errno 13" for example
gets() {
	local pattern=$1
	shift
	line 0 "$pattern" "$@" "$helper" ask "$socket"
}

# in_cgroup CGROUP COMMAND...
in_cgroup() {
	mkdir -p "$cgroups/$1" || return
	# shellcheck disable=SC2016 # of the inner shell
	sh -c 'echo $$ >"$0"; shift; exec "$@"' "$cgroups/$1/cgroup.procs" "$@"
}

# lib SOCKET COMMAND...: under a filter, with the socket, so that the library needs the service
lib() {
	local at=$1
	shift
	SPAWNCTL_SOCKET=$at "$helper" filtered "$@"
}

any='commands .*'

# Policies

accepts() {
	rules "$@" && gives 0 spawnctl serve --check "$policy"
}

# rejects MESSAGE LINE...: --check prints MESSAGE and fails
rejects() {
	local message=$1
	shift
	rules "$@" && line 1 "$policy:$message" spawnctl serve --check "$policy"
}

valid_policies() {
	accepts "grant" &&
	accepts "# comment" "" "  grant$tab user=daemon group=0   children=5 # all of it" "deny" &&
	accepts "grant user=0 group=daemon cgroup=/a/b-*.scope label=x_* per=cgroup children=1 live=2 \
commands=spawn,fork flags=window_mask,hold no-new-privs reset-signals" &&
	accepts "grant cgroup=/a#b/[!c] label=a#b # c" &&
	accepts "grant cgroup=/[]x][!]x]/[[:digit:]a]" && accepts "grant kill live=3" && accepts "grant kill per=connection" && accepts "deny user=4294967294" "grant" &&
	accepts "$(seq -f 'deny user=%.0f' 999)" grant
}

# Each line is wrong, and each error is reported
invalid_lines() {
	local n=0 text message
	: >"$policy"
	while IFS='|' read -r text message; do
		printf '%b\n' "$text" >>"$policy"
		printf '%s\n' "$policy:$((n += 1)): $message"
	done <<-'END' >"$work/wanted"
		allow user=0|'allow' is not 'grant' or 'deny'
		grant user=no-such-user|there is no user 'no-such-user'
		grant user=4294967295|there is no user '4294967295'
		grant user=99999999999999999999|there is no user '99999999999999999999'
		grant user=0x0|there is no user '0x0'
		grant group=no-such-group|there is no group 'no-such-group'
		grant cgroup=a|cgroup 'a' does not begin with '/'
		grant cgroup=/a/../b|cgroup '/a/../b' is no path in the hierarchy
		grant cgroup=//|cgroup '//' is no path in the hierarchy
		grant cgroup=/a/|cgroup '/a/' is no path in the hierarchy
		deny cgroup=/a/..|cgroup '/a/..' is no path in the hierarchy
		deny cgroup=/.|cgroup '/.' is no path in the hierarchy
		deny cgroup=/[a|cgroup '/[a' is no path in the hierarchy
		deny cgroup=/a[b/c]|cgroup '/a[b/c]' is no path in the hierarchy
		deny cgroup=/[]|cgroup '/[]' is no path in the hierarchy
		deny cgroup=/[!]|cgroup '/[!]' is no path in the hierarchy
		deny cgroup=/a[[:digit:]|cgroup '/a[[:digit:]' is no path in the hierarchy
		deny cgroup=/a[[:digits:]]|cgroup '/a[[:digits:]]' is no path in the hierarchy
		deny cgroup=/a[[=ab=]]|cgroup '/a[[=ab=]]' is no path in the hierarchy
		deny label=[x|label '[x' has a '[' without ']', or an unknown class in it
		deny label=x\r|the line has a control character
		grant user=|'user' needs a value
		grant user|'user' needs a value
		grant kill=1|'kill' takes no value
		grant uid=0|unknown word 'uid'
		grant user=0 user=1|'user' is given twice
		grant children=-1|'-1' is not a number of children
		grant live=18446744073709551616|'18446744073709551616' is not a number of children
		grant children=0|a limit of 0 children allows nothing: use 'deny'
		grant children=18446744073709551615|'18446744073709551615' is not a number of children
		grant commands=spawn,limit|commands: 'limit' is not spawn or fork
		grant commands=info|commands: 'info' is not spawn or fork
		grant commands=x|commands: 'x' is not spawn or fork
		grant flags=,|no flag is given
		grant commands=,|no command is allowed: use 'deny'
		grant flags=x|unknown flag 'x': spawnctl(8) lists them
		grant per=x|per='x' must be rule, user, cgroup or connection
		grant per=cgroup|per=cgroup needs a cgroup=
		grant kill per=user|kill needs per=connection
		deny live=1|'deny' takes only user, group, cgroup and label
		gr\303\244nt|'gr\xc3\xa4nt' is not 'grant' or 'deny'
	END
	gives 1 spawnctl serve --check "$policy" 2>"$work/errors"
	cat "$work/errors"
	echo "spawnctl serve: $policy: not a valid policy" >>"$work/wanted"
	[ "$(cat "$work/wanted")" = "$(cat "$work/errors")" ]
}

invalid_policies() {
	rejects "2: this rule cannot match: line 1 matches every client" grant "deny user=0" &&
	rejects "1001: more than 1000 rules" "$(seq -f 'deny user=%.0f' 1000)" grant &&
	rejects "1: the policy grants nothing" "deny" && rejects "1: the policy grants nothing" ""
}

# The unit runs the service as user spawnctl, here of group 4321; without that user, one who owns nothing stands for it
unreadable_policy() {
	local said="spawnctl serve: $work/private/policy: user spawnctl, as which spawnctl.service runs, cannot read it"
	local check="spawnctl serve --check $work/private/policy"
	rules grant && mkdir "$work/private" && cp "$policy" "$work/private/policy" || return
	chmod 755 "$work" "$work/private" && chmod 600 "$work/private/policy" && line 0 "$said" $check &&
	chmod 640 "$work/private/policy" && line 0 "$said" $check &&
	chmod 644 "$work/private/policy" && ! line 0 "$said" $check &&
	chmod 700 "$work/private" && line 0 "$said" $check &&
	line 0 "spawnctl serve: policy: .* cannot read it" sh -c "cd '$work/private' && spawnctl serve --check policy" &&
	chmod 755 "$work/private" && chgrp nogroup "$work/private/policy" && chmod 640 "$work/private/policy" &&
	line 0 "$said" $check || return
	chmod 640 "$work/private/policy" && chgrp 4321 "$work/private/policy" && line 0 "$said" $check || return
	{ echo "spawnctl:x:4320:4321::/:/bin/false" && cat /etc/passwd; } >"$work/passwd"
	! line 0 "$said" unshare -m sh -c "mount --bind '$work/passwd' /etc/passwd && exec $check" &&
	chmod 600 "$work/private/policy" &&
	line 0 "$said" unshare -m sh -c "mount --bind '$work/passwd' /etc/passwd && exec $check"
}

no_zero_byte() {
	printf 'grant user=0\0 user=1\n' >"$policy"
	line 1 "$policy:1: the line has a zero byte" spawnctl serve --check "$policy"
}

# Those of spawnctl(8) and guide.md
examples() {
	local example
	for example in spawnctl_8_10 guide_8 guide_12; do
		cp "$here/examples/$example.sh" "$policy" && gives 0 spawnctl serve --check "$policy" || return
	done
}

untrusted_policies() {
	rules grant
	chmod 666 "$policy" && line 1 "$policy: can be written by its group or by all users" spawnctl serve --check "$policy" &&
	chmod 644 "$policy" && chown 1000 "$policy" &&
	line 1 "$policy: belongs to user 1000, not to root" spawnctl serve --check "$policy" &&
	chown 0 "$policy" && gives 0 spawnctl serve --check "$policy" &&
	line 1 "$work: is not a regular file" spawnctl serve --check "$work" &&
	line 1 "spawnctl serve: $work/none: No such file or directory" spawnctl serve --check "$work/none" &&
	line 1 "/dev/null: is not a regular file" spawnctl serve --check /dev/null &&
	mkfifo "$work/fifo" && line 1 "$work/fifo: is not a regular file" timeout 5 spawnctl serve --check "$work/fifo"
}

misused() {
	rules grant
	line 2 "spawnctl serve: unexpected argument 'b'" spawnctl serve a b &&
	line 2 "spawnctl serve: unknown or ambiguous option '--x'" spawnctl serve --x &&
	line 2 "spawnctl serve: option '--socket' needs a value" spawnctl serve --socket &&
	line 2 "spawnctl serve: systemd passes no socket: give one with --socket" spawnctl serve "$policy" &&
	line 1 "spawnctl serve: .*/none: No such file or directory" spawnctl serve --socket "$socket" "$work/none"
}

# Who gets one

by_user() {
	served "grant user=1000 children=9" &&
	gets "$any" as 1000 2 "" && gets "errno 13" as 1001 1000 1000 && gets "errno 13"
}

by_group() {
	served "grant group=50 children=9" &&
	gets "$any" as 1000 50 "" && gets "$any" as 1000 2 3,50,4 && gets "errno 13" as 50 2 3 &&
	# More groups than the service has room for at first
	gets "$any" as 1000 2 "$(seq -s, 1000 2000),50"
}

first_rule_decides() {
	served "deny user=1000" "grant group=50 children=1" "grant user=1001" &&
	gets "errno 13" as 1000 50 "" && gets ".* children 1 .*" as 1001 50 "" && gets ".* children -1 .*" as 1001 51 "" &&
	gets "errno 13" as 1002 51 ""
}

# SO_PEERPIDFD is missing before Linux 6.5: then a grant does not match, and a denial does
by_cgroup() {
	served "grant cgroup=/serve_test/a*/b children=5" "deny cgroup=/serve_test" "grant children=7" || return
	if "$helper" knows-cgroups; then
		gets ".* children 5 .*" in_cgroup serve_test/a1/b && gets ".* children 5 .*" in_cgroup serve_test/a2/b/c/d &&
		gets "errno 13" in_cgroup serve_test/b/b && gets "errno 13" in_cgroup serve_test/a1 &&
		gets "errno 13" in_cgroup serve_test/a1/bb && gets ".* children 7 .*" in_cgroup serve_test2 &&
		gets ".* children 7 .*" && ! grep -q SO_PEERPIDFD "$log"
	else
		gets "errno 13" in_cgroup serve_test/a1/b && gets "errno 13" in_cgroup serve_test2 &&
		grep -q "cannot show the cgroup of a client" "$log"
	fi
}

# The peer has ended when the service looks: its id may be another process's
gone_client() {
	served "grant cgroup=/ children=5" "deny" || return
	kill -STOP "$service"
	"$helper" gone "$socket" >"$work/gone" &
	sleep 1
	kill -CONT "$service"
	until_so test -s "$work/gone" && cat "$work/gone" && grep -qx "errno 13" "$work/gone" &&
	if "$helper" knows-cgroups; then gets ".* children 5 .*"; else gets "errno 13"; fi
}

# AppArmor gives sockets a label on the newest kernels. Without one a grant must not match, and a
# denial must.
headless_client() {
	mkdir -p "$cgroups/serve_test/h2" && served "grant cgroup=/serve_test/h1 children=5" "grant children=7" || return
	if "$helper" knows-cgroups; then
		gets ".* children 5 .*" in_cgroup serve_test/h1 && gets ".* children 7 .*" && line 0 "errno 13" \
			in_cgroup serve_test/h1 "$helper" headless "$socket" "$cgroups/serve_test/h2/cgroup.procs"
	else
		gets "errno 13" in_cgroup serve_test/h1
	fi
}

by_label() {
	local label
	if label=$("$helper" label); then
		served "deny label=nothing" "grant label=x$label" "grant label=${label%?}? children=3" && gets ".* children 3 .*" &&
		grep -q "label $label" "$log" && served "deny label=$label" "grant" && gets "errno 13"
	else
		served "grant label=*" "grant children=3" && gets ".* children 3 .*" &&
		served "deny label=nothing" "grant" && gets "errno 13"
	fi
}

# With which limits

as_the_rule_says() {
	served "grant user=1 children=5 live=2 commands=spawn no-new-privs reset-signals" "grant user=2" "grant user=3 kill" &&
	gets "commands 3 limits 38 children 5 live 2" as 1 1 "" &&
	gets "commands 7 limits 20 children -1 live -1" as 2 2 "" &&
	gets "commands 7 limits a8 children -1 live -1" as 3 3 ""
}

# used COMMAND...: uses two children of what the client gets, and prints what the library says
used() {
	SPAWNCTL_SOCKET=$socket "$@" "$helper" filtered "$helper" spawn 2 true
}

per_what() {
	served "grant user=1 children=3" "grant group=9 children=3 per=user" "grant user=2 children=3 per=connection" &&
	line 0 "2 made, device, errno 0, 1 open" used as 1 1 "" && line 0 "1 made, device, errno 122, 1 open" used as 1 1 "" &&
	line 0 "2 made, device, errno 0, 1 open" used as 11 9 "" && line 0 "2 made, device, errno 0, 1 open" used as 12 9 "" &&
	line 0 "1 made, device, errno 122, 1 open" used as 11 9 "" && line 0 "1 made, device, errno 122, 1 open" used as 12 9 "" &&
	line 0 "2 made, device, errno 0, 1 open" used as 2 2 "" && line 0 "2 made, device, errno 0, 1 open" used as 2 2 ""
}

per_cgroup() {
	"$helper" knows-cgroups || {
		served "grant cgroup=/serve_test/* children=3 per=cgroup" && gets "errno 13" in_cgroup serve_test/c1
		return
	}
	served "grant cgroup=/serve_test/* children=3 per=cgroup" &&
	line 0 "2 made, device, errno 0, 1 open" used in_cgroup serve_test/c1 &&
	line 0 "2 made, device, errno 0, 1 open" used in_cgroup serve_test/c2 &&
	line 0 "1 made, device, errno 122, 1 open" used in_cgroup serve_test/c1/below || return
	# A cgroup that is made again is another one
	rmdir "$cgroups/serve_test/c1/below" "$cgroups/serve_test/c1" && line 0 "2 made, device, errno 0, 1 open" used in_cgroup serve_test/c1
}

# The files of the cgroups that a user can make do not fill the service's table for others
many_cgroups() {
	served "grant cgroup=/serve_test/* children=3 per=cgroup" "grant children=1" || return
	if ! "$helper" knows-cgroups; then
		gets "errno 13" in_cgroup serve_test/c1
		return
	fi
	mkdir -p "$cgroups/serve_test" && line 0 "256 of 260" "$helper" moves "$socket" "$cgroups/serve_test" 260 &&
	gets "errno 87" in_cgroup serve_test/c1 && gets ".* children 1 .*" &&
	# Those of cgroups that are gone are given up
	rmdir "$cgroups"/serve_test/m[0-9]* && gets ".* children 3 .*" in_cgroup serve_test/c1
}

cannot_be_widened() {
	served "grant" && SPAWNCTL_SOCKET=$socket as 1 1 "" "$here/tool_helper" final &&
	SPAWNCTL_SOCKET=$socket line 125 "spawnctl limit: cannot open the device .*: this user may not .*" \
		as 1 1 "" spawnctl limit -n -- true
}

killed_at_the_end() {
	served "grant kill" && SPAWNCTL_SOCKET=$socket line 0 "killed" as 1 1 "" "$here/tool_helper" job
}

# A spawn by a descriptor that had to be kept elsewhere does not end in a kill
not_killed_before() {
	served "grant kill" && lib "$socket" "$helper" survives >"$work/survives" 2>/dev/null
	cat "$work/survives"
	[ "$(grep -cx lives "$work/survives")" = 2 ]
}

# The library

asks_once() {
	served "grant" && line 0 "100 made, device, errno 0, 1 open" lib "$socket" "$helper" spawn 100 true &&
	[ "$(grep -c 'granted' "$log")" = 1 ]
}

# Control: under the same filter, without a service
without_service() {
	line 0 "2 made, clone3, errno 0, 0 open" lib "$work/none" "$helper" spawn 2 true &&
	line 0 "2 made, clone3, errno 0, 0 open" lib "" "$helper" spawn 2 true
}

device_comes_first() {
	served "grant" && line 0 "2 made, device, errno 0, 1 open" env SPAWNCTL_SOCKET="$socket" "$helper" spawn 2 true &&
	! grep -q granted "$log"
}

refused_by_service() {
	served "grant user=1" && line 0 "2 made, clone3, errno 0, 0 open" lib "$socket" "$helper" spawn 2 true &&
	grep -qE "refused \(no rule, EACCES\): process [0-9]+, user 0, group 0(, cgroup /.*)?$" "$log"
}

well_known_path() {
	ends
	rules grant
	mkdir -p /run/spawnctl && socket=/run/spawnctl/socket serves &&
	line 0 "2 made, device, errno 0, 1 open" "$helper" filtered "$helper" spawn 2 true
	ends && [ ! -e /run/spawnctl/socket ]
}

a_fork_asks_again() {
	served "grant children=3" &&
	line 0 "fork has 0 open, 1 made, device, errno 122, 1 open" lib "$socket" "$helper" forks 2 &&
	grep -qx "2 made, device, errno 0, 1 open" "$work/line" && [ "$(grep -c granted "$log")" = 2 ]
}

# Another file has the number: the library asks again, and keeps the answer elsewhere
number_in_vfork() {
	served "grant" && lib "$socket" "$helper" vforked 2>/dev/null >"$work/vforked"
	cat "$work/vforked"
	[ "$(cat "$work/vforked")" = "$(printf '1 made, device, errno 0, 1 open\n%s\nfork has 0 open' \
		'1 made, device, errno 0, 1 open')" ]
}

number_is_taken() {
	served "grant" && lib "$socket" "$helper" taken 2>/dev/null >"$work/taken"
	cat "$work/taken"
	[ "$(cat "$work/taken")" = "$(printf '1 made, device, errno 0, 1 open\n1 made, device, errno 0, 1 open')" ]
}

preloaded() {
	served "grant" &&
	lib "$socket" env LD_PRELOAD="$preload" SPAWNCTL_DEBUG=1 dash -c '/bin/true; /bin/true; /bin/true; exit 5' >"$work/said" 2>&1
	[ $? = 5 ] && cat "$work/said" "$log" && [ "$(grep -c '^spawnctl: vfork: device$' "$work/said")" = 3 ] &&
	[ "$(grep -c granted "$log")" = 1 ]
}

limits_hold_in_library() {
	served "grant flags=window_mask,exec_mask,exec_keep_mask,parent_settid live=1" &&
	line 0 "0 made, device, errno 1, 1 open" lib "$socket" "$helper" spawn 2 true
}

secure_exec_ignores() {
	served "grant" && cp "$helper" "$work/setgid" && chgrp 5 "$work/setgid" && chmod 2755 "$work/setgid" &&
	line 0 "2 made, clone3, errno 0, 0 open" env SPAWNCTL_SOCKET="$socket" setpriv --reuid 1 --regid 1 --clear-groups \
		"$work/setgid" spawn 2 true && ! grep -q granted "$log"
}

# impostor KIND: the library finds something else than the service, and goes on without
impostor() {
	local at=$work/impostor
	"$helper" imposes "$1" "$at" >"$work/asked" 2>/dev/null &
	impostor=$!
	until_so grep -q " 00010000 .* $at\$" /proc/net/unix &&
	line 0 "2 made, clone3, errno 0, 0 open" lib "$at" "$helper" "${2:-spawn}" 2 true
	got=$?
	kill $impostor
	[ $got = 0 ]
}

impostors() {
	local kind
	for kind in null many none both text negative; do
		impostor $kind || return
	done
}

silent_service() {
	impostor silent && [ "$(grep -c asked "$work/asked")" = 1 ] &&
	impostor silent later && [ "$(grep -c asked "$work/asked")" = 2 ]
}

# The service

reload_keeps_files() {
	served "grant user=1 children=3" "grant user=2 children=3" &&
	line 0 "2 made, .*" used as 1 1 "" && line 0 "2 made, .*" used as 2 2 "" &&
	reloads "# moved" "grant user=1 children=3" "grant user=2 children=4" &&
	line 0 "1 made, device, errno 122, 1 open" used as 1 1 "" && line 0 "2 made, device, errno 0, 1 open" used as 2 2 ""
}

reload_takes_effect() {
	served "grant user=1" && gets "$any" as 1 1 "" && reloads "grant user=2" && gets "errno 13" as 1 1 "" && gets "$any" as 2 2 ""
}

invalid_reload() {
	served "grant user=1 children=3" && line 0 "2 made, .*" used as 1 1 "" && reloads "grant user=1 children=x" &&
	grep -qx "$policy:1: 'x' is not a number of children" "$log" &&
	line 0 "1 made, device, errno 122, 1 open" used as 1 1 ""
}

# A client that has its descriptor needs the service no more
client_outlives_service() {
	served "grant user=1" || return
	SPAWNCTL_SOCKET=$socket as 1 1 "" "$helper" filtered "$helper" spawn 40 sleep 0.1 >"$work/client" &
	client=$!
	until_so grep -q granted "$log" && reloads "grant user=2" && ends && wait $client && cat "$work/client" &&
	grep -qx "40 made, device, errno 0, 1 open" "$work/client"
}

comes_back() {
	served "grant user=1" && kill -KILL "$service" && wait "$service"
	[ -S "$socket" ] || return
	service=
	line 0 "2 made, clone3, errno 0, 0 open" used as 1 1 "" &&
	serves && line 0 "2 made, device, errno 0, 1 open" used as 1 1 ""
}

socket_of_others() {
	served "grant" &&
	line 1 "spawnctl serve: cannot listen at $socket: Address already in use" \
		spawnctl serve --socket "$socket" "$policy" &&
	gets "$any" && touch "$work/file" &&
	line 1 "spawnctl serve: cannot listen at $work/file: Address already in use" \
		spawnctl serve --socket "$work/file" "$policy" && [ -e "$work/file" ] &&
	line 1 "spawnctl serve: cannot listen at $work/file/x: Not a directory" \
		spawnctl serve --socket "$work/file/x" "$policy" &&
	line 2 "spawnctl serve: the path of the socket is empty" spawnctl serve --socket "" "$policy" &&
	line 1 "spawnctl serve: .*: File name too long" spawnctl serve --socket "/tmp/$(printf '%0110d' 0)" "$policy" &&
	line 1 "spawnctl serve: cannot listen at /none/socket: No such file or directory" \
		spawnctl serve --socket /none/socket "$policy"
}

passed_sockets() {
	local wrong="spawnctl serve: the socket that systemd passes is no ListenSequentialPacket= of the Unix domain"
	ends
	rules grant
	"$helper" passes packet "$socket" spawnctl serve "$policy" 2>"$log" &
	service=$!
	until_so listens && gets "$any" && ends && [ -e "$socket" ] &&
	line 1 "$wrong" "$helper" passes stream "$work/other" spawnctl serve "$policy" &&
	line 1 "$wrong" "$helper" passes connected "$work/other" spawnctl serve "$policy" &&
	line 1 "spawnctl serve: systemd passes 2 sockets, not 1" "$helper" passes two "$work/other" spawnctl serve "$policy" &&
	line 2 "spawnctl serve: systemd passes no socket: .*" "$helper" passes others "$work/other" spawnctl serve "$policy"
}

# A service that ends would be started again for each client, until systemd gives up
invalid_at_start() {
	ends
	rules "allow"
	"$helper" passes packet "$socket" spawnctl serve "$policy" 2>"$log" &
	service=$!
	until_so listens && gets "errno 13" && grep -q "every client is refused" "$log" && reloads "grant" && gets "$any"
}

# It could not give anything
filtered_service() {
	rules grant
	line 1 "spawnctl serve: cannot serve: this process is under a seccomp filter.*" \
		"$helper" filtered spawnctl serve --socket "$work/other" "$policy"
}

without_module() {
	served "grant" && ! grep -q 'cannot open /dev/spawnctl' "$log" && modprobe -r spawnctl && gets "errno (2|19)" &&
	grep -qE 'refused \(line 1, (ENOENT|ENODEV): the module is not loaded, or ' "$log" && served "grant" &&
	grep -q 'cannot open /dev/spawnctl: .* every client is refused' "$log" &&
	line 0 "2 made, clone3, errno 0, 0 open" lib "$socket" "$helper" spawn 2 true &&
	modprobe spawnctl && gets "$any"
}

# doctor says what the service does for this process
doctored() {
	local said="ok +service +$socket: the service \(spawnctl serve\)"
	served "grant user=1" && export SPAWNCTL_SOCKET=$socket &&
	line 0 "$said is for processes that cannot open the device" spawnctl doctor &&
	line 0 "$said gives this process a descriptor" as 1 1 "" spawnctl doctor &&
	line 0 "${said/ok/note} gives this process no descriptor: Permission denied; .*" \
		as 2 2 "" spawnctl doctor &&
	line 0 "note +programs +.*, because the device cannot be used: the service gives this process no descriptor" \
		as 2 2 "" spawnctl doctor &&
	{ kill -KILL "$service"; wait "$service"; service=; [ -S "$socket" ]; } 2>/dev/null &&
	line 0 "note +service +$socket: this process cannot connect to the service \(spawnctl serve\): Connection refused" \
		as 2 2 "" spawnctl doctor &&
	SPAWNCTL_SOCKET=/none line 0 "note +service +SPAWNCTL_SOCKET=/none is no socket that this process can see, and is ignored" \
		as 2 2 "" spawnctl doctor
	set -- $?
	unset SPAWNCTL_SOCKET
	return "$1"
}

# EBUSY, and doctor names who holds the device
busy() {
	served "grant children=9" || return
	SPAWNCTL_SOCKET=$socket as 1 1 "" "$helper" filtered "$helper" spawn 1 sleep 60 &
	client=$!
	until_so grep -q granted "$log" && ! modprobe -r spawnctl &&
	line 0 "ok +use +open in process $service \(spawnctl\), process [0-9]+ \(serve_helper\)" spawnctl doctor
	got=$?
	pkill -x serve_helper
	wait $client
	ends
	[ $got = 0 ] && until_so modprobe -r spawnctl && modprobe spawnctl
}

# Hostile clients

silent_clients() {
	served "grant user=1" "deny" &&
	gets "$any" "$helper" silent "$socket" 400 setpriv --reuid 1 --regid 1 --clear-groups
}

# The service closes what clients send, and some of it takes long
lingering_clients() {
	served "grant user=1" "deny" && kill -STOP "$service" &&
	line 0 "20 of 20, .*" timeout 5 "$helper" lingers "$socket" sh -c "kill -CONT $service
		exec setpriv --reuid 1 --regid 1 --clear-groups '$helper' asks '$socket' 20" && grep -qx sent "$work/line" &&
	# Control: another process closes, or has closed, what could be sent
	{ grep -qx refused "$work/line" || pgrep -P "$service" || [ "$(cut -d' ' -f11 "/proc/$service/stat")" -gt 0 ]; } && ends
}

# Descriptors that are sent and not received count against the user of the service
unreceived() {
	ends
	rules "grant"
	chmod 666 /dev/spawnctl
	(ulimit -n 64 && exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all \
		spawnctl serve --socket "$work/nobody/socket" "$policy") 2>"$log" &
	service=$!
	until_so grep -q " $work/nobody/socket\$" /proc/net/unix
	got=1
	line 0 "errno 109" "$helper" silent "$work/nobody/socket" 100 "$helper" ask "$work/nobody/socket" &&
	line 0 "$any" "$helper" ask "$work/nobody/socket" && got=0
	ends
	chmod 600 /dev/spawnctl
	return $got
}

# A client can keep the listening socket ready all the time
flooded_reload() {
	served "grant user=1" "deny" && rules "grant user=2" &&
	line 0 "$any" timeout 20 "$helper" flood "$socket" sh -c "kill -HUP $service
		until setpriv --reuid 2 --regid 2 --clear-groups '$helper' ask '$socket' | grep commands; do :; done"
}

flooding_clients() {
	served "grant user=1" "deny" &&
	line 0 "10 of 10, .*" "$helper" flood "$socket" setpriv --reuid 1 --regid 1 --clear-groups "$helper" asks "$socket" 10 &&
	# Descriptors and memory of the service
	until_so eval "[ \"\$(find '/proc/$service/fd' -mindepth 1 | wc -l)\" -lt 8 ]" && rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$service/status") &&
	echo "$rss kB" && [ "$rss" -lt 8192 ]
}

log_is_bounded() {
	served "grant user=1" "deny" && "$helper" asks "$socket" 200 && lines=$(grep -c refused "$log") && echo "$lines lines" &&
	[ "$lines" -ge 20 ] && [ "$lines" -lt 60 ] && gets "$any" as 1 1 "" && grep -q "granted (line 1" "$log" && sleep 1.1 &&
	gets "errno 13" && grep -q "lines like this were left out" "$log"
}

events() {
	ends
	rules "grant user=1" && serves --json && gets "$any" as 1 1 "" && gets "errno 13" &&
	jq -se 'length == 2 and (.[0] | .event == "grant" and .uid == 1 and .line == 1 and .file_id > 0 and .time_ns > 1e18) and
		(.[1] | .event == "refusal" and .uid == 0 and .error == "EACCES" and .errno == 13 and .line == null)' "$work/events"
}

measured() {
	served "grant children=9" && "$helper" asks "$socket" 100 | sed 's/^/shared: /' >"$work/speed" &&
	served "grant per=connection" && "$helper" asks "$socket" 100 | sed 's/^/its own: /' >>"$work/speed" &&
	[ "$(grep -c '100 of 100' "$work/speed")" = 2 ]
}

echo "TAP version 13"
modprobe spawnctl
claim "valid policies are accepted" valid_policies
claim "invalid lines are rejected, with number and reason" invalid_lines
claim "invalid policies are rejected, with line and reason" invalid_policies
claim "the policies of the manual page and of the guide are valid" examples
claim "a policy with a zero byte is rejected" no_zero_byte
claim "a policy that the user of the unit cannot read has a warning" unreadable_policy
claim "a policy that others than root can change is rejected" untrusted_policies
claim "wrong usage is reported" misused
claim "a rule matches a user" by_user
claim "a rule matches a primary or supplementary group" by_group
claim "the first rule that matches decides, and without one the client is refused" first_rule_decides
claim "a rule matches a cgroup and those below it" by_cgroup
claim "a client that has ended has no cgroup" gone_client
claim "a client whose cgroup is not known is refused, whatever a later rule grants" headless_client
claim "a rule matches a label; without one, a grant does not match and a denial does" by_label
claim "the descriptor has the limits of the rule" as_the_rule_says
claim "clients share the limits of a rule, a user, or nothing" per_what
claim "clients of a cgroup share its limits" per_cgroup
claim "a rule has a bounded number of open files, and other rules are not affected" many_cgroups
claim "the descriptor cannot be narrowed further" cannot_be_widened
claim "kill: a client's children are killed when it closes the descriptor" killed_at_the_end
claim "kill: a spawn by a descriptor that cannot have the kept number succeeds" not_killed_before
claim "library: under a filter, 100 spawns by one descriptor of the service" asks_once
claim "library: control: without the service clone3 is used" without_service
claim "library: a device that can be opened comes first" device_comes_first
claim "library: refused by the service, it uses clone3" refused_by_service
claim "library: the well-known path" well_known_path
claim "library: a fork does not inherit the descriptor, and asks again" a_fork_asks_again
claim "library: another file at the descriptor's number" number_is_taken
claim "library: another file at the descriptor's number in a child of vfork" number_in_vfork
claim "library: the preload library asks once" preloaded
claim "library: what LIMIT has taken away is reported" limits_hold_in_library
claim "library: a program that has gained privileges ignores SPAWNCTL_SOCKET" secure_exec_ignores
claim "library: what is not a descriptor of the device is closed" impostors
claim "library: a service that does not answer is asked once" silent_service
claim "reload: the open files of unchanged rules stay" reload_keeps_files
claim "reload: the new policy takes effect" reload_takes_effect
claim "reload: an invalid policy changes nothing" invalid_reload
claim "a client keeps its descriptor over a reload, and when the service ends" client_outlives_service
claim "a service that was killed comes back" comes_back
claim "a socket that is in use, or another file, is left alone" socket_of_others
claim "a socket from systemd is used, and checked" passed_sockets
claim "systemd's service with an invalid policy refuses clients until a reload" invalid_at_start
claim "a service under a filter does not start" filtered_service
claim "without the module clients are refused, and with it the next is served" without_module
claim "the module cannot be unloaded under a client, and doctor says who" busy
claim "doctor says whether the service gives this process a descriptor" doctored
claim "hostile: 400 clients that do not read" silent_clients
claim "hostile: clients that send what takes long to close" lingering_clients
claim "hostile: clients that do not receive their descriptors" unreceived
claim "hostile: clients that flood, send and half-close" flooding_clients
claim "hostile: a flood delays no reload" flooded_reload
claim "hostile: the log is bounded" log_is_bounded
claim "--json prints each grant and each refusal" events
claim "grants a second" measured
sed 's/^/# /' "$work/speed"
ends
finish
