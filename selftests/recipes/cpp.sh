#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for C++, and libc's functions under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# 128 + SIGTERM
recipe C++ 143 "$built/cpp/demo"

claim "C++, faults: runs to its end" runs "$built/cpp/standard/faults"
for fault in 'reaped by other code, wait: wait, 10' 'reaped by other code, wait_for: wait, 10' \
	'SIGCHLD ignored, wait: wait, 10' 'kills by process id: 0' 'killed: 137' 'variable twice: A=c' \
	'longer name: AB=1' 'name with =: refused' 'empty name: refused' \
	'open() that failed: prepare, 9' 'descriptor -2: prepare, 9' 'empty directory: chdir, 2' \
	'longest time-out: ended' 'time-out above 49 days: ended' 'time-out in the past: time-out' \
	'time-out of 10 ms: time-out' "caller's PATH: found" 'env without PATH: exec, 2' \
	'env without PATH, /bin: found' 'env with PATH: found' 'env with another PATH: exec, 2' \
	'env with a relative PATH: found'; do
	claim "C++, faults: ${fault%%:*}" says "$fault" cat "$work/shown"
done

standard "C++ posix_spawn()" 'posix_spawn: device \(1\)' "$built/cpp/standard/standard" posix_spawn
standard "C++ std::system()" none "$built/cpp/standard/standard" system
finish
