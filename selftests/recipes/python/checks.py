# SPDX-License-Identifier: GPL-2.0
"""checks.py: what the demo of the recipe does not show, one line "NAME: RESULT" for each check."""
import contextlib
import faulthandler
import os
import pathlib
import signal
import subprocess
import sys
import time

import spawnctl
from spawnctl import PIPE

MORE_THAN_A_PIPE_HOLDS = bytes(1 << 20)


def start(script, **options):
    return spawnctl.Popen(["sh", "-c", script], **options)


def check(name, function):
    try:
        result = function()
    except Exception as error:
        result = repr(error)
    print(f"{name}: {result}", flush=True)


def lost_status():
    """Returns the statuses of a child that another part has reaped, and of one that nobody had to, and
    how many descriptors are left."""
    with start(":"):
        pass                    # from the first spawn on, the library has the device open
    before = len(os.listdir("/proc/self/fd"))
    with contextlib.suppress(OSError), start("exit 3") as first:
        os.waitpid(first.pid, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with contextlib.suppress(OSError), start("exit 3") as second:
        pass
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return first.returncode, second.returncode, len(os.listdir("/proc/self/fd")) - before


def forked_copy():
    """Returns what poll() gives in a fork of the parent, which cannot wait for the running child."""
    with start("sleep 100") as child:
        pid = os.fork()
        if not pid:
            status = 99
            with contextlib.suppress(OSError):
                status = 0 if child.poll() is None else 98
            os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        child.kill()
    return status


def interrupted_write():
    """Returns what arrives if a signal interrupts a write that waits for the reader."""
    signal.signal(signal.SIGALRM, lambda *_: None)
    with start("sleep 0.5; wc -c", stdin=PIPE, stdout=PIPE) as child:
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        child.stdin.write(MORE_THAN_A_PIPE_HOLDS)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return int(child.communicate()[0])


def write_after_timeout():
    """The same for a write after communicate() has given up."""
    with start("sleep 0.5; wc -c", stdin=PIPE, stdout=PIPE) as child:
        try:
            child.communicate(b"x", timeout=0)
        except subprocess.TimeoutExpired:
            child.stdin.write(MORE_THAN_A_PIPE_HOLDS)
        return int(child.communicate()[0])


def own_reads_and_writes():
    """Returns what communicate() gives after stdin has been written and stdout read without it."""
    with start("echo 1; cat", stdin=PIPE, stdout=PIPE) as child:
        child.stdin.write(b"2 ")
        first = child.stdout.readline()
        return first + child.communicate(b"3")[0]


def read_ahead():
    """Returns both of two lines that come at once, the first of them read by readline()."""
    with start("printf '1\\n2\\n'", stdout=PIPE) as child:
        return child.stdout.readline() + child.communicate()[0]


def timed_out(script, data=b""):
    """Returns what the second communicate() gives after the first has given up, and the child, which
    ends as sleep, is killed."""
    with start(script, stdin=PIPE, stdout=PIPE) as child:
        try:
            child.communicate(data, timeout=0.3)
        except subprocess.TimeoutExpired:
            while pathlib.Path(f"/proc/{child.pid}/comm").read_text() != "sleep\n":
                time.sleep(0.01)
            child.kill()
        return child.communicate()[0]


def continued():
    """Returns how much arrives if communicate() gives up while it writes, and is called again."""
    with start("sleep 0.5; wc -c", stdin=PIPE, stdout=PIPE) as child:
        try:
            child.communicate(MORE_THAN_A_PIPE_HOLDS, timeout=0.1)
        except subprocess.TimeoutExpired:
            return int(child.communicate()[0])
    return "no time-out"


def environment(name):
    with start("env", env={"PATH": "/usr/bin:/bin", name: "c"}, stdout=PIPE) as child:
        return child.communicate()[0]


def long_timeouts():
    """Returns the statuses of waits for longer than poll() takes, in milliseconds."""
    with start("sleep 0.1; exit 3", stdout=PIPE) as first:
        first.wait(timeout=30 * 86400)
    with start("sleep 0.1; exit 4", stdout=PIPE) as second:
        second.communicate(timeout=30 * 86400)
    return first.returncode, second.returncode


def in_handler(method):
    """Returns what a signal handler gets that runs just before and just after each call of waitid(), and
    what the interrupted poll() gets."""
    waitid, got = os.waitid, []

    def handler(*_):
        os.waitid = waitid
        got.append(getattr(child, method)())
        os.waitid = interrupted

    def interrupted(*arguments):
        if not before:
            signal.raise_signal(signal.SIGUSR1)
        try:
            return waitid(*arguments)
        finally:
            signal.raise_signal(signal.SIGUSR1)

    signal.signal(signal.SIGUSR1, handler)
    for before in True, False:
        with start("exit 3", stdout=PIPE) as child:
            child.stdout.read()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            os.waitid = interrupted
            got.append(child.poll())
            os.waitid = waitid
    return set(got)


check("status lost, descriptors", lost_status)
check("fork of the parent", forked_copy)
check("write and signals", interrupted_write)
check("write after a time-out", write_after_timeout)
check("own reads and writes", own_reads_and_writes)
check("read ahead", read_ahead)
check("time-out, stdin closed", lambda: timed_out("cat; exec sleep 100", b"x"))
check("time-out, stdout closed", lambda: timed_out("echo y; exec sleep 100 >&-"))
check("time-out, continued", continued)
check("name with =", lambda: environment("A=B"))
check("empty name", lambda: environment(""))
check("30 days", long_timeouts)
# Last, because the failure is a deadlock
faulthandler.dump_traceback_later(20, exit=True, file=sys.stdout)
check("poll() in a handler", lambda: in_handler("poll"))
check("wait() in a handler", lambda: in_handler("wait"))
