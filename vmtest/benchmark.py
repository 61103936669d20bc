# SPDX-License-Identifier: GPL-2.0
"""The benchmark: what a spawn costs. Writes results.json, report.md and SVG plots into build/bench.

Instructions are counted by -icount in guests with one processor. Jobs run beside each other,
because the load on the machine does not change the counts. Measurements by the wall clock follow, one
guest at a time.
"""

from __future__ import annotations

import functools
import pathlib
import re
import shutil
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from . import parts, suites
from .build import Build
from .guest import ALONE, Guest
from .host import BUILD, START, TOP, Failure, logged, output, say
from .jobs import Job, Queue
from .matrix import OWN, Kernel
from .verdict import PASS, Result, Run

SOURCE = TOP / "bench"
OUT = BUILD / "bench"
PROGRAMS = {"musl-gcc": "musl-tools", "gnuplot": "gnuplot-nox"}
TRACED = ("device", "vfork", "clear_sighand")
# Seconds until QEMU's monitor has to answer
MONITOR_SECONDS = 120

INSTRUCTIONS = """
    cd /bench
    # What fork() copies is the same each time
    same="setarch -R"
    busy() {
        ./bench -i busy $1 & pid=$!
        $same ./bench -i other-$2; rc=$?
        kill -9 $pid; wait $pid 2>/dev/null
        return $rc
    }
    for round in 1 2 3 4 5; do
        $same ./bench -i other-absent && busy vfork vfork && modprobe spawnctl &&
        $same ./bench -i other-loaded && busy device busy && modprobe -r spawnctl || exit
    done
    modprobe spawnctl &&
    sysctl -q fs.nr_open=1048576 &&
    ./bench -i all start && ./bench-musl -i noop dynamic typical filtered rss-1 rss-4096"""
# The pause lets boot-time activity end, which would add gigabytes of trace
TRACE = f"""
    modprobe spawnctl && cd /bench && sleep 15 &&
    for contender in {" ".join(TRACED)}; do ./bench -i trace $contender || exit; done &&
    cat /proc/kallsyms >/dev/ttyS2"""


def place(build: Build, name: str) -> pathlib.Path:
    return OUT / build.kernel.name / name


def in_guest(build: Build, name: str, seconds: int, command: str, **options: Any) -> Guest:
    guest = Guest(build, place(build, name), {
        "MODE": "command", "COMMAND": command, "TIMEOUT": seconds, "NOMODULE": 1,
    }, seconds + 120, **options)
    guest.put("bench/bench-musl", OUT / "programs/bench-musl")
    return guest


def measure(guest: Guest, heard: Callable[[str], None] = lambda line: None) -> list[Result]:
    """Boots the guest, and keeps its records."""
    name = guest.dir.name
    channel = guest.run(heard)
    shutil.copy(guest.dir / "channel.log", OUT / f"{guest.build.kernel.name}-{name}.records")
    run = channel.runs[0] if channel.runs else Run(name)
    records = [line for line in run.lines if line.startswith("@record ")]
    if run.status != 0:
        lines = [line for line in run.lines if line not in records][-20:]
        sys.stderr.write("".join(f"  | {line}\n" for line in lines))
        raise Failure("the guest gave no verdict" if run.status is None
                      else f"its status is {run.status}")
    return [Result(PASS, name, f"{len(records)} records")]


def make(build: Build) -> list[Result]:
    build.make("lax")
    return [Result(PASS, "build", build.release)]


def instructions(build: Build) -> list[Result]:
    command = INSTRUCTIONS if build.kernel.user == OWN else INSTRUCTIONS.rpartition(" && ./bench-musl")[0]
    return measure(in_guest(build, "instructions", 1200, command, cpus=1, memory=6144, arguments=ALONE))


def python(build: Build) -> list[Result]:
    return measure(suites.on_disk(build, place(build, "python"), parts.programs(build.kernel), "bench",
                                  ["python"], timeout=600, arguments=ALONE))


def wall(build: Build) -> list[Result]:
    command = "modprobe spawnctl && cd /bench && ./bench threads faults start-rate text-busy"
    return measure(in_guest(build, "wall", 600, command, memory=3072))


