#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Spawning in a sandbox: bubblewrap, all its namespaces and a filter of
# libseccomp's, with a descriptor that was limited outside; and the examples.

# shellcheck disable=SC2016,SC2317 # what others run: awk, functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
top=$(realpath "$here/../..")
group=/sys/fs/cgroup/sandbox
chmod 755 "$WORK"
mkdir -m 777 "$WORK/rw"

build() {
	gcc -Wall -I "$top/examples" -o "$WORK/$1" "$here/$1.c" -lspawnctl -lseccomp -pthread
}
for f in launcher inside spawner; do
	claim "$f is built" build $f
done
claim "the examples are built" make -s -C "$top" examples
examples=$top/build/examples

# As who has no right to the device, nor any other
nobody() {
	setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}

# box "[LAUNCHER'S OPTION...] FILTER" PROGRAM...: what PROGRAM says, and its status. BIND
# is for bwrap. No terminal, as no ioctl but one is let through.
box() {
	launch=$1 seccomp='--seccomp 21'
	shift
	case $launch in
	*none) seccomp= ;;
	esac
	# shellcheck disable=SC2086 # words
	"$WORK/launcher" $launch setpriv --reuid 1000 --regid 1000 --clear-groups bwrap \
		--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-net \
		--new-session --die-with-parent --ro-bind /usr /usr --symlink usr/bin /bin \
		--symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev \
		--ro-bind "$WORK" /work --bind "$WORK/rw" /rw --chdir / $seccomp ${BIND-} "$@"
}

inside() {
	inside_box=$1
	shift
	box "$inside_box" /work/inside "$@"
}

# says TEXT COMMAND...: a line of what it says
says() {
	says_text=$1
	shift
	"$@" >"$WORK/says" 2>&1
	cat "$WORK/says"
	grep -qxF "$says_text" "$WORK/says"
}
tab=$(printf '\t')

preloaded="--setenv LD_PRELOAD $PRELOAD"
claim "strict filter: libspawnctl spawns" inside strict spawn plain true
claim "strict filter: the library asks what there is, and lives" inside strict backend
for how in posix_spawn vfork; do
	BIND=$preloaded
	claim "strict filter: $how under the preload library" \
		says "true: status 0" box strict /work/spawner $how 3 true
	BIND=
	claim "strict filter: without it $how is killed" gives 159 box strict /work/spawner $how 1 true
done
BIND=$preloaded
claim "strict filter: dash under the preload library" says "after" \
	box strict dash -c '/bin/true; /bin/true; /bin/echo before; echo after'
BIND=
claim "strict filter: dash without it is killed" gives 159 box strict dash -c '/bin/true; echo no'
for what in fork vfork clone clone3 fork32 posix_spawn FORK ioctl dup high; do
	claim "strict filter: $what is killed" gives 159 inside strict act $what
done
for what in fork vfork clone fork32 posix_spawn; do
	claim "no filter: $what is not" gives 0 inside none act $what
done

# 14: the struct is not there; so far it was let. 1 and 13: refused
for what in "SPAWN 14" "INFO 14" "FORK 1" "LIMIT 1"; do
	# shellcheck disable=SC2086
	claim "filter by numbers: $what" inside numbers answers $what
done
for what in SPAWN FORK LIMIT; do
	claim "never marked: $what is EACCES" inside "-u numbers" answers $what 13
	claim "never marked, no filter: $what" inside "-u none" answers $what 14
done
claim "never marked, strict filter: spawn is EACCES" gives 113 inside "-u strict" spawn plain true
claim "never marked, no filter: spawns" inside "-u none" spawn plain true

claim "there is no device in the sandbox" inside strict answers /dev/spawnctl 2
chmod 666 /dev/spawnctl
BIND="--dev-bind /dev/spawnctl /dev/spawnctl"
for name in /dev/spawnctl /proc/self/fd/20; do
	claim "open $name, which all may: EACCES under a filter" inside strict answers $name 13
	claim "open $name: can be without one" inside none answers $name 0
done
BIND=
chmod 600 /dev/spawnctl
claim "open /proc/self/fd/20, root's: EACCES" inside none answers /proc/self/fd/20 13

# A child has the state and the namespaces of its parent, which are the sandbox's own
state() {
	inside strict inherits >"$WORK/state" || { cat "$WORK/state"; return 1; }
}
other_spaces() {
	for s in user pid mnt ipc uts net; do
		grep -q "^$s:" "$WORK/state" || return
		! grep -xF "$(readlink "/proc/self/ns/$s")" "$WORK/state" || return
	done
}
claim "a child's filters, ids and namespaces are its parent's" state
claim "of those, the filter" grep -qx "Seccomp:${tab}2" "$WORK/state"
claim "of those, how many filters" grep -qx "Seccomp_filters:${tab}1" "$WORK/state"
claim "of those, no_new_privs" grep -qx "NoNewPrivs:${tab}1" "$WORK/state"
claim "of those, namespaces that are not the host's" other_spaces
for what in clone clone3 fork FORK; do
	claim "a child that calls $what is killed" gives 159 inside strict spawn plain /work/inside act $what
