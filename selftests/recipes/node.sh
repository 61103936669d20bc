#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Node.js, and child_process under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Node.js 'SIGKILL, and the loop has run: true' node "$built/node/demo.js"
claim "Node.js, device demanded, no permission: the code and the step" shows "EACCES: backend 'device'"
# Without the flags, no_wait is refused first
claim "Node.js, no further child allowed: fails" gives 1 show spawnctl limit --children=0 \
	--flags=window_mask,exec_mask,pidfd,share_files,exec_keep_mask,parent_settid,hold,no_wait -- \
	node "$built/node/demo.js"
claim "Node.js, no further child allowed: the code and the step" shows "EDQUOT: prepare 'tr'"

claim "Node.js, faults: runs to its end" runs prlimit --nofile=100 node "$built/node/standard/faults.js"
for error in 'bad descriptor: prepare, EBADF, -9, true' 'unknown backend: prepare, EINVAL, -22, true' \
	'no format: exec, ENOEXEC, -8, /.*' 'no descriptor for a pipe: prepare, EMFILE, -24, true' \
	'no descriptor for /dev/null: prepare, EMFILE, -24, true' \
	'no descriptor for a copy: prepare, EMFILE, -24, true'; do
	claim "Node.js, a SpawnError with errno, code, step and path: ${error%%:*}" shows "$error"
done
claim "Node.js, a signal with two names: that of child_process" shows 'two names of a signal: SIGIO'
claim "Node.js, args that are a string: refused" shows 'args of one string: TypeError'
claim "Node.js, an undefined variable: left out" shows 'undefined: unset'
claim "Node.js, a variable that env inherits: passed" shows 'inherited: b'
claim "Node.js, a variable's name with =: refused" shows 'name with =: TypeError'
claim "Node.js, a variable's empty name: refused" shows 'empty name: TypeError'
for stdio in 'pipe: pipe pipe pipe' 'ignore: - - -' 'inherit: - - -' 'null: pipe pipe pipe' \
	'[]: pipe pipe pipe' '[null,ignore]: pipe - pipe' 'none: TypeError' '[none]: TypeError' \
	'[{}]: TypeError' '1: TypeError' '{}: TypeError' '[pipe,pipe,pipe,pipe]: TypeError'; do
	claim "Node.js, as child_process: stdio ${stdio%%:*}" says "stdio $stdio" cat "$work/shown"
done
for path in "caller's PATH: found" 'env without PATH: exec, ENOENT, .*' 'env without PATH, /bin: found' \
	'env with PATH: found' 'env with another PATH: exec, ENOENT, .*'; do
	claim "Node.js, where the program is searched: ${path%%:*}" shows "$path"
done

standard "Node.js child_process" none node -e '
require("node:child_process").spawn("/bin/true").on("exit", (code) => process.exit(code))'
finish
