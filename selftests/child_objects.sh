# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # dir
# Sourced by scripts that check the library's archive. $dir is a directory for their files.

# child_objects ARCHIVE [OBJECT...]: checks that the objects whose code runs in the child
# need no symbols but each other's. A call to libc could be the first to that function:
# ld.so would then resolve it on the child's small stack. A call to a sanitizer or a
# profiler would change the state that it keeps for the calling thread.
child_objects()
{
	objects_of=$1
	shift
	set -- spawn_child.o step_child.o request_child.o "$@"
	for object in "$@"; do
		${AR:-ar} p "$objects_of" "$object" >"$dir/$object" || return 1
	done
	(cd "$dir" && ${LD:-ld} -r -o joined.o "$@") &&
		${NM:-nm} -u "$dir/joined.o" >"$dir/undefined" &&
		! grep -v ' _GLOBAL_OFFSET_TABLE_$' "$dir/undefined"
}
