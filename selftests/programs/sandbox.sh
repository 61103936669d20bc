#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Spawning in a sandbox: bubblewrap with all its namespaces and a filter made by
# libseccomp. The descriptor of the device was limited outside. And the examples.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"
top=$(realpath "$here/../..")
chmod 755 "$work"
mkdir -m 777 "$work/rw"

build() {
	gcc -Wall -I "$top/examples" -o "$work/$1" "$here/$1.c" -lspawnctl -lseccomp
}
for f in launcher inside spawner; do
	claim "$f.c compiles" build $f
done
claim "make examples succeeds" make -s -C "$top" examples
examples=$top/build/examples

# nobody COMMAND...: runs COMMAND as an unprivileged user that may not open the device
nobody() {
	setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}

# box "[LAUNCHER'S OPTION...] FILTER" PROGRAM...: runs PROGRAM in the sandbox. BIND has more
# options for bwrap. There is no terminal, because the strict filter allows one ioctl only.
box() {
	launch=$1 seccomp='--seccomp 21'
	shift
	case $launch in
	*none) seccomp= ;;
	esac
	# shellcheck disable=SC2086 # words
	"$work/launcher" $launch setpriv --reuid 1000 --regid 1000 --clear-groups bwrap \
		--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-net \
		--new-session --die-with-parent --ro-bind /usr /usr --symlink usr/bin /bin \
		--symlink usr/lib /lib --symlink usr/lib64 /lib64 --proc /proc --dev /dev \
		--ro-bind "$work" /work --bind "$work/rw" /rw --chdir / $seccomp ${BIND-} "$@"
}

inside() {
	inside_box=$1
	shift
	box "$inside_box" /work/inside "$@"
}

tab=$(printf '\t')

preloaded="--setenv LD_PRELOAD $PRELOAD"
claim "strict filter: libspawnctl can spawn" inside strict spawn plain true
claim "strict filter: spawnctl_get_backend() returns the device, and is not killed" \
	inside strict backend
for how in posix_spawn vfork; do
	BIND=$preloaded
	claim "strict filter: $how works under the preload library" \
		says "true: status 0" box strict /work/spawner $how 3 true
	BIND=
	claim "strict filter: $how without the preload library is killed" \
		gives 159 box strict /work/spawner $how 1 true
done
BIND=$preloaded
claim "strict filter: dash starts programs under the preload library" says "after" \
	box strict dash -c '/bin/true; /bin/true; /bin/echo before; echo after'
BIND=
claim "strict filter: dash without the preload library is killed" \
	gives 159 box strict dash -c '/bin/true; echo no'
# With FORK, by the filter and the descriptor, an unmodified shell can do all that it does by fork()
cat >"$work/forking" <<'END'
seq 2000 | tr 1 x | cat | while read -r n; do i=$n; done
seq 300 | tr 1 x | cat
(echo subshell; exit 3)
echo "status $?"
echo "$(echo $(echo nested))"
{ echo background >&3; } 3>&1 &
wait $!
echo "status $?"
/bin/cat <<TEXT
$(seq 3000)
TEXT
trap 'echo usr1' USR1
(kill -USR1 $$)
/bin/echo last | cat
END
forking="$preloaded --setenv SPAWNCTL_BACKEND device"
dash "$work/forking" >"$work/forked.plain" 2>&1
forking_is_same() {
	box "-f -n 500 strict" dash /work/forking >"$work/forked" 2>&1
	diff "$work/forked.plain" "$work/forked"
}
BIND=$forking
claim "strict filter with FORK: dash under the preload library works as without a sandbox" forking_is_same
claim "strict filter with FORK: a pipeline of dash works under the preload library" says "xbc" \
	box "-f strict" dash -c 'echo abc | cat | tr a x'
for limit in 0 1 2; do
	claim "strict filter with FORK, limit of $limit: fork() of dash fails, and dash is not killed" \
		gives 2 box "-f -n $limit strict" dash -c 'echo abc | cat | tr a x'
done
claim "limit that allows no FORK: fork() of dash fails, and dash is not killed" \
	gives 2 box none dash -c 'echo abc | cat | tr a x'
claim "strict filter with FORK, limit of 2: an error message of dash" says "dash: 0: Cannot fork" \
	box "-f -n 2 strict" dash -c 'echo abc | cat | tr a x'
# Without the demand, fork() is libc's
BIND=$preloaded
claim "strict filter with FORK: a pipeline without SPAWNCTL_BACKEND=device is killed" \
	gives 159 box "-f strict" dash -c 'echo abc | cat | tr a x'
BIND=
claim "strict filter with FORK: a pipeline without the preload library is killed" \
	gives 159 box "-f strict" dash -c 'echo abc | cat | tr a x'
# Elsewhere a 64-bit program cannot make 32-bit system calls
fork32=
[ "$(uname -m)" = x86_64 ] && fork32=32-bit-fork
for what in fork vfork clone clone3 $fork32 posix_spawn FORK SPAWN-on-stdin SPAWN-on-duplicate \
	SPAWN-on-64-bit-fd; do
	claim "strict filter: $what kills the process" gives 159 inside strict act "$what"
done
for what in fork vfork clone $fork32 posix_spawn; do
	claim "no filter: $what works" gives 0 inside none act "$what"
done

# 14 (EFAULT): the command is allowed, and finds no struct. 1 (EPERM), 13 (EACCES): refused
for what in "SPAWN 14" "INFO 14" "FORK 1" "LIMIT 1"; do
	# shellcheck disable=SC2086
	claim "filter by ioctl numbers: ${what% *} fails with errno ${what#* }" inside numbers answers $what
done
for what in SPAWN FORK LIMIT; do
	claim "unmarked descriptor, filter by ioctl numbers: $what fails with EACCES" \
		inside "-u numbers" answers $what 13
	claim "unmarked descriptor, no filter: $what is allowed" inside "-u none" answers $what 14
