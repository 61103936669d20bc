#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A program linked with the library, and unmodified programs, under valgrind and built
# with sanitizers.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

build() {
	gcc -g -O1 "$@" -pthread -lspawnctl
}

claim "user.c compiles" build -o "$work/user" "$here/user.c"
claim "spawner.c compiles" gcc -g -o "$work/spawner" "$here/spawner.c"
claim "user exits with status 0" "$work/user"

grind() {
	VALGRIND=1 valgrind -q --error-exitcode=99 --leak-check=full --track-fds=no \
		--errors-for-leak-kinds=all --show-leak-kinds=all "$@"
}
grind_user() {
	grind "$work/user" >"$work/ground" 2>&1
	cat "$work/ground"
	[ "$(cat "$work/ground")" = passed ]
}
claim "valgrind: user runs, and valgrind reports nothing" grind_user
SAME_FILTER='/^==[0-9]*==/d'
for how in posix_spawn vfork; do
	# Under valgrind the library falls back to clone(2) by itself: demand no backend
	output "$work/without" valgrind -q "$work/spawner" $how 5 true
	output "$work/with" env LD_PRELOAD="$PRELOAD" valgrind -q "$work/spawner" $how 5 true
	claim "valgrind: $how: same output and status with and without the preload library" \
		diff "$work/without" "$work/with"
	claim "valgrind: $how: exits with status 0" grep -qx 'status 0' "$work/with"
done

claim "user.c compiles with ASan and UBSan" build -fsanitize=address,undefined -o "$work/asan" \
	"$here/user.c"
claim "ASan and UBSan: user runs, and they report nothing" "$work/asan"
claim "spawner.c compiles with ASan" gcc -g -fsanitize=address -o "$work/spawner-asan" "$here/spawner.c"
# ASan requires that its runtime is the first library
ASAN=$(gcc -print-file-name=libasan.so)
SAME_FILTER=
for how in posix_spawn vfork; do
	same "ASan: $how" "$work/spawner-asan" $how 20 true
done
claim "user.c compiles with TSan" build -fsanitize=thread -o "$work/tsan" "$here/user.c"
# setarch -R: ThreadSanitizer's shadow memory does not fit all randomized layouts
claim "TSan: user runs, and TSan reports nothing" setarch -R "$work/tsan"
# The preload library is loaded before TSan's runtime, whose vfork() is a fork(), and must call
# that. With any other vfork() TSan takes the child's close() for a race with the parent's
# threads, and the program exits with status 66.
ASAN=
claim "vforker.c compiles with TSan" gcc -g -fsanitize=thread -o "$work/vforker" "$here/vforker.c" \
	-pthread
same "TSan: vfork" setarch -R "$work/vforker" 20
claim "vforker.c compiles with ASan" gcc -g -fsanitize=address -o "$work/vforker" "$here/vforker.c" \
	-pthread
export ASAN_OPTIONS=verify_asan_link_order=0
same "ASan, loaded after the preload library: vfork" "$work/vforker" 20
finish
