#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A program linked with the library, and unmodified ones, under valgrind and built
# with sanitizers.

# shellcheck disable=SC2016,SC2317 # what others run: awk, functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

build() {
	gcc -g -O1 "$@" -pthread -lspawnctl
}

claim "user is built" build -o "$WORK/user" "$here/user.c"
claim "spawner is built" gcc -g -o "$WORK/spawner" "$here/spawner.c"
claim "user runs" "$WORK/user"

grind() {
	VALGRIND=1 valgrind -q --error-exitcode=99 --leak-check=full --track-fds=no \
		--errors-for-leak-kinds=all --show-leak-kinds=all "$@"
}
grind_user() {
	grind "$WORK/user" >"$WORK/ground" 2>&1
	cat "$WORK/ground"
	[ "$(cat "$WORK/ground")" = well ]
}
claim "valgrind: user, and it says nothing of its own" grind_user
SAME_FILTER='/^==[0-9]*==/d'
for how in posix_spawn vfork; do
	# It takes clone(2) by itself: no backend is demanded
	output "$WORK/without" valgrind -q "$WORK/spawner" $how 5 true
	output "$WORK/with" env LD_PRELOAD="$PRELOAD" valgrind -q "$WORK/spawner" $how 5 true
	claim "valgrind: $how, the same with and without" diff "$WORK/without" "$WORK/with"
	claim "valgrind: $how has run" grep -qx 'status 0' "$WORK/with"
done

claim "user is built with ASan and UBSan" build -fsanitize=address,undefined -o "$WORK/asan" \
	"$here/user.c"
claim "ASan: user" "$WORK/asan"
claim "spawner is built with ASan" gcc -g -fsanitize=address -o "$WORK/spawner-asan" "$here/spawner.c"
# Its own runtime wants to be the first
ASAN=$(gcc -print-file-name=libasan.so)
SAME_FILTER=
for how in posix_spawn vfork; do
	same "ASan: $how" "$WORK/spawner-asan" $how 20 true
done
claim "user is built with TSan" build -fsanitize=thread -o "$WORK/tsan" "$here/user.c"
# Its shadow of the memory does not fit all random layouts
claim "TSan: user" setarch -R "$WORK/tsan"
# Ours comes before its runtime, whose vfork() is a fork: with another, closing a descriptor
# in the child is a race with the parent's threads, and the program ends with 66
ASAN=
claim "vforker is built with TSan" gcc -g -fsanitize=thread -o "$WORK/vforker" "$here/vforker.c" \
	-pthread
same "TSan: vfork" setarch -R "$WORK/vforker" 20
claim "vforker is built with ASan" gcc -g -fsanitize=address -o "$WORK/vforker" "$here/vforker.c" \
	-pthread
export ASAN_OPTIONS=verify_asan_link_order=0
same "ASan, its runtime not the first: vfork" "$WORK/vforker" 20
finish
