# SPDX-License-Identifier: GPL-2.0
"""Fuzzes the parsers of the library (environment) and of the command (messages) with libFuzzer
and sanitizers."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

from .host import BUILD, TOP, need, output, say, started, tail

WORK = BUILD / "parsers"
RUNTIME = "lib/linux/libclang_rt.fuzzer-x86_64.a"
# The fuzzer is unlikely to guess these words and limits
WORDS = """2147483647 2147483648 1234 spawnctl : / 1 any device clone3 clone libc grant deny user= group=
    cgroup= label= per= children= live= commands= flags= kill""".split()
OPTIONS = """-std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Iuapi
    -Iuserlib -Iuserlib/include -Iuserlib/arch/x86_64 -Iuserlib/preload -pthread""".split()
# A fuzzer that works executes many more than this in a second
EXECUTIONS = 1000


def fuzz(source: pathlib.Path, seconds: int) -> bool:
    program = WORK / source.stem
    corpus, log = program.with_suffix(".corpus"), program.with_suffix(".log")
    corpus.mkdir(exist_ok=True)
    # Without the files that the parser's file includes
    included = re.findall(r'(?m)^#include "../../(.*)"', source.read_text())
    rest = [path for directory in ("userlib", "userlib/arch/x86_64")
            for path in sorted((TOP / directory).glob("*.[cS]"))
            if str(path.relative_to(TOP)) not in included]
    output(["clang", *OPTIONS, "-o", program, source, *rest, "-ldl", "-lmnl"], cwd=TOP)
    with open(log, "wb") as out:
        with started([program, f"-max_total_time={seconds}", "-max_len=600", "-print_final_stats=1",
                      f"-dict={WORK / 'dict'}", f"-artifact_prefix={program}.", corpus],
                     stdout=out, stderr=subprocess.STDOUT) as process:
            status = process.wait()
    found = re.search(r"(?m)^stat::number_of_executed_units: *(\d+)", log.read_text(errors="replace"))
    executed = int(found[1]) if found else 0
    say(f"{source.stem}: {executed} executions in {seconds} s, "
        f"{len(list(corpus.iterdir()))} inputs kept, status {status}")
    if status or executed < EXECUTIONS:
        sys.stderr.write(tail(log))
        return False
    return True


def run(seconds: int) -> bool:
    need({"clang": "clang", "/usr/include/libmnl/libmnl.h": "libmnl-dev"})
    runtime = pathlib.Path(output(["clang", "-print-resource-dir"]).strip()) / RUNTIME
    need({str(runtime): "libclang-rt-dev"})
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / "dict").write_text("".join(f'"{word}"\n' for word in WORDS))
    return all([fuzz(source, seconds) for source in sorted((TOP / "selftests/parsers").glob("*.c"))])