done
claim "unmarked descriptor, strict filter: spawn fails with EACCES" \
	gives 113 inside "-u strict" spawn plain true
claim "unmarked descriptor, no filter: spawn succeeds" inside "-u none" spawn plain true

claim "/dev/spawnctl does not exist in the sandbox" inside strict answers /dev/spawnctl 2
chmod 666 /dev/spawnctl
BIND="--dev-bind /dev/spawnctl /dev/spawnctl"
for name in /dev/spawnctl /proc/self/fd/20; do
	claim "open $name, mode 0666, under a filter: EACCES" inside strict answers $name 13
	claim "open $name, mode 0666, without a filter: succeeds" inside none answers $name 0
done
BIND=
chmod 600 /dev/spawnctl
claim "open /proc/self/fd/20, mode 0600, without a filter: EACCES" \
	inside none answers /proc/self/fd/20 13

# A child has the state and the namespaces of its parent, which are those of the sandbox
state() {
	inside strict inherits >"$work/state" || { cat "$work/state"; return 1; }
}
other_spaces() {
	for s in user pid mnt ipc uts net; do
		grep -q "^$s:" "$work/state" || return
		! grep -xF "$(readlink "/proc/self/ns/$s")" "$work/state" || return
	done
}
claim "a child has the filters, ids and namespaces of its parent" state
claim "a child is under a filter" grep -qx "Seccomp:${tab}2" "$work/state"
claim "a child is under one filter, as its parent" grep -qx "Seccomp_filters:${tab}1" "$work/state"
claim "a child has no_new_privs" grep -qx "NoNewPrivs:${tab}1" "$work/state"
claim "a child has namespaces other than the host's" other_spaces
for what in clone clone3 fork FORK; do
	claim "a child that calls $what is killed" \
		gives 159 inside strict spawn plain /work/inside act $what
done
claim "a child can spawn" inside strict spawn plain /work/inside spawn plain true
claim "a child inherits the descriptor of the device by default" \
	inside strict spawn plain /work/inside devices 1
for how in closefrom only cloexec; do
	claim "a child does not inherit the descriptor: $how" inside strict spawn $how /work/inside devices 0
done

claim "the child is process 1 of a pid namespace made in the sandbox" \
	inside strict unshared sh -c '[ $$ = 1 ]'

# Not under bwrap, because it sets no_new_privs
claim "no_new_privs forced by LIMIT: not set in the parent" says "NoNewPrivs:${tab}0" \
	"$work/launcher" -l strict "$work/inside" state
claim "no_new_privs forced by LIMIT: set in the child" says "NoNewPrivs:${tab}1" \
	"$work/launcher" -l strict "$work/inside" spawn plain "$work/inside" state

claim "limit of 7: 7 children, then EDQUOT" inside "-n 7 strict" budget 7
claim "limit of 0: no child, then EDQUOT" inside "-n 0 strict" budget 0
BIND=$preloaded
for how in posix_spawn vfork; do
	claim "limit of 2: the third $how fails, and the process is not killed" \
		gives 1 box "-n 2 strict" /work/spawner $how 3 true
done
BIND=
claim "children of a child count against the limit" \
	inside "-n 4 strict" spawn plain /work/inside budget 3
claim "example sandbox: 3 children, then EDQUOT" "$examples/sandbox" -n 3 "$work/inside" budget 3
claim "example sandbox: dash starts programs under the preload library" says "after" \
	env LD_PRELOAD="$PRELOAD" "$examples/sandbox" dash -c '/bin/true; /bin/true; echo after'
claim "example sandbox: pipelines of dash with -f" says "PIPELINES" \
	env LD_PRELOAD="$PRELOAD" SPAWNCTL_BACKEND=device "$examples/sandbox" -f \
	dash -c 'echo pipelines | tr a-z A-Z'
claim "example sandbox: fork is killed" gives 159 "$examples/sandbox" "$work/inside" act fork
claim "example sandbox: open /dev/spawnctl: EACCES" \
	"$examples/sandbox" "$work/inside" answers /dev/spawnctl 13
claim "example sandbox: reports an invalid number of children" \
	says "sandbox: 'x' is no number of children" "$examples/sandbox" -n x true

# An example whose filter kills by default
guide() {
	LDLIBS='-lspawnctl -lseccomp' ONLY=guide_5 "$here/../examples.sh" "$work/guide" "$top/docs/guide.md"
}
claim "the filter in guide.md compiles" guide
for line in "no such program" "no child left"; do
	claim "the filter in guide.md: the example prints '$line'" says "$line" "$work/guide/guide_5"
done
claim "the filter in guide.md: fork is killed" gives 159 "$work/guide/guide_5"

socket=$work/rw/socket
"$examples/supervisor" "$socket" 1000 3 >"$work/supervisor.log" 2>&1 &
supervisor=$!
# A socket that is bound and does not listen yet refuses connections
listens() {
	grep -q " 00010000 .* $socket\$" /proc/net/unix
}
i=0
until listens || [ $((i += 1)) -gt 100 ]; do sleep 0.1; done
claim "example supervisor: a client cannot open the device" \
	nobody "$work/inside" answers /dev/spawnctl 13
claim "example supervisor: a client gets a descriptor for 3 children" \
	says "3 children, then: Disk quota exceeded" nobody "$examples/client" "$socket" true
claim "example supervisor: the next client gets one, and its child has its user id" \
	says 1000 nobody "$examples/client" "$socket" id -u
claim "example supervisor: a client of another user is refused" \
	says "client: the supervisor gives no descriptor" \
	setpriv --reuid 1001 --clear-groups "$examples/client" "$socket" true
kill $supervisor
finish
