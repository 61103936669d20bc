# SPDX-License-Identifier: GPL-2.0
"""From what comes out of a guest to results. What is not clearly a pass is a failure.

A guest's init writes what tests print to the channel, and lines of its own, which begin with
@TOKEN, a word that the host makes up for each guest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterable, Iterator

# What a kernel's log must not have. Guest and host look for the same.
BAD_LOG = (
    r"WARNING:|BUG:|Oops|INFO: task .* blocked|Call Trace|KASAN|UBSAN"
    r"|general protection fault[:,]|rcu: .*detected stall"
)

PASS, FAIL, SKIP = "pass", "fail", "skip"


@dataclasses.dataclass(frozen=True)
class Result:
    kind: str
    test: str
    text: str

    def __str__(self) -> str:
        return f"{self.test} {self.text}"


def tap(test: str, lines: Iterable[str], prefix: str = "") -> list[Result]:
    """The results of one TAP stream, whose lines begin with PREFIX."""
    plan: int | None = None
    results: list[Result] = []
    for line in lines:
        if not line.startswith(prefix):
            continue
        line = line[len(prefix):].rstrip("\r\n")
        if found := re.match(r"1\.\.(\d+)", line):
            plan = int(found[1])
            if re.search(r"# *SKIP", line):
                results.append(Result(SKIP, test, line))
                plan = len(results)
        elif found := re.match(r"(not )?ok (?:\d* *-? *)(.*)", line):
            kind = FAIL if found[1] else SKIP if re.search(r"# *(SKIP|XFAIL|TODO)", line) else PASS
            results.append(Result(kind, test, found[2]))
    if plan is None:
        results.append(Result(FAIL, test, "(no plan: it printed nothing, or died first)"))
    elif plan != len(results):
        results.append(Result(FAIL, test, f"({plan} results planned, {len(results)} seen)"))
    elif not results:
        results.append(Result(FAIL, test, "(a plan of no tests)"))
    return results


def strip_races(lines: Iterable[str]) -> Iterator[str]:
    """A kernel's log without KCSAN's data races that are the kernel's own.

    A race is the module's if one stack has a function of the module above kernel_clone(), or has
    one and does not have kernel_clone(). Also omitted: KCSAN's stack-trace warning for an access
    that it treats as reordered.
    """
    astray = inside = ours = module = False
    block: list[str] = []
    for line in lines:
        if re.search(r"Cannot find frame for .* in stack trace", line):
            astray = True
        if "end trace" in line:
            astray = False
        if astray:
            continue
        if "BUG: KCSAN:" in line:
            inside, ours, module, block = True, False, True, []
        if not inside:
            yield line
            continue
        block.append(line)
        if re.search(r" of [0-9]+ bytes by ", line):
            module = True
        if " kernel_clone+" in line:
            module = False
        if module and "[spawnctl" in line:
            ours = True
        if "=====" in line:
            if ours:
                yield from block
            inside = False
    if inside:
        yield from block


def bad_lines(log: Iterable[str]) -> list[str]:
    return [line for line in strip_races(log) if re.search(BAD_LOG, line)]


@dataclasses.dataclass
class Run:
    """One command that the guest's init ran: what it printed, and how it ended."""

    name: str
    lines: list[str] = dataclasses.field(default_factory=list)
    log: list[str] = dataclasses.field(default_factory=list)
    stuck: list[str] = dataclasses.field(default_factory=list)
    status: int | None = None
    seconds: float = 0.0

    @property
    def killed(self) -> bool:
        return self.status in (124, 137)

    @property
    def faults(self) -> list[str]:
        faults = [f"(kernel log) {line}" for line in bad_lines(self.log)]
        return faults + [f"(kill -9 does not end it) {process}" for process in self.stuck]


