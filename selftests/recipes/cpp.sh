#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for C++, and libc's functions under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

# 128 + SIGTERM
recipe C++ 143 "$built/cpp/demo"
standard "C++ posix_spawn()" 'posix_spawn: device \(1\)' "$built/cpp/standard/standard" posix_spawn
standard "C++ std::system()" none "$built/cpp/standard/standard" system
finish
