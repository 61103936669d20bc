#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""demo.py [BACKEND]: what a program does with the module spawnctl.py."""
import os
import subprocess
import sys

import spawnctl

backend = sys.argv[1] if len(sys.argv) > 1 else "any"


def start(*args, **options):
    return spawnctl.Popen(args, backend=backend, **options)


def failure(*args, **options):
    try:
        start(*args, **options)
    except FileNotFoundError as error:
        return f"{error.step}, {error.errno}, {error.filename}"
    except ValueError as error:
        return error
    return "none"


def descriptors():
    return len(os.listdir("/proc/self/fd"))


with start("tr", "a-z", "A-Z", stdin=spawnctl.PIPE, stdout=spawnctl.PIPE) as child:
    print("backend:", child.backend)
    print("output:", child.communicate(b"hello")[0].decode())
with start("sh", "-c", "pwd; echo $A; echo error >&2; ls /proc/self/fd | wc -l; exit 3", cwd="/usr",
           env={"A": "b", "PATH": "/usr/bin"}, stdout=spawnctl.PIPE, stderr=spawnctl.STDOUT) as child:
    print("directory, environment, error, descriptors:", *child.communicate()[0].decode().split())
print("status:", child.returncode)
before = descriptors()
print("no program:", failure("/none"))
print("no directory:", failure("true", cwd="/none"))
print("null byte:", failure("true", "a\0b"))
with start("sleep", "100") as child:
    try:
        child.wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        child.kill()
print("after a time-out:", child.returncode)
for _ in range(30):
    with start("true", stdin=spawnctl.DEVNULL, stdout=spawnctl.PIPE) as child:
        pass
    failure("/none", stdin=spawnctl.PIPE, stdout=spawnctl.PIPE)
print("descriptors left open:", descriptors() - before)
