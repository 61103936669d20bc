# SPDX-License-Identifier: GPL-2.0
"""Mutants: each is one small fault in the module, the library or the command.

A mutant is killed if the test that the list names for it fails. A failure of another test is not
counted, so that a test that breaks by accident does not hide that the named one tests nothing.
During the named test's run, these are counted: BAD_LOG in the kernel's log, a guest or a test
program that dies, a time-out, a process that kill -9 does not end, a module that stays loaded.
Before that, each named test runs once with builds of unchanged sources, made in the same way: a
control that must survive.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import fcntl
import fnmatch
import functools
import pathlib
import re
import shutil
import time
import tomllib
from collections.abc import Callable, Collection, Iterable, Sequence

from . import matrix
from .build import Build
from .guest import Guest
from .host import BUILD, START, TOP, Failure, remove, say
from .verdict import FAIL, SKIP, Channel, Run, bad_lines, tap

SOURCE = TOP / "selftests/mutants"
WORK = BUILD / "mutants"
KINDS = {"module": "module", "uapi": "module", "userlib": "library", "tools": "command"}
CONTROL = "unchanged"
# Limits in seconds: of one run; of a guest that prints nothing
RUN_SECONDS = 40
SILENCE = 2 * RUN_SECONDS


@dataclasses.dataclass(frozen=True)
class Test:
    """One test: of a harness program by its name, or a claim of a script."""

    program: str
    name: str

    @property
    def is_script(self) -> bool:
        return self.program.endswith(".sh")

    @property
    def races(self) -> bool:
        return self.program.removesuffix("_test") in matrix.RACES

    def __str__(self) -> str:
        return f"{self.program}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Test:
        program, colon, name = text.partition(":")
        if not (program and colon and name):
            raise Failure(f"{text!r} is not PROGRAM:NAME")
        return cls(program, name)

    def is_result(self, text: str) -> bool:
        """Whether TEXT, as a result line of TAP names it, is this test or a variant."""
        text = re.sub(r"\s*# *(SKIP|XFAIL|TIMEOUT|TODO)\b.*", "", text).rstrip()
        return text == self.name or not self.is_script and text.rpartition(".")[2] == self.name

    def exists(self) -> bool:
        """Whether the source of the test's program has a test of that name."""
        path = TOP / "selftests" / (self.program if self.is_script else self.program + ".c")
        if not path.is_file():
            return False
        source = path.read_text()
        if self.is_script:
            return f'claim "{self.name}"' in source
        test = rf"^TEST(_F|_F_TIMEOUT|_F_SIGNAL|_SIGNAL)?\((\w+, )?{re.escape(self.name)}\b"
        return bool(re.search(test, source, re.MULTILINE))


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A control is a mutant of no file."""

    id: str
    file: str
    old: str
    new: str
    test: Test | None
    equivalent: str = ""
    kernel: str = "6.12"
    runs: int = 1

    @property
    def kind(self) -> str:
        return KINDS[self.file.partition("/")[0]]

    @property
    def build(self) -> str:
        return self.id if self.file else CONTROL

    def apply(self, source: str) -> str:
        found = source.count(self.old)
        if found != 1:
            raise Failure(f"its text is {found} times in {self.file}, not once")
        return source.replace(self.old, self.new)

    def source(self) -> str:
        return self.apply((TOP / self.file).read_text())


def parse_entry(entry: dict[str, object]) -> Mutant:
    known = {field.name for field in dataclasses.fields(Mutant)}
    name = str(entry.get("id", "(no id)"))
    try:
        if unknown := entry.keys() - known:
            raise Failure(f"unknown: {', '.join(sorted(unknown))}")
        if missing := {"id", "file", "old", "new"} - entry.keys():
            raise Failure(f"missing: {', '.join(sorted(missing))}")
        if ("test" in entry) == ("equivalent" in entry):
            raise Failure("it has either a test or a reason why it is equivalent")
        test = Test.parse(str(entry["test"])) if "test" in entry else None
        mutant = Mutant(**entry | {"test": test})  # type: ignore[arg-type]
        if not re.fullmatch(r"[a-z0-9-]+", mutant.id):
            raise Failure("an id is of a-z, 0-9 and -")
        if mutant.file.partition("/")[0] not in KINDS:
            raise Failure(f"no build is known for {mutant.file}")
        if mutant.old == mutant.new:
            raise Failure("it changes nothing")
    except Failure as error:
        raise Failure(f"{name}: {error}") from None
    return mutant


def parse_list(texts: Iterable[str]) -> list[Mutant]:
    mutants = [parse_entry(entry) for text in texts
               for entry in tomllib.loads(text).get("mutant", [])]
    ids = [mutant.id for mutant in mutants]
    if twice := {id for id in ids if ids.count(id) > 1}:
        raise Failure(f"twice: {', '.join(sorted(twice))}")
    return mutants


def read_list(patterns: Sequence[str]) -> list[Mutant]:
    """The mutants that a pattern matches, or all. The whole list is checked, as far as it can be
    without a build."""
    mutants = parse_list(path.read_text() for path in sorted(SOURCE.glob("*.toml")))
    problems = []
    for mutant in mutants:
        try:
            mutant.source()
            if mutant.test and not mutant.test.exists():
                raise Failure(f"there is no test {mutant.test}")
        except (Failure, OSError) as error:
            problems.append(f"{mutant.id}: {error}")
    if problems:
        raise Failure("\n".join(problems))
    chosen = [m for m in mutants if any(fnmatch.fnmatch(m.id, p) for p in patterns or ["*"])]
    if not chosen:
        raise Failure("no mutant matches")
    return chosen


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Of one mutant: KILLED (how), SURVIVED, or ERROR: no verdict was possible."""

    result: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.result} {self.how}".rstrip()


