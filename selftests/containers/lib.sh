# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # the case sets here and engine
# Container engines with their own seccomp profiles. There is no registry: the image has the
# guest's programs. An engine takes seconds to start a container, so a shell in the container
# reads commands, from a FIFO in a directory that it shares with the host.
#
# A case defines run_container [OPTION...] IMAGE COMMAND..., and sets engine for the table.

# shellcheck source=../programs/lib.sh
. "$here/../programs/lib.sh"
top=$(realpath "$here/../..")
allow=/sys/module/spawnctl/parameters/allow_filtered
chmod 755 "$work"
# The root directory is an overlay, on which an engine cannot make another one, and all cases have
# the same. What is mounted here, this case has alone.
for d in /run /home /etc/cdi /etc/docker /var/lib/containers /var/lib/docker; do
	mkdir -p $d
	mount -t tmpfs tmpfs $d
done

# add FILE...: copies files into the image, under the same names
add() {
	for add_file in "$@"; do
		install -D "$add_file" "$image/$add_file" || return
	done
}

make_image() {
	image=$work/image
	for d in bin lib lib64; do
		mkdir -p "$image/usr/$d"
		ln -s usr/$d "$image/$d"
	done
	mkdir "$image/proc" "$image/sys" "$image/dev" "$image/box"
	for f in inside spawner; do
		gcc -Wall -o "$image/usr/bin/$f" "$here/../programs/$f.c" -lspawnctl || return
	done
	add /usr/bin/busybox
	set -- /usr/bin/dash /usr/bin/spawnctl "$PRELOAD"
	# shellcheck disable=SC2046 # words
	add "$@" $(ldd "$@" "$image/usr/bin/inside" | sed -n 's|.*[[:space:]]\(/[^ ]*\) (.*|\1|p') || return
	for f in cat id ls readlink sh sleep true; do ln -s busybox "$image/usr/bin/$f"; done
	cat >"$image/usr/bin/obey" <<-'END'
		#!/bin/sh
		# SIGCHLD of an orphan interrupts open
		while :; do
			read -r line </box/commands || continue
			sh -c "$line" </dev/null >/box/said 2>&1
			status=$?
			until echo $status >/box/status; do :; done
		done
	END
	chmod 755 "$image/usr/bin/obey"
	tar -c -C "$image" -f "$work/image.tar" .
}

# start NAME OPTION...: starts a container that reads commands
start() {
	box=$work/box-$1
	mkdir "$box"
	mkfifo "$box/commands" "$box/status"
	chmod -R a+rwx "$box"
	set -- --name "$@"
	run_container -d -v "$box:/box" "$@" localhost/box obey
}

# in_box NAME COMMAND: has the shell in the container run COMMAND, which is one line; its output
# and exit status
in_box() {
	box=$work/box-$1
	# shellcheck disable=SC2016 # of the inner shell
	if ! timeout 60 sh -c 'echo "$1" >"$0/commands"' "$box" "$2" ||
		! in_box_status=$(timeout 60 cat "$box/status"); then
		echo "the container does not answer"
		return 99
	fi
	cat "$box/said"
	return "$in_box_status"
}

# by NAME HOW: each of three spawns under the preload library, in the container, is made by HOW
by() {
	in_box "$1" "SPAWNCTL_DEBUG=1 LD_PRELOAD=$PRELOAD spawner posix_spawn 3 true" >"$work/by" 2>&1
	by_status=$?
	cat "$work/by"
	[ "$by_status" = 0 ] && [ "$(grep -cxF "spawnctl: posix_spawnp true: $2" "$work/by")" = 3 ] &&
		[ "$(grep -cx 'true: status 0' "$work/by")" = 3 ]
}

# row WAY WHAT: prints a line of the table
row() {
	echo "@table $engine|$1|$2"
}

# made_by WAY NAME HOW: claims it, and prints what was seen for the table
made_by() {
	claim "$engine, $1: posix_spawn() is made by $3" by "$2" "$3"
	row "$1" "$(sed -n 's/^spawnctl: posix_spawnp true: //p' "$work/by" | sort -u)"
}

