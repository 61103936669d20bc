#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# builds.sh: builds the library with each kind of instrumentation that $CC has, and with musl-gcc.
# The code that runs in the child must have none of the instrumentation, and a program with the
# same instrumentation must be able to spawn.
#
# Prints TAP to stdout. Exit status 1 if a check fails.

: "${CC:=cc}"
here=$(dirname "$(realpath "$0")")
top=$here/..
# shellcheck source=library_checks.sh
. "$here/library_checks.sh"

dir=$(mktemp -d) || exit 2
trap 'rm -rf "$dir"' EXIT
# As in the Makefile
arch=$($CC -dM -E -x c /dev/null |
	sed -nE 's/^.define __(x86_64|i386|aarch64|arm)__ 1$/\1/p; s/^.define __riscv_xlen /riscv/p')

# build FLAGS [VARIABLE=...]
build()
{
	rm -rf "${dir:?}/lib"
	make -j"$(nproc)" -C "$top" CC="$CC" CFLAGS="$1" O="$dir/lib" ${2:+"$2"} "$dir/lib/libspawnctl.a" \
		>"$dir/log" 2>&1
}

# setarch -R: ThreadSanitizer's shadow memory does not fit all randomized layouts
runs()
{
	system=$(system_headers)
	# shellcheck disable=SC2086 # several words
	(cd "$dir" && $CC $1 $system -I"$top/uapi" -I"$top/userlib/include" -I"$top/userlib" \
		-I"$top/userlib/arch/$arch" -o builds "$here/builds.c" lib/libspawnctl.a -pthread &&
		setarch -R ./builds 20) >"$dir/log" 2>&1
}

echo "TAP version 13"
for flags in -O0 -Os -O3 "-O1 -fsanitize=address" "-O1 -fsanitize=undefined -fno-sanitize-recover=all" \
	"-O1 -fsanitize=thread" "-O1 -fsanitize=memory" "-O1 -pg" "-O1 -finstrument-functions" \
	"-O1 -fstack-protector-all" "-O1 --coverage" "-O1 -ftrivial-auto-var-init=pattern"; do
	# shellcheck disable=SC2086 # several words
	if ! { echo 'int main(void) { return 0; }' | $CC $flags -Werror -x c -o "$dir/null" - &&
			(cd "$dir" && setarch -R ./null); } >"$dir/log" 2>&1; then
		echo "# an empty program does not compile, link and run with $CC $flags"
		continue
	fi
	flags="-g $flags"
	build "$flags"
	result "$flags: the library builds"
	child_objects "$dir/lib/libspawnctl.a" >"$dir/log" 2>&1
	result "$flags: code that runs in the child calls no other function"
	runs "$flags"
	result "$flags: a program built with it can spawn"
done
build -finstrument-functions CHILD_CFLAGS=-finstrument-functions
! child_objects "$dir/lib/libspawnctl.a" >/dev/null
result "control: instrumentation of code that runs in the child is detected"
! runs -finstrument-functions && grep -q 'entered in a child' "$dir/log"
result "control: instrumentation that runs in a child is detected"
if command -v musl-gcc >"$dir/log"; then
	CC=musl-gcc
	rm -rf "${dir:?}/lib"
	make -j"$(nproc)" -C "$top" CC=$CC O="$dir/lib" >"$dir/log" 2>&1 && ! grep warning: "$dir/log"
	result "musl: the library builds"
	grep -q 'libspawnctl-preload.so is not built' "$dir/log" && [ ! -e "$dir/lib/libspawnctl-preload.so" ]
	result "musl: the preload library, which works with glibc only, is left out"
	child_objects "$dir/lib/libspawnctl.a" >"$dir/log" 2>&1
	result "musl: code that runs in the child calls no other function"
	runs ""
	result "musl: a program built with it can spawn"
	grep -q /ld-musl- "$dir/builds"
	result "musl: that program runs on musl"
	make -C "$top" CC=$CC O="$dir/lib" PREFIX="$dir/prefix" install >"$dir/log" 2>&1
	flags=$(PKG_CONFIG_PATH=$dir/prefix/lib/pkgconfig pkg-config --static --cflags --libs spawnctl 2>>"$dir/log")
	printf '#include <spawnctl/spawn.h>\nint main(void) { return spawnctl_spawn == NULL; }\n' >"$dir/user.c"
	# shellcheck disable=SC2086 # words
	[ "$flags" ] && $CC -static -o "$dir/user" "$dir/user.c" $flags >>"$dir/log" 2>&1
	result "musl: a program needs only the flags of pkg-config"
else
	echo "# musl-gcc is not installed, so the library is not tested with musl"
fi
echo "1..$number"
exit $failed
