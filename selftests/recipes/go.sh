#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Go, and os/exec under the preload library.

here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Go 'context deadline exceeded' "$built/go/demo/demo"

# checks WAY [COMMAND...]: what the recipe does as os/exec does (go/checks.go)
checks() {
	way=$1
	shift
	claim "Go, $way: the checks run to their end" runs "$@" env A=old \
		sh -c 'ulimit -Sn 777 && exec "$@"' - "$built/go/standard/checks" "$work/planted"
	claim "Go, $way: a child has the soft limit of descriptors from before the start" shows 'limit: 777'
	claim "Go, $way: and the same hard limit" shows 'hard limit: true'
	claim "Go, $way: a limit that the program has set is inherited" shows "limit of the program's own: 555"
	claim "Go, $way: of two values of a variable, the last" shows 'environment: new'
	claim "Go, $way: a null byte in the environment is refused" \
		shows 'environment, null byte: .*invalid argument'
	claim "Go, $way: PWD is the directory" shows 'PWD: /usr'
	claim "Go, $way: a status from before the time-out is kept" \
		shows 'status before the time-out: exit status 3'
	claim "Go, $way: success from before the time-out is kept" shows 'success before the time-out: <nil>'
	claim "Go, $way: a signal from before the time-out is kept" \
		shows 'signal before the time-out: signal: terminated'
	claim "Go, $way: the state of a killed child" shows '.*: context canceled, signal: killed'
	claim "Go, $way: SIGKILL without a time-out" shows 'killed by another: signal: killed'
	claim "Go, $way: no arguments: an error" shows 'no arguments: .*invalid argument'
	claim "Go, $way: Wait before Start: an error" shows 'Wait before Start: .*not started'
	claim "Go, $way: Wait after a failed Start: an error" shows 'Wait after a failed Start: .*not started'
	claim "Go, $way: a second Wait: an error" shows 'second Wait: .*already called'
	claim "Go, $way: Wait after another wait: an error" \
		shows 'Wait after Process.Wait: .*no child processes'
	claim "Go, $way: without a context" shows 'no context: hello'
	claim "Go, $way: a second Start: an error, and the first child keeps its pipes" \
		shows 'second Start: hello, .*already started'
	claim "Go, $way: a second pipe: an error" shows 'second pipe: .*already set or started'
	claim "Go, $way: errors leave no descriptor open" shows 'left open: 0'
	claim "Go, $way: no program of the directory by PATH" shows 'a name, in DIRECTORY too: '
	claim "Go, $way: a path with a slash is relative to the directory" \
		shows 'a path, in DIRECTORY: planted'
	claim "Go, $way: a name that is not in PATH: ErrNotFound" shows 'a name, nowhere: true'
	claim "Go, $way: a program of the caller's directory by PATH: ErrDot" \
		shows "a name, in the caller's directory: .*relative to current directory"
}

mkdir "$work/planted"
printf '#!/bin/sh\necho planted\n' >"$work/planted/true"
chmod 755 "$work/planted/true"
checks "device"
checks "no permission for the device" nobody

standard "Go os/exec" none "$built/go/standard/standard"
finish
