#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""run.py [--check] [ID...]: builds all mutants of the list, or those that a pattern ID
matches, and runs the test of each in a guest. Exit status 0: no mutant survives.

Before that, each test that the list names runs once with builds of unchanged sources, made
in the same way: a control that must survive.
"""

from __future__ import annotations

import argparse
import collections
import fnmatch
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import time

import mutants
from mutants import ERROR, KILLED, SURVIVED, ListError, Mutant, Test, Verdict

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
# Limits in seconds: of one run; of a guest that prints nothing
RUN_SECONDS = 60
SILENCE = 2 * RUN_SECONDS

START = time.monotonic()
CONTROL = "unchanged"


def say(text: str) -> None:
    print(f"[{time.monotonic() - START:4.0f}s] {text}", file=sys.stderr, flush=True)


def bench(*arguments: str | pathlib.Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [HERE / "bench", *arguments], stdout=subprocess.DEVNULL, start_new_session=True
    )


def end(job: subprocess.Popen[bytes]) -> None:
    """What runs in a root ignores SIGTERM, and would build on."""
    if job.poll() is None:
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()


def read_list() -> list[Mutant]:
    """The list, as far as it can be checked without a build."""
    found = mutants.parse_list(path.read_text() for path in sorted(HERE.glob("*.toml")))
    problems = []
    for mutant in found:
        try:
            mutant.apply((TOP / mutant.file).read_text())
            if mutant.test and not mutants.test_is_there(mutant.test, TOP / "selftests"):
                raise ListError(f"there is no test {mutant.test}")
        except (ListError, OSError) as error:
            problems.append(f"{mutant.id}: {error}")
    if problems:
        raise ListError("\n".join(problems))
    return found


def build(kernel: str, chosen: list[Mutant], work: pathlib.Path) -> dict[str, Verdict]:
    """Builds into work/mutants/built; what does not build has a verdict already."""
    root = work / "mutants"
    (root / "source").mkdir(parents=True)
    with open(root / "list", "w", encoding="utf-8") as listing:
        for mutant in sorted(chosen, key=lambda m: (m.kind, m.file)):
            source = mutant.apply((TOP / mutant.file).read_text())
            (root / "source" / mutant.id).write_text(source)
            listing.write(f"{mutant.id} {mutant.kind} {mutant.file}\n")
    job = bench("build", kernel, work)
    try:
        if job.wait():
            raise RuntimeError(f"{kernel}: the builds failed")
    finally:
        end(job)
    verdicts = {}
    for mutant in chosen:
        if not (root / "built" / mutant.id).is_dir():
            log = (root / "log" / mutant.id).read_text().splitlines()
            wrong = next((line for line in log if "error:" in line), "see its log")
            verdicts[mutant.id] = Verdict(ERROR, f"does not build: {wrong}")
    return verdicts


def boot(kernel: str, runs: list[str], built: pathlib.Path, work: pathlib.Path, token: str) -> None:
    """One guest for RUNS, lines of the guest's list. A silent one is ended."""
    shutil.rmtree(work / "boot", ignore_errors=True)
    image = work / "boot" / "mutants"
    image.mkdir(parents=True)
    (image / "list").write_text("".join(run + "\n" for run in runs))
    for name in ("guest", "test"):
        shutil.copy(HERE / name, image)
    for name in {run.split()[1] for run in runs}:
        shutil.copytree(built / name, image / "built" / name)
    log = work / "channel.log"
    guest = bench("boot", kernel, work, token, str(RUN_SECONDS))
    try:
        size, since = 0, time.monotonic()
        while guest.poll() is None:
            time.sleep(1)
            now = log.stat().st_size if log.exists() else 0
            if now != size or not now:
                size, since = now, time.monotonic()
            elif time.monotonic() - since > SILENCE:
                say("the guest prints nothing: ending it")
                os.kill(int((work / "qemu.pid").read_text()), signal.SIGTERM)
                since = time.monotonic()
    finally:
        end(guest)