def monitor(path: pathlib.Path, *commands: str) -> None:
    """Gives commands to QEMU, and waits for the end of each."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(MONITOR_SECONDS)
        connection.connect(str(path))
        # A prompt comes first, and after each command
        for text in ("", *(f"{command}\n" for command in commands)):
            connection.sendall(text.encode())
            answer = b""
            while not answer.endswith(b"(qemu) "):
                if not (more := connection.recv(4096)):
                    raise Failure("QEMU has closed its monitor")
                answer += more


def trace(directory: pathlib.Path, line: str) -> None:
    """Has QEMU write the address of every instruction into DIRECTORY/WHO.trace while the guest,
    which prints LINE, runs "bench trace WHO"."""
    if said := re.fullmatch(r"@trace (ready|done) (\w+)", line.rstrip()):
        if said[1] == "ready":
            # In this order: only blocks translated from here on have one instruction each
            commands = ["one-insn-per-tb on", f"logfile {directory / said[2]}.trace",
                        "log exec,nochain"]
        else:
            commands = ["log none", "one-insn-per-tb off"]
        monitor(directory / "monitor", *commands)


def breakdown(build: Build) -> list[Result]:
    """One spawn of each contender, instruction by instruction."""
    directory = place(build, "trace")
    # sleep=on: the guest's pauses give trace() real time to use the monitor
    guest = in_guest(build, "trace", 300, TRACE, cpus=1, arguments=(
        "-icount", "shift=0,sleep=on",
        "-monitor", f"unix:{directory}/monitor,server=on,wait=off"))
    results = measure(guest, functools.partial(trace, directory))
    traces = {name: directory / f"{name}.trace" for name in TRACED}
    shown = output([
        sys.executable, SOURCE / "breakdown.py", directory / "data.tar",
        build.stage / "bench/bench", *(f"{name}={log}" for name, log in traces.items())])
    (OUT / f"breakdown-{build.kernel.name}.txt").write_text(shown)
    for log in traces.values():
        log.unlink()
    return results


def plan(kernel: Kernel) -> tuple[list[Job], Job]:
    """The jobs that count instructions, and the one that measures by the wall clock."""

    def job(name: str, step: Callable[[Build], list[Result]], *needs: Job, cpus: int = 1) -> Job:
        return Job(f"{kernel.name} {name}", lambda _: step(Build(kernel, "vm")), needs, cpus)

    built = job("build", make)
    counted = [built, job("instructions", instructions, built)]
    # breakdown.py knows the entry code of these
    if kernel.arch in (OWN, "arm64"):
        counted.append(job("breakdown", breakdown, built))
    if not kernel.is_foreign and "programs" in kernel.jobs + kernel.all:
        counted.append(job("python", python, built))
    return counted, job("wall", wall, built, cpus=2)


def report(kernels: Sequence[Kernel]) -> None:
    print(suites.bench_report(SOURCE / "targets", OUT, *sorted(OUT.glob("*.records"))))
    with open(OUT / "report.md", "a", encoding="utf-8") as file:
        for kernel in kernels:
            if (shown := OUT / f"breakdown-{kernel.name}.txt").exists():
                file.write("\n## One spawn, instruction by instruction: "
                           f"Linux {kernel.name}\n\n```\n{shown.read_text()}```\n")
    output(["gnuplot", SOURCE / "plots.gp"], cwd=OUT)
    print("written: build/bench/results.json, report.md, *.svg; "
          f"{time.monotonic() - START:.0f} seconds in all")


def run(kernels: Sequence[Kernel]) -> bool:
    for pattern in ("*.records", "*.svg", "*.dat", "breakdown-*"):
        for old in OUT.glob(pattern):
            old.unlink()
    logged(OUT / "log/musl", ["make", "-C", SOURCE, f"OUT={OUT / 'programs'}", "musl"])
    plans = [plan(kernel) for kernel in kernels]
    counted, walls = [job for jobs, _ in plans for job in jobs], [wall for _, wall in plans]
    Queue(counted, 2).run()
    Queue(walls, 1).run()
    report(kernels)
    failed = [job.name for job in counted + walls if job.broken]
    if failed:
        say(f"FAILED: {', '.join(failed)}")
    return not failed
