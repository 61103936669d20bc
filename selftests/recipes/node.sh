#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Node.js, and child_process under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Node.js 'SIGKILL, and the loop has run: true' node "$built/node/demo.js"
standard "Node.js child_process" none node -e '
require("node:child_process").spawn("/bin/true").on("exit", (code) => process.exit(code))'
finish
