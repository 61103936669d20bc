#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Rust's std::process::Command, and rustc, which starts the linker with it.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

cd "$work" || exit
claim "rustc builds spawn.rs" rustc -Cdebuginfo=0 -o spawn "$here/spawn.rs"
claim "rustc builds spawn.rs under the preload library" \
	with rustc -Cdebuginfo=0 -o spawn2 "$here/spawn.rs"
claim "both builds are identical" cmp spawn spawn2
same "std::process::Command" ./spawn 30
spawns "Rust's Command" some ./spawn 1
finish
