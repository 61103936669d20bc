# SPDX-License-Identifier: GPL-2.0
"""python.py PROGRAM NAME: measures how long CPython takes to start PROGRAM, as contender
NAME.

Prints the records of the cases "subprocess" and "os.posix_spawn", by the monotonic clock.
On an emulator that is run with -icount shift=0 that clock counts instructions.
"""
import json
import os
import platform
import subprocess
import sys
import time

WARM_UP = 5
REPETITIONS = 100
UNIT = os.environ.get("BENCH_UNIT", "ns")


def spawn():
    pid = os.posix_spawn(program, [program], os.environ)
    return lambda: os.waitpid(pid, 0)


def run():
    subprocess.run([program], check=True)
    return lambda: None


def measure(function):
    samples = []
    for i in range(WARM_UP + REPETITIONS):
        start = time.monotonic_ns()
        clean_up = function()
        took = time.monotonic_ns() - start
        clean_up()
        if i >= WARM_UP:
            samples.append(took)
    return sorted(samples)


program, name = sys.argv[1:]
for case, metric, function in (("subprocess", "run", run),
                               ("os.posix_spawn", "call_to_return", spawn)):
    samples = measure(function)
    print("@record " + json.dumps({
        "kernel": platform.release(), "libc": " ".join(platform.libc_ver()),
        "case": case, "contender": name, "metric": metric,
        "value": samples[REPETITIONS // (4 if UNIT == "instructions" else 2)],
        "low": samples[REPETITIONS // 10], "median": samples[REPETITIONS // 2],
        "high": samples[-1 - REPETITIONS // 10],
        "unit": UNIT,
        "repetitions": REPETITIONS}), flush=True)
