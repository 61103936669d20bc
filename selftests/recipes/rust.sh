#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Rust, and std::process under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Rust 'signal: 9 .*' "$built/rust/demo"
standard "Rust std::process" 'posix_spawnp: device \(1\)' "$built/rust/standard/standard" plain
standard "Rust std::process, pre_exec" none "$built/rust/standard/standard" pre_exec
finish