def run_all(
    kernel: str, runs: dict[str, tuple[Test, str]], work: pathlib.Path
) -> dict[str, tuple[Verdict, float]]:
    """RUNS: by name a test, and its line of the guest's list. In as many guests as it takes."""
    verdicts: dict[str, tuple[Verdict, float]] = {}
    left = dict(runs)
    boots = 0
    while left:
        token = secrets.token_hex(8)
        boots += 1
        boot(kernel, [line for _, line in left.values()], work / "mutants" / "built", work, token)
        lines = (work / "channel.log").read_text(errors="replace").splitlines()
        told = mutants.split_runs(lines, token)
        if not told:
            console = (work / "console.log").read_text(errors="replace")
            raise RuntimeError(f"the guest ran nothing; its console ended with:\n{console[-3000:]}")
        for name, part in told.items():
            test, _ = left.pop(name)
            verdicts[name] = mutants.judge(test, part, token), mutants.took(part, token)
            verdict, seconds = verdicts[name]
            say(f"{kernel}: {name}: {verdict.result} {verdict.how} ({test}, {seconds:.1f} s)")
            (work / "logs").mkdir(exist_ok=True)
            (work / "logs" / name).write_text("\n".join(part) + "\n")
        if not lines[-1:] or f"@{token} done" not in "\n".join(lines[-3:]):
            shutil.copy(work / "console.log", work / "logs" / f"console-{boots}")
    say(f"{kernel}: {len(runs)} runs in {boots} boots")
    return verdicts


def on_kernel(kernel: str, chosen: list[Mutant], keep: pathlib.Path) -> dict[str, Verdict]:
    work = keep / kernel
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    say(f"{kernel}: building {len(chosen)} mutants")
    verdicts = build(kernel, chosen, work)
    say(f"{kernel}: built")
    to_run = [mutant for mutant in chosen if mutant.id not in verdicts]

    tests = sorted({mutant.test for mutant in to_run if mutant.test}, key=str)
    names = {f"control-{i}": test for i, test in enumerate(tests, 1)}
    controls = run_all(
        kernel,
        {
            name: (test, f"{name} {CONTROL} 1 {test.program} {test.name}")
            for name, test in names.items()
        },
        work,
    )
    broken = {
        names[name]: verdict
        for name, (verdict, _) in controls.items()
        if verdict != Verdict(SURVIVED)
    }
    for mutant in to_run:
        if mutant.test in broken:
            verdict = broken[mutant.test]
            verdicts[mutant.id] = Verdict(
                ERROR, f"{mutant.test} without it: {verdict.result} {verdict.how}"
            )
    results = run_all(
        kernel,
        {
            m.id: (m.test, f"{m.id} {m.id} {m.runs} {m.test.program} {m.test.name}")
            for m in to_run
            if m.test and m.id not in verdicts
        },
        work,
    )
    return verdicts | {name: verdict for name, (verdict, _) in results.items()}


def table(chosen: list[Mutant], verdicts: dict[str, Verdict]) -> bool:
    """Prints what came of it. Whether none survives and none is an error."""
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for mutant in chosen:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="only check the list")
    parser.add_argument("id", nargs="*", help="a pattern")
    arguments = parser.parse_args()

    try:
        found = read_list()
    except ListError as error:
        print(error, file=sys.stderr)
        return 1
    chosen = [
        m for m in found if not arguments.id or any(fnmatch.fnmatch(m.id, p) for p in arguments.id)
    ]
    if not chosen:
        print("no mutant matches", file=sys.stderr)
        return 1
    if arguments.check:
        print(f"{len(chosen)} mutants, {sum(bool(m.equivalent) for m in chosen)} of them equivalent")
        return 0

    # So that what runs in a root or a guest is ended as well
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    keep = TOP / "build" / "mutants"
    verdicts: dict[str, Verdict] = {}
    for kernel in sorted({m.kernel for m in chosen}):
        some = [m for m in chosen if m.kernel == kernel and not m.equivalent]
        if some:
            verdicts |= on_kernel(kernel, some, keep)
    return 0 if table(chosen, verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
