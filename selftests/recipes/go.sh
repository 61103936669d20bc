#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Go, and os/exec under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Go 'context deadline exceeded' "$built/go/demo/demo"
standard "Go os/exec" none "$built/go/standard/standard"
finish
