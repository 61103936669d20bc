#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Java, and ProcessBuilder under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# Short programs on an emulated machine: only the first tier of the JIT compiler. 137: 128 + SIGKILL
java="java -XX:TieredStopAtLevel=1 -Xshare:auto -Xmx256m"
# shellcheck disable=SC2086 # words
recipe Java 137 $java --enable-native-access=ALL-UNNAMED -cp "$built/java" Demo
# shellcheck disable=SC2086
standard "Java ProcessBuilder" 'posix_spawn: device \(1\)' $java -cp "$built/java/standard" Standard
finish
