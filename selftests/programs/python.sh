#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# CPython: subprocess by vfork and by posix_spawn, os.posix_spawn, and functions that fork.

# shellcheck disable=SC2016,SC2317 # code for awk; functions that claim runs
here=$(dirname "$(realpath "$0")")
. "$here/lib.sh"

count=${COUNT:-200}
same "$count processes of each kind" python3 "$here/python.py" "$count"
spawns "subprocess.run" all python3 -c '
import subprocess
for i in range(5):
    subprocess.run(["/bin/true"], check=True)'
spawns "subprocess.run, close_fds=False" all python3 -c '
import subprocess
for i in range(5):
    subprocess.run(["/bin/true"], check=True, close_fds=False)'
spawns "os.posix_spawn" all python3 -c '
import os
for i in range(5):
    os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)'
spawns "subprocess.run, preexec_fn" all python3 -c '
import subprocess
for i in range(5):
    subprocess.run(["/bin/true"], check=True, preexec_fn=lambda: None)'

spawns "os.fork" all python3 -c '
import os
for i in range(5):
    pid = os.fork()
    if not pid:
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7'
same "multiprocessing by fork" python3 -c '
import multiprocessing, os
context = multiprocessing.get_context("fork")
queue = context.SimpleQueue()
def work(n):
    queue.put(n * n)
children = [context.Process(target=work, args=(n,)) for n in range(8)]
for child in children:
    child.start()
for child in children:
    child.join()
print(sorted(queue.get() for child in children), [child.exitcode for child in children])'

# A program that lists its descriptors sees none of the library's.
same "list of descriptors" python3 -c '
import os
print(sorted(os.listdir("/proc/self/fd")))'
finish