# sleep_in NAME SECONDS: starts three children by the device, which sleep SECONDS, no other
# program of the guest does: one whose parent is killed, one that leads a session of its own, and
# one that ignores SIGTERM
sleep_in() {
	in_box "$1" "export LD_PRELOAD=$PRELOAD SPAWNCTL_BACKEND=device; \
		spawner posix_spawn 1 spawnctl run --setsid sleep $2 & \
		spawner posix_spawn 1 spawnctl run --ignore-signal=TERM sleep $2 & \
		spawner posix_spawn 1 sleep $2 & sleep 2; kill -9 \$!"
}

# sleeping SECONDS COUNT: so many processes of the guest sleep SECONDS, at the latest after 10 s
sleeping() {
	i=0
	while [ "$(pgrep -cxf "sleep $1")" != "$2" ]; do
		[ $((i += 1)) -le 50 ] || { ps -e -o pid,ppid,sid,args; return 1; }
		sleep 0.2
	done
}

refused() {
	! "$@"
}

# holder_is PROCESS: doctor says that this process has the device open
holder_is() {
	spawnctl doctor >"$work/doctor"
	cat "$work/doctor"
	grep -q "^ok  *use  *open in .*process $1 (" "$work/doctor"
}

used() {
	[ "$(cat /sys/module/spawnctl/refcnt)" -gt 0 ]
}

unused() {
	i=0
	while used; do
		[ $((i += 1)) -le 50 ] || { ps -e -o pid,ppid,args; return 1; }
		sleep 0.2
	done
}

# leaves NAME SECONDS: claims that such children are started
leaves() {
	claim "$engine, $1: three children sleep" sleep_in "$1" "$2"
	claim "$engine, $1: the host sees the three" sleeping "$2" 3
}

# ends SECONDS COMMAND...: COMMAND, as the user AS, ends the container and the children
ends() {
	ends_seconds=$1
	shift
	# shellcheck disable=SC2086 # words
	claim "$engine: $* succeeds" ${AS-} "$@"
	claim "$engine: no child is left after $*" sleeping "$ends_seconds" 0
}

no_fork() {
	jq -f "$top/examples/no-fork.jq" /usr/share/containers/seccomp.json >"$work/no-fork.json"
}

# The commands of the first process of a container under no-fork.json, with a limit of 13
# children: a shell under the preload library. Without that library its programs are killed.
cat >"$work/tight" <<'END'
/bin/true
echo "true: status $?"
echo piped | cat
for call in fork vfork clone clone3; do
	LD_PRELOAD='' inside act $call
	echo "$call: status $?"
done
inside budget 5
echo "5 more children: status $?"
/bin/true
END

# tight OPTION...: runs a container with these commands; prints what they print. Over the limit,
# dash exits with its status for an error, 2, and is not killed by SIGSYS, which is 159.
tight() {
	run_container --rm -v "$work/tight:/tight" --security-opt "seccomp=$work/no-fork.json" \
		-e SPAWNCTL_DEBUG=1 -e SPAWNCTL_BACKEND=device -e LD_PRELOAD="$PRELOAD" "$@" >"$work/tight.said" 2>&1
	echo "status $?" >>"$work/tight.said"
	cat "$work/tight.said"
}

# fork_killed WAY OPTION... IMAGE COMMAND...: claims about such a container. WAY gives it a limit.
fork_killed() {
	way="$1, fork is killed"
	shift
	tight "$@" >/dev/null
	claim "$engine, $way: dash starts a program" shows 'true: status 0'
	claim "$engine, $way: a pipeline of dash runs" shows piped
	for call in fork vfork clone clone3; do
		claim "$engine, $way: control: $call without the preload library is killed" \
			shows "$call: status 159"
	done
	claim "$engine, $way: 5 more children, then EDQUOT" shows '5 more children: status 0'
	claim "$engine, $way: dash is not killed over the limit" shows 'status 2'
	claim "$engine, $way: the child over the limit is refused" shows \
		'spawnctl: vfork: device: failed, errno 122'
	row "$way" "$(sed -n 's/^spawnctl: vfork: //p' "$work/tight.said" | sort -u | paste -s -d ';' | sed 's/;/; /g')"
}

