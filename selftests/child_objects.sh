# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154 # dir
# For scripts that look at the library's archive. $dir is a directory for files.

# child_objects ARCHIVE [OBJECT...]: that the objects of what runs in the child need no
# symbol but each other's. A call of libc's could be its first, with ld.so's part on the
# child's small stack; one of a sanitizer's or a profiler's would change what that keeps
# of the calling thread.
child_objects()
{
	objects_of=$1
	shift
	set -- child.o birth_child.o "$@"
	for object in "$@"; do
		${AR:-ar} p "$objects_of" "$object" >"$dir/$object" || return 1
	done
	(cd "$dir" && ${LD:-ld} -r -o joined.o "$@") &&
		${NM:-nm} -u "$dir/joined.o" >"$dir/undefined" &&
		! grep -v ' _GLOBAL_OFFSET_TABLE_$' "$dir/undefined"
}
