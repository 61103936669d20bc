# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # failed, dir
# Sourced by scripts that check the library or its installation. $dir is a directory for their files.

number=0 failed=0

# result NAME: prints the last command's result as a line of TAP, and $dir/log if it failed.
result()
{
	status=$?
	number=$((number + 1))
	if [ $status -eq 0 ]; then
		echo "ok $number $1"
	else
		[ ! -e "$dir/log" ] || sed 's/^/# /' "$dir/log"
		echo "not ok $number $1"
		failed=1
	fi
}

# Prints the options with which $CC finds the kernel's headers: musl-gcc has no directory for them.
system_headers()
{
	echo '#include <linux/ioctl.h>' | $CC -E -x c - >/dev/null 2>&1 ||
		echo "-idirafter /usr/include -idirafter /usr/include/$($CC -print-multiarch)"
}

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
