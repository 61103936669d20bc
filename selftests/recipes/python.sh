#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The recipe for Python, CPython's subprocess under the preload library, and what a demanded device
# means for it.

# shellcheck disable=SC2317 # functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

recipe Python -9 python3 -B -W error "$built/python/demo.py"

# checks WAY [COMMAND...]: what the demo does not show
checks() {
	checks_way="Python, $1"
	shift
	claim "$checks_way: the checks run to their end" runs "$@" timeout 120 \
		env "PYTHONPATH=$built/python" python3 -B -W error "$built/python/standard/checks.py"
	claim "$checks_way: a status that is lost is 255, and the pidfd is closed" \
		shows 'status lost, descriptors: \(255, 255, 0\)'
	claim "$checks_way: in a fork of the parent, the child runs" shows 'fork of the parent: 0'
	claim "$checks_way: a signal does not shorten a write" shows 'write and signals: 1048576'
	claim "$checks_way: a time-out does not shorten the next write" shows 'write after a time-out: 1048577'
	claim "$checks_way: communicate() sends what was written before, first" \
		shows "own reads and writes: b'1\\\\n2 3'"
	claim "$checks_way: communicate() returns what readline() has read ahead" shows "read ahead: b'1\\\\n2\\\\n'"
	claim "$checks_way: communicate() after a time-out, stdin is closed" shows "time-out, stdin closed: b'x'"
	claim "$checks_way: communicate() after a time-out, stdout is closed" \
		shows "time-out, stdout closed: b'y\\\\n'"
	claim "$checks_way: communicate() after a time-out sends the rest" shows 'time-out, continued: 1048576'
	claim "$checks_way: a variable with '=' in its name is refused" shows 'name with =: ValueError.*illegal.*'
	claim "$checks_way: a variable without a name is refused" shows 'empty name: ValueError.*illegal.*'
	claim "$checks_way: a time-out of 30 days" shows '30 days: \(3, 4\)'
	claim "$checks_way: poll() in a signal handler that interrupts poll()" shows 'poll\(\) in a handler: \{3\}'
	claim "$checks_way: wait() in a signal handler that interrupts poll()" shows 'wait\(\) in a handler: \{3\}'
}
checks "device"
checks "no permission for the device" nobody

# run.py [cwd] [thread] [filter]: "cwd" is an option of subprocess that CPython has no posix_spawn() for
cat >"$work/run.py" <<'END'
import ctypes, subprocess, sys, threading
options = {"cwd": "/"} if "cwd" in sys.argv else {}
if "thread" in sys.argv:
    thread = threading.Thread(target=str)
    thread.start()
    thread.join()
if "filter" in sys.argv:
    # SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(0x7fff0000))
    for name in (b"fork", b"vfork", b"clone", b"clone3"):
        call = seccomp.seccomp_syscall_resolve_name(name)
        assert not seccomp.seccomp_rule_add(rules, 0x80000000, call, 0)
    assert not seccomp.seccomp_load(rules)
try:
    print("status", subprocess.run(["/bin/true"], **options).returncode)
except OSError as error:
    print(repr(error))
END
standard "CPython subprocess" 'posix_spawn: device \(1\)' python3 "$work/run.py"
standard "CPython subprocess, cwd" 'vfork: device \(1\)' python3 "$work/run.py" cwd
standard "CPython subprocess, cwd, preexec_fn" none python3 -c '
import subprocess
subprocess.run(["/bin/true"], cwd="/", preexec_fn=dict)'

# demanded WHAT [ARGUMENT...]: the device is demanded, and cannot be opened
demanded() {
	what=$1
	shift
	show nobody env SPAWNCTL_DEBUG=1 SPAWNCTL_BACKEND=device LD_PRELOAD="$PRELOAD" python3 "$work/run.py" "$@"
	echo "@table CPython subprocess$what|demanded, no permission|$(sed 's/^spawnctl: //' "$work/shown" |
		paste -s -d ';' | sed 's/;/; /g')"
}

demanded ""
claim "CPython, device demanded, no permission: posix_spawn() fails" \
	shows 'spawnctl: posix_spawn /bin/true: device: failed, errno 13'
claim "CPython, the same: there is no child" shows 'PermissionError.*'

# CPython calls fork() if vfork() fails. If the device is demanded, fork() is the preload library's,
# too, but only in a process that has never had a second thread.
demanded ", cwd" cwd
claim "CPython, device demanded, no permission, vfork() and one thread: vfork() fails" \
	shows 'spawnctl: vfork: device: failed, errno 13'
claim "CPython, the same: fork() fails" shows 'spawnctl: fork: device: failed, errno 13'
claim "CPython, the same: there is no child" shows 'PermissionError.*'

demanded ", cwd, after a thread" cwd thread
claim "CPython, device demanded, no permission, vfork() and two threads: vfork() fails" \
	shows 'spawnctl: vfork: device: failed, errno 13'
claim "CPython, the same: the preload library's fork() is not called" \
	gives 1 grep -q 'spawnctl: fork' "$work/shown"
claim "CPython, the same: libc's fork() makes the child" shows 'status 0'

# A filter that kills for fork, vfork, clone and clone3 is what forbids that child
filtered() {
	filtered_children=$1
	shift
	spawnctl limit --filtered "--children=$filtered_children" -- env LD_PRELOAD="$PRELOAD" \
		SPAWNCTL_BACKEND=device python3 "$work/run.py" cwd thread filter
}
claim "CPython, fork is killed, 1 child: the device makes the child" line 0 'status 0' filtered 1
claim "CPython, fork is killed, 0 children: the fork() after the vfork() is killed" gives 159 filtered 0
echo "@table CPython subprocess, cwd, after a thread|fork is killed, no child left|killed by SIGSYS"
finish