KILLED, SURVIVED, ERROR = "killed", "survived", "error"


def judge(test: Test, run: Run, channel: Channel) -> Verdict:
    kinds = {result.kind for result in tap(str(test), run.lines) if test.is_result(result.text)}
    if FAIL in kinds:
        return Verdict(KILLED, "not ok")
    if bad := bad_lines(run.log):
        return Verdict(KILLED, f"kernel log: {bad[0]}")
    if run.status is None:
        return Verdict(KILLED, "the guest died")
    if run.killed:
        return Verdict(KILLED, "time-out")
    if run.stuck:
        return Verdict(KILLED, "kill -9 does not end it")
    if run.name in channel.said.get("loaded_still", []):
        return Verdict(KILLED, "the module cannot be unloaded")
    if run.name not in channel.said.get("gone", []):
        return Verdict(KILLED, "the guest died when the module was unloaded")
    if not kinds:
        if run.status > 128:
            return Verdict(KILLED, f"its program died (status {run.status})")
        return Verdict(ERROR, f"no result of that name (status {run.status})")
    if SKIP in kinds:
        return Verdict(SURVIVED, "skipped")
    return Verdict(SURVIVED)


def build_all(build: Build, mutants: Sequence[Mutant], work: pathlib.Path) -> dict[str, Verdict]:
    """Builds into WORK/built. The verdicts on those that do not build."""
    build.make("lax")
    inside = build.layer.out / "mutants"
    with build.locked(fcntl.LOCK_EX):
        remove(inside)
        (inside / "source").mkdir(parents=True)
        with open(inside / "list", "w", encoding="utf-8") as listing:
            for mutant in sorted(mutants, key=lambda m: (m.kind, m.file)):
                (inside / "source" / mutant.id).write_text(mutant.source())
                listing.write(f"{mutant.id} {mutant.kind} {mutant.file}\n")
        build.layer.enter(build.log("mutants"), "build-mutants", build.release)
        remove(work)
        inside.rename(work)
    verdicts = {}
    for mutant in mutants:
        if not (work / "built" / mutant.id).is_dir():
            log = (work / "log" / mutant.id).read_text().splitlines()
            wrong = next((line for line in log if "error:" in line), "see its log")
            verdicts[mutant.id] = Verdict(ERROR, f"does not build: {wrong}")
    return verdicts


def boot(build: Build, mutants: Collection[Mutant], work: pathlib.Path,
         cpus: int) -> tuple[Guest, Channel]:
    # Every count at its floor: the same test has to catch the fault there
    guest = Guest(build, work / f"guest-{cpus}", {
        "MODE": "mutants", "TIMEOUT": RUN_SECONDS, "SPAWNCTL_DIVISOR": 1000000,
    }, 3600, cpus=cpus, silence=SILENCE)
    for name in ("guest", "test"):
        guest.put(f"mutants/{name}", SOURCE / name)
    lines = []
    for m in mutants:
        assert m.test
        lines.append(f"{m.id} {m.build} {m.runs} {m.test.program} {m.test.name}\n")
    for name in {m.build for m in mutants}:
        guest.put(f"mutants/built/{name}", work / "built" / name)
    (guest.dir / "boot/mutants/list").write_text("".join(lines))
    return guest, guest.run()


