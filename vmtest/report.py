# SPDX-License-Identifier: GPL-2.0
"""What a run prints at its end, and leaves for other programs: JUnit XML and TAP."""

from __future__ import annotations

import collections
import pathlib
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from .host import START, say, steps
from .jobs import Job
from .verdict import FAIL, PASS, SKIP, Result

SLOWEST = 10


def counts(results: Sequence[Result]) -> tuple[int, int, int]:
    of_kind = collections.Counter(result.kind for result in results)
    return of_kind[PASS], of_kind[FAIL], of_kind[SKIP]


def table(jobs: Sequence[Job]) -> str:
    row = "{:<24} {:>8} {:>8} {:>8} {:>8}\n"
    text = row.format("job", "passed", "failed", "skipped", "seconds")
    for job in jobs:
        text += row.format(job.name, *counts(job.results), f"{job.seconds or 0:.0f}")
    return text


def profile() -> str:
    """Where the minutes go, added up over what ran at the same time."""
    total: collections.Counter[str] = collections.Counter()
    for kind, _, seconds in steps:
        total[kind] += seconds  # type: ignore[assignment]
    text = "".join(f"{kind:<24} {seconds:8.0f} s\n" for kind, seconds in total.most_common())
    tests = sorted((s for s in steps if s[0] == "test"), key=lambda step: -step[2])
    if tests:
        text += f"the {min(SLOWEST, len(tests))} slowest tests:\n"
        text += "".join(f"  {what:<44} {seconds:6.1f} s\n" for _, what, seconds in tests[:SLOWEST])
    return text


def write_junit(jobs: Sequence[Job], path: pathlib.Path) -> None:
    root = ET.Element("testsuites")
    for job in jobs:
        passed, failed, skipped = counts(job.results)
        suite = ET.SubElement(
            root, "testsuite", name=job.name, tests=str(passed + failed + skipped),
            failures=str(failed), skipped=str(skipped), time=f"{job.seconds or 0:.1f}")
        for result in job.results:
            case = ET.SubElement(suite, "testcase", classname=f"{job.name}.{result.test}",
                                 name=printable(result.text))
            if result.kind != PASS:
                what = "failure" if result.kind == FAIL else "skipped"
                ET.SubElement(case, what, message=printable(result.text))
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def printable(text: str) -> str:
    """XML has no control characters."""
    return "".join(c if c.isprintable() else "?" for c in text)


def write_tap(jobs: Sequence[Job], path: pathlib.Path) -> None:
    rows = [(job, result) for job in jobs for result in job.results]
    lines = ["TAP version 13", f"1..{len(rows)}"]
    for n, (job, result) in enumerate(rows, 1):
        name = f"{job.name}: {result}".replace("#", "\\#")
        skip = " # SKIP" if result.kind == SKIP else ""
        lines.append(f"{'not ok' if result.kind == FAIL else 'ok'} {n} {name}{skip}")
    path.write_text("\n".join(lines) + "\n")


def tables(where: pathlib.Path) -> list[pathlib.Path]:
    """What jobs leave to be printed."""
    return sorted(found for kind in ("programs", "engines", "recipes")
                  for found in where.glob(f"*/{kind}/table"))


def remove_old(where: pathlib.Path) -> None:
    """What an earlier run has left, lest it is taken for this one's."""
    for old in [where / "results.xml", where / "results.tap", *tables(where)]:
        old.unlink(missing_ok=True)


def summary(jobs: Sequence[Job], where: pathlib.Path, note: str) -> bool:
    """Whether all passed."""
    print(f"\n{table(jobs)}\n{profile()}")
    try:
        write_junit(jobs, where / "results.xml")
        write_tap(jobs, where / "results.tap")
    except OSError as error:
        say(f"no files of results: {error}")
    for found in tables(where):
        print(found.read_text())
    # The failures once more at the end, where a truncated log still shows them
    for job in jobs:
        for result in job.results:
            if result.kind == FAIL:
                print(f"{job.name}: FAILED: {result}")
    passed, failed, skipped = counts([result for job in jobs for result in job.results])
    print(f"{note}{time.monotonic() - START:.0f} seconds in all")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return not failed and passed > 0