# fork_killed_by_socket: the same claims, by the socket of the service
fork_killed_by_socket() {
	claim "$engine, fork is killed: the service starts" serve "grant user=0 children=13"
	fork_killed "socket, 13 children" -v /run/spawnctl:/run/spawnctl:ro localhost/box dash /tight
	claim "$engine, fork is killed: the service ends" stop_serving
}

# shows LINE: such a container has printed LINE
shows() {
	says "$1" cat "$work/tight.said"
}

# serves_as USER PATTERN: the last client that got a descriptor is this user, in such a cgroup
serves_as() {
	cat "$work/serve.log"
	grep 'granted' "$work/serve.log" | tail -n 1 |
		grep -E "process [0-9]+, user $1, group $1, cgroup /$2"
}

# socket_in NAME USER SECONDS: a container that has the directory of the socket, and whose root is
# USER on the host
socket_in() {
	way="socket, allow_filtered=0"
	claim "$engine: control: the parameter is 0" says N cat $allow
	claim "$engine, $way: the service starts" serve "grant user=$2 children=11"
	made_by "$way, 11 children" "$1" "device"
	claim "$engine, $way: the service sees the user and the cgroup of the container" serves_as "$2" ".*[0-9a-f]{64}"
	leaves "$1" "$3"
	claim "$engine, $way: 5 more children, then EDQUOT" in_box "$1" "inside budget 5"
	claim "$engine, $way: a policy that refuses this cgroup" serve "deny cgroup=/" "grant user=$2"
	made_by "$way, refused by its cgroup" "$1" "$HOW (device: errno 13)"
	claim "$engine, $way: the service ends" stop_serving
	made_by "$way, no service" "$1" "$HOW (device: errno 2)"
}

# device_in NAME WAY OPTION...: a container with the node, which its user may open. HOW is what
# the library uses if the node cannot be opened.
device_in() {
	name=$1 way=$2
	shift 2
	claim "$engine, $way: starts a container" start "$name" "$@"
	claim "$engine, $way, allow_filtered=0: open /dev/spawnctl: EACCES" \
		in_box "$name" "inside answers /dev/spawnctl 13"
	made_by "$way, allow_filtered=0" "$name" "$HOW (device: errno 13)"
	echo 1 >$allow
	claim "$engine, $way, allow_filtered=1: open /dev/spawnctl succeeds" \
		in_box "$name" "inside answers /dev/spawnctl 0"
	made_by "$way, allow_filtered=1" "$name" "device"
}

# podman_run [OPTION...] IMAGE COMMAND...: by the user AS and with the runtime RUNTIME. If CHILDREN
# is not empty, the container inherits a marked descriptor with that limit.
podman_run() {
	set -- podman run --runtime "$RUNTIME" --network none \
		${CHILDREN:+--preserve-fds 1 -e SPAWNCTL_FD=3} "$@"
	# shellcheck disable=SC2086 # words
	set -- ${CHILDREN:+spawnctl limit --filtered --children=$CHILDREN --} $AS "$@"
	"$@"
}

# podman_is RUNTIME: sets engine and RUNTIME
podman_is() {
	RUNTIME=$1
	engine="$(podman --version | sed 's/ version//'), $("$1" --version | sed -n '1s/ version//; 1s/+.*//; 1p')"
}

# install_cdi: installs the specification, as a package does
install_cdi() {
	make -s -C "$top" install-cdi DESTDIR=
}

# unload: the module is not in use, and can be unloaded
unload() {
	claim "the module's use count is 0 when all containers have ended" unused
	claim "the module can be unloaded" modprobe -r spawnctl
}

claim "the image is made of the guest's programs" make_image
claim "no-fork.jq makes a profile" no_fork
