#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Rust, and std::process under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Rust 'signal: 9 .*' "$built/rust/demo"
edges=$built/rust/standard/edges
claim "Rust, reaped elsewhere: ECHILD, and the next process with the pid is left alone" runs "$edges" reaped
claim "Rust, SIGCHLD ignored: the same" runs "$edges" ignored
claim "Rust, status: that of std, for an exit, a signal and a core" runs "$edges" status
claim "Rust, environment: the last value of a name" runs "$edges" twice
claim "Rust, environment: an empty name and one with = are refused" runs "$edges" name
claim "Rust, PATH: the program is found in the child's" runs "$edges" path
claim "Rust, error: the errno is kept in an io::Error" runs "$edges" errno
claim "Rust, time-out longer than a poll(): is waited for" runs "$edges" long
claim "Rust, time-out longer than the clock: no limit" runs "$edges" unlimited
standard "Rust std::process" 'posix_spawnp: device \(1\)' "$built/rust/standard/standard" plain
standard "Rust std::process, pre_exec" none "$built/rust/standard/standard" pre_exec
finish
