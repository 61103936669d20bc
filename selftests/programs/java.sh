#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Java's ProcessBuilder, by posix_spawn() (its default), vfork() and fork().

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# Short programs on an emulated machine: only the first tier of the JIT compiler
java="-XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m"
# shellcheck disable=SC2046,SC2086 # words
claim "Spawn.java compiles" javac $(printf -- '-J%s ' $java) -d "$work" "$here/Spawn.java"
SAME_FILTER='/launch mechanism VFORK/d'
for how in POSIX_SPAWN VFORK FORK; do
	# shellcheck disable=SC2086
	same "ProcessBuilder by $how" java $java -Djdk.lang.Process.launchMechanism=$how \
		-cp "$work" Spawn 10
done
# shellcheck disable=SC2086
spawns "Java's ProcessBuilder" all java $java -cp "$work" Spawn 1
finish