def two_at_a_time(actions: Iterable[Callable[[], dict[str, Verdict]]]) -> dict[str, Verdict]:
    """Performs the actions, two at a time."""
    pool = concurrent.futures.ThreadPoolExecutor(2)
    try:
        running = [pool.submit(action) for action in actions]
        return {id: verdict for one in running for id, verdict in one.result().items()}
    finally:
        # Not waited for: if this process is to end, the guests are ended next
        pool.shutdown(wait=False, cancel_futures=True)


def run_in_guests(build: Build, mutants: Iterable[Mutant], work: pathlib.Path,
                  cpus: int) -> dict[str, Verdict]:
    """In as many guests as it takes: one that dies has run a part of them."""
    kernel = build.kernel.name
    verdicts: dict[str, Verdict] = {}
    left = {mutant.id: mutant for mutant in mutants}
    boots = 0
    while left:
        boots += 1
        guest, channel = boot(build, left.values(), work, cpus)
        if not channel.runs:
            end = "\n".join(guest.console()[-40:])
            raise Failure(f"{kernel}: the guest ran nothing; its console ended with:\n{end}")
        for run in channel.runs:
            test = left.pop(run.name).test
            assert test
            verdict = verdicts[run.name] = judge(test, run, channel)
            say(f"{kernel}: {run.name}: {verdict} ({test}, {run.seconds:.1f} s)")
            lines = [*run.lines, *run.faults, f"status {run.status}"]
            (work / "runs" / run.name).write_text("\n".join(lines) + "\n")
        if not channel.is_done():
            shutil.copy(guest.dir / "console.log", work / "runs" / f"console-{cpus}-{boots}")
    say(f"{kernel}: {len(verdicts)} runs in {boots} boots with {cpus} processors")
    return verdicts


def run_all(build: Build, mutants: Iterable[Mutant], work: pathlib.Path) -> dict[str, Verdict]:
    """Those of the tests that race in guests with two processors and, at the same time, the others
    in guests with one, which are twice as fast."""
    parts: dict[int, list[Mutant]] = collections.defaultdict(list)
    for mutant in mutants:
        assert mutant.test
        parts[2 if mutant.test.races else 1].append(mutant)
    (work / "runs").mkdir(exist_ok=True)
    return two_at_a_time(functools.partial(run_in_guests, build, some, work, cpus)
                         for cpus, some in parts.items())


def on_kernel(build: Build, mutants: Sequence[Mutant]) -> dict[str, Verdict]:
    kernel = build.kernel.name
    work = WORK / kernel
    say(f"{kernel}: building {len(mutants)} mutants")
    verdicts = build_all(build, mutants, work)
    say(f"{kernel}: built")
    tests = sorted({m.test for m in mutants if m.test and m.id not in verdicts}, key=str)
    controls = [Mutant(f"control-{i}", "", "", "", test) for i, test in enumerate(tests, 1)]
    found = run_all(build, controls, work)
    broken = {m.test: found[m.id] for m in controls if found[m.id] != Verdict(SURVIVED)}
    for mutant in mutants:
        if mutant.id not in verdicts and (verdict := broken.get(mutant.test)):
            verdicts[mutant.id] = Verdict(ERROR, f"{mutant.test} without it: {verdict}")
    return verdicts | run_all(build, [m for m in mutants if m.id not in verdicts], work)


def table(mutants: Sequence[Mutant], verdicts: dict[str, Verdict]) -> bool:
    """Prints what came of it. Whether none survives and none is an error."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for mutant in mutants:
        result = "equivalent" if mutant.equivalent else verdicts[mutant.id].result
        for row in (mutant.kind, "all"):
            counts[row][result] += 1
        if result in (SURVIVED, ERROR):
            print(f"{result}: {mutant.id} ({mutant.test}) {verdicts[mutant.id].how}")
    columns = (KILLED, SURVIVED, "equivalent", ERROR)
    print(f"{'':10}" + "".join(f"{column:>12}" for column in columns))
    for row in ("module", "library", "command", "all"):
        print(f"{row:10}" + "".join(f"{counts[row][column]:12}" for column in columns))
    print(f"{time.monotonic() - START:.0f} seconds")
    return not counts["all"][SURVIVED] and not counts["all"][ERROR]


def run(mutants: Sequence[Mutant]) -> bool:
    """Most mutants are of one kernel. The others are built while those run."""
    actions = []
    for name in sorted({m.kernel for m in mutants}):
        kernel, = matrix.find([name])
        if some := [m for m in mutants if m.kernel == name and not m.equivalent]:
            actions.append(functools.partial(on_kernel, Build(kernel, "vm"), some))
    return table(mutants, two_at_a_time(actions))
