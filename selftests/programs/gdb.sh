#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# gdb and strace: starting programs, and following them into their children.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

claim "spawner.c compiles" gcc -g -o "$work/spawner" "$here/spawner.c"
cat >"$work/child.c" <<'END'
int answer = 42;
int main(void) { return answer - 42; }
END
claim "child.c compiles" gcc -g -o "$work/child" "$work/child.c"

run_gdb() {
	gdb -nx -batch -iex 'set debuginfod enabled off' "$@" 2>&1
}

# The last ones: the library's vfork() consists of other functions than glibc's
SAME_FILTER='s/process [0-9]*/process N/g; s/0x[0-9a-f]*/0xN/g; s/^\[Thread debugging.*//
	s/^Using host libthread_db.*//; s/inferior [0-9]*/inferior N/g; /^$/d; /^warning: /d
	s/LWP [0-9]*/LWP N/g; s/pid=[0-9]*/pid=N/g; /clone3 ()/d; /spawnctl_arch_clone/d; /vfork ()/d'
gdb_run() {
	run_gdb -ex run --args "$work/child"
}
gdb_child() {
	run_gdb -ex 'set follow-fork-mode child' -ex 'set breakpoint pending on' -ex 'break child.c:main' -ex run -ex 'print answer' \
		-ex continue --args "$work/spawner" "$1" 1 "$work/child" |
		grep -v ': status' # printed by the parent, from which gdb has detached
}
gdb_both() {
	run_gdb -ex 'set detach-on-fork off' -ex 'catch exec' -ex run -ex 'info inferiors' \
		--args "$work/spawner" "$1" 1 "$work/child" | grep -v '^\*\? *[0-9]'
}
gdb_parent() {
	run_gdb -ex 'break waitpid' -ex run -ex 'bt -1' -ex 'delete' -ex continue \
		--args "$work/spawner" "$1" 3 "$work/child"
}

# gdb itself runs under the library, too, and starts its inferior by vfork()
for how in posix_spawn vfork; do
	same "gdb follows the child of $how" gdb_child $how
	claim "gdb stops in the child of $how and prints its variable" grep -q '= 42' "$work/with"
	same "gdb keeps parent and child of $how attached" gdb_both $how
	same "gdb stays with the parent of $how" gdb_parent $how
done
same "gdb starts a program" gdb_run
claim "the program that gdb starts exits normally" grep -q 'exited normally' "$work/with"

SAME_FILTER='s/^\(\[pid *\)\?[0-9]*\]\? *//; s/0x[0-9a-f]*/0xN/g; /LD_PRELOAD/d; /vars \*\//s/\/\* .*//'
for how in posix_spawn vfork; do
	same "strace -f of $how" strace -f -qq -e trace=execve -e signal=none \
		"$work/spawner" $how 20 "$work/child"
	spawns "20 times $how" all "$work/spawner" $how 20 "$work/child"
done
finish