done
claim "a child may spawn" inside strict spawn plain /work/inside spawn plain true
claim "a child of which the descriptor is inherited has it" \
	inside strict spawn plain /work/inside devices 1
for how in closefrom only cloexec; do
	claim "a child has none of it: $how" inside strict spawn $how /work/inside devices 0
done

claim "a pid namespace made in the sandbox has the child as its first" \
	inside strict unshared sh -c '[ $$ = 1 ]'

# Not under bwrap, which sets it
claim "no_new_privs is not set in the parent" says "NoNewPrivs:${tab}0" \
	"$WORK/launcher" -l strict "$WORK/inside" state
claim "no_new_privs is set in its child" says "NoNewPrivs:${tab}1" \
	"$WORK/launcher" -l strict "$WORK/inside" spawn plain "$WORK/inside" state

claim "7 children, then EDQUOT" inside "-n 7 strict" budget 7
claim "no child, then EDQUOT" inside "-n 0 strict" budget 0
BIND=$preloaded
for how in posix_spawn vfork; do
	claim "2 children, then $how fails, and is not killed" \
		gives 1 box "-n 2 strict" /work/spawner $how 3 true
done
BIND=
claim "a child's children are counted" inside "-n 4 strict" spawn plain /work/inside budget 3
claim "16 threads: 50 children in all" inside "-n 50 threads" race 50
claim "and threads are all that this filter lets be made" gives 159 inside threads act clone
claim "RLIMIT_NPROC holds, and spends nothing" inside "-n 5 strict" nproc 5

# The sandbox is three processes, and this has one more
limited() {
	echo +pids >/sys/fs/cgroup/cgroup.subtree_control || return
	mkdir "$group" && echo 4 >"$group/pids.max" || return
	{
		i=0
		until [ -e "$WORK/rw/refused" ] || [ $((i += 1)) -gt 300 ]; do sleep 0.1; done
		echo max >"$group/pids.max"
		echo
	} | (
		# shellcheck disable=SC2031 # this one's own
		sh -c 'echo $PPID' >"$group/cgroup.procs"
		inside "-n 5 strict" pids /rw/refused 5
	)
	limited_status=$?
	cat "$group/pids.events"
	# The last processes of the sandbox may still be exiting
	until grep -qx 'populated 0' "$group/cgroup.events"; do sleep 0.1; done
	rmdir "$group"
	return "$limited_status"
}
claim "pids.max holds, and spends nothing" limited

claim "example sandbox: 3 children, then EDQUOT" "$examples/sandbox" -n 3 "$WORK/inside" budget 3
claim "example sandbox: dash under the preload library" says "after" \
	env LD_PRELOAD="$PRELOAD" "$examples/sandbox" dash -c '/bin/true; /bin/true; echo after'
claim "example sandbox: fork is killed" gives 159 "$examples/sandbox" "$WORK/inside" act fork
claim "example sandbox: no device for it" "$examples/sandbox" "$WORK/inside" answers /dev/spawnctl 13
claim "example sandbox: says what is wrong" says "sandbox: 'x' is no number of children" \
	"$examples/sandbox" -n x true

# For a filter whose default is to kill
guide() {
	LDLIBS='-lspawnctl -lseccomp' ONLY=guide_5 "$here/../examples.sh" "$WORK/guide" "$top/docs/guide.md"
}
claim "the guide's filter is built" guide
for line in "no such program" "no child left"; do
	claim "the guide's filter: $line" says "$line" "$WORK/guide/guide_5"
done
claim "the guide's filter: fork is killed" gives 159 "$WORK/guide/guide_5"

socket=$WORK/rw/socket
"$examples/supervisor" "$socket" 1000 3 >"$WORK/supervisor.log" 2>&1 &
supervisor=$!
# A socket that is bound and does not listen yet refuses connections
listens() {
	grep -q " 00010000 .* $socket\$" /proc/net/unix
}
i=0
until listens || [ $((i += 1)) -gt 100 ]; do sleep 0.1; done
claim "a client cannot open the device" nobody "$WORK/inside" answers /dev/spawnctl 13
claim "a client is given 3 children" says "3 children, then: Disk quota exceeded" \
	nobody "$examples/client" "$socket" true
claim "so is the next one, and they are its user's" says 1000 nobody "$examples/client" "$socket" id -u
claim "another user is refused" says "client: the supervisor gives no descriptor" \
	setpriv --reuid 1001 --clear-groups "$examples/client" "$socket" true
kill $supervisor
finish