class Channel:
    """Hears a guest, line by line. hear(line) returns the run that the line ends, if any."""

    def __init__(self, token: str) -> None:
        self.token = f"@{token} "
        self.runs: list[Run] = []
        self.said: dict[str, list[str]] = {}
        self.current: Run | None = None

    def hear(self, line: str) -> Run | None:
        line = line.rstrip("\r\n")
        if not line.startswith(self.token):
            if self.current:
                self.current.lines.append(line)
            return None
        word, _, rest = line[len(self.token):].partition(" ")
        if word == "begin":
            self.current = Run(rest)
            self.runs.append(self.current)
        elif self.current and word in ("klog", "stuck"):
            heard = self.current.log if word == "klog" else self.current.stuck
            heard.append(rest.partition(" ")[2])
        elif self.current and word == "end":
            ended = self.current
            with contextlib.suppress(ValueError):  # garbled: it has not ended
                status, start, end = rest.removeprefix(ended.name).split()
                ended.status, ended.seconds = int(status), float(end) - float(start)
            self.current = None
            return ended
        else:
            self.said.setdefault(word, []).append(rest)
        return None

    def is_done(self) -> bool:
        return "done" in self.said


def of_kselftest(run: Run) -> list[Result]:
    """Of a test program that kselftest's runner ran. It indents what the program prints, and
    adds a verdict of its own."""
    results = tap(run.name, run.lines, "# ")
    fault = ""
    own = [line for line in run.lines if line.startswith(("ok 1 ", "not ok 1 "))]
    if run.status is None:
        fault = "(the guest ended in the middle of it)"
    elif run.killed:
        fault = "(hangs: the guest's init killed it)"
    elif any(re.match("not ok .* # TIMEOUT", line) for line in own):
        fault = "(time-out)"
    elif run.status:
        fault = f"(the runner's status is {run.status})"
    elif not any(r.kind == FAIL for r in results) and not any(x.startswith("ok") for x in own):
        fault = f"({own[0] if own else 'no verdict of the runner'})"
    faults = [fault] if fault else []
    return results + [Result(FAIL, run.name, text) for text in faults + run.faults]


def of_script(run: Run, test: str) -> list[Result]:
    """Of a program whose own TAP is on the channel."""
    results = tap(test, run.lines)
    faults = list(run.faults)
    # 1 is for results that are failures
    if run.status != 0 and (run.status != 1 or not any(r.kind == FAIL for r in results)):
        how = "not known: it did not end" if run.status is None else str(run.status)
        faults.append(f"(its status is {how})")
    return results + [Result(FAIL, test, text) for text in faults]


def of_guest(channel: Channel, console: Iterable[str], test: str) -> list[Result]:
    """How the guest came to its end; and its whole console once more, for what came between
    tests, or too late."""
    if not channel.is_done():
        results = [Result(FAIL, test, "(no verdict: the guest panicked, hung or was killed)")]
    elif "unloadable" in channel.said:
        results = [Result(FAIL, test, "(modprobe spawnctl failed)")]
    elif "unloaded" not in channel.said:
        results = [Result(FAIL, test, "(the module cannot be unloaded at the end)")]
    else:
        results = [Result(PASS, test, "the module is loaded by modprobe, and unloaded at the end")]
    results += [Result(FAIL, test, f"(console) {line}") for line in bad_lines(console)[:1]]
    return results + [Result(FAIL, test, f"(leak {line})") for line in channel.said.get("leak", [])]


def of_collection(channel: Channel, programs: list[str]) -> list[Result]:
    ran = {run.name for run in channel.runs if run.status is not None}
    missed = [name for name in programs if name not in ran]
    if not missed:
        return []
    return [Result(FAIL, "guest", f"({len(programs)} test programs, {len(ran)} of them ran)")]


def judge_skips(results: list[Result], expected: Iterable[str]) -> list[Result]:
    """A skip that is not expected is a failure. EXPECTED has "TEST TEXT", TEXT to its first word."""
    known = set(expected)
    return [
        Result(FAIL, r.test, f"unexpected skip: {r.text}")
        if r.kind == SKIP and f"{r.test} {r.text.split(' ')[0]}" not in known
        else r
        for r in results
    ]
