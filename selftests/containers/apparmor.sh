#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# AppArmor: the abstraction that spawnctl installs, enforced, and a profile without it.

# shellcheck disable=SC2317 # functions that claim runs
here=$(dirname "$(realpath "$0")")
# shellcheck source=../programs/lib.sh
. "$here/../programs/lib.sh"
top=$(realpath "$here/../..")
# What the profiles name; the temporary directory has another name each time
box=/opt/spawnctl-test
mkdir -p $box

# load NAME INCLUDE: loads a profile that lets its programs execute what they like
load() {
	cat >"$work/profile" <<-END
		abi <abi/4.0>,
		include <tunables/global>
		profile $1 {
			include <abstractions/base>
			$2
			network,
			/{usr/,}bin/** rix,
			$box/** rix,
			@{PROC}/** r,
		}
	END
	apparmor_parser -r "$work/profile"
}

under() {
	under_profile=$1
	shift
	aa-exec -p "$under_profile" -- "$@"
}

enforced() {
	[ "$(under with-spawnctl cat /proc/self/attr/current)" = "with-spawnctl (enforce)" ]
}

# filtered PROFILE COMMAND...: under a filter, too, so that the library needs the service
filtered() {
	filtered_profile=$1
	shift
	under "$filtered_profile" "$box/serve_helper" filtered "$@"
}

claim "inside.c compiles" gcc -Wall -o $box/inside "$here/../programs/inside.c" -lspawnctl
claim "serve_helper.c compiles" gcc -Wall -o $box/serve_helper "$here/../serve_helper.c" -lspawnctl -pthread
claim "make install-apparmor" make -s -C "$top" install-apparmor DESTDIR=
claim "a profile with the abstraction is loaded" load with-spawnctl "include <abstractions/spawnctl>"
claim "a profile without the abstraction is loaded" load without-spawnctl ""
claim "the profile is enforced" enforced
claim "with the abstraction: open /dev/spawnctl succeeds" under with-spawnctl $box/inside answers /dev/spawnctl 0
claim "with the abstraction: a spawn by the device succeeds" under with-spawnctl $box/inside spawn plain true
claim "without it: open /dev/spawnctl: EACCES" under without-spawnctl $box/inside answers /dev/spawnctl 13
claim "without it: a spawn by the device fails with EACCES" \
	gives 113 under without-spawnctl $box/inside spawn plain true

claim "the service starts" serve "grant children=9"
claim "with the abstraction, filtered: a spawn by the descriptor of the service succeeds" \
	filtered with-spawnctl $box/inside spawn plain true
# AppArmor of 6.12 does not mediate Unix sockets, and lets an unconfined process pass on its files
claim "without it, filtered: the kernel does not mediate the socket: a spawn succeeds" \
	filtered without-spawnctl $box/inside spawn plain true
claim "without it, filtered, without the service: a spawn fails with EACCES" \
	gives 113 env SPAWNCTL_SOCKET= aa-exec -p without-spawnctl -- $box/serve_helper filtered $box/inside spawn plain true
claim "the service ends" stop_serving
finish
