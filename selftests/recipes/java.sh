#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Java, and ProcessBuilder under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# Short programs on an emulated machine: only the first tier of the JIT compiler. 137: 128 + SIGKILL
java="java -XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m"
# shellcheck disable=SC2086 # words
recipe Java 137 $java --enable-native-access=ALL-UNNAMED -cp "$built/java" Demo

# edges WAY COMMAND...: Edges.java
edges() {
	edges_way=$1
	shift
	claim "Java edges, $edges_way: run to their end" runs "$@"
	claim "Java edges, $edges_way: the status of a child reaped elsewhere is UNKNOWN, every time" \
		shows 'reaped elsewhere: -1 -1'
	claim "Java edges, $edges_way: the child dies of SIGQUIT and SIGPIPE" shows 'signals: 131 141'
	claim "Java edges, $edges_way: '=' in a name, an empty name and a null value are refused" \
		shows 'variables: IllegalArgumentException IllegalArgumentException NullPointerException'
	claim "Java edges, $edges_way: Long.MAX_VALUE ns as a time-out" shows 'long time-out: 3'
	claim "Java edges, $edges_way: ChronoUnit.FOREVER as a time-out" shows 'forever: 3'
	claim "Java edges, $edges_way: a negative time-out is none" shows 'negative time-out: null'
	claim "Java edges, $edges_way: an interrupt ends the wait" shows 'interrupted: InterruptedException'
	claim "Java edges, $edges_way: close() reaps the child in a thread that is interrupted" \
		shows 'interrupted, closed: 137 true'
	claim "Java edges, $edges_way: with SIGCHLD ignored, the status is UNKNOWN" \
		shows 'SIGCHLD ignored: -1'
}

edges_command="$java --enable-native-access=ALL-UNNAMED -cp $built/java:$built/java/standard Edges"
# shellcheck disable=SC2086
edges "no permission for the device" nobody $edges_command
# shellcheck disable=SC2086
edges "device" $edges_command root
claim "Java edges: a process with the number of a child reaped elsewhere is not killed" \
	shows 'same number: -1 null'
# shellcheck disable=SC2086
standard "Java ProcessBuilder" 'posix_spawn: device \(1\)' $java -cp "$built/java/standard" Standard
finish
