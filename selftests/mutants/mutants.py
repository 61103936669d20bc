# SPDX-License-Identifier: GPL-2.0
"""The list of mutants, and the verdict on one: no I/O but reading the list.

A mutant is one small fault in the module, the library or the command. It is killed if
the test that the list names for it fails. Any other failure is not counted, so that a
test that breaks by accident does not hide that the named one tests nothing.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import tomllib
from collections.abc import Iterable, Sequence

KINDS = {"module": "module", "uapi": "module", "userlib": "library", "tools": "command"}
DEFAULT_KERNEL = "6.12"


class ListError(Exception):
    """The list is wrong."""


@dataclasses.dataclass(frozen=True)
class Test:
    """One test: of a harness program by its name, or a claim of a script."""

    program: str
    name: str

    @property
    def is_script(self) -> bool:
        return self.program.endswith(".sh")

    def __str__(self) -> str:
        return f"{self.program}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Test:
        program, colon, name = text.partition(":")
        if not (program and colon and name):
            raise ListError(f"{text!r} is not PROGRAM:NAME")
        return cls(program, name)

    def is_result(self, text: str) -> bool:
        """Whether TEXT, as a result line of TAP names it, is this test or a variant."""
        return text == self.name or (
            not self.is_script and text.rpartition(".")[2] == self.name
        )


@dataclasses.dataclass(frozen=True)
class Mutant:
    id: str
    file: str
    old: str
    new: str
    test: Test | None
    equivalent: str = ""
    kernel: str = DEFAULT_KERNEL
    runs: int = 1

    @property
    def kind(self) -> str:
        return KINDS[self.file.partition("/")[0]]

    def apply(self, source: str) -> str:
        found = source.count(self.old)
        if found != 1:
            raise ListError(f"its text is {found} times in {self.file}, not once")
        return source.replace(self.old, self.new)


def parse_entry(entry: dict[str, object]) -> Mutant:
    known = {"id", "file", "old", "new", "test", "equivalent", "kernel", "runs"}
    name = str(entry.get("id", "(no id)"))
    try:
        if unknown := entry.keys() - known:
            raise ListError(f"unknown: {', '.join(sorted(unknown))}")
        if missing := {"id", "file", "old", "new"} - entry.keys():
            raise ListError(f"missing: {', '.join(sorted(missing))}")
        if ("test" in entry) == ("equivalent" in entry):
            raise ListError("it has either a test or a reason why it is equivalent")
        fields = dict(entry)
        fields["test"] = Test.parse(str(entry["test"])) if "test" in entry else None
        mutant = Mutant(**fields)  # type: ignore[arg-type]
        if not re.fullmatch(r"[a-z0-9-]+", mutant.id):
            raise ListError("an id is of a-z, 0-9 and -")
        if mutant.file.partition("/")[0] not in KINDS:
            raise ListError(f"no build is known for {mutant.file}")
        if mutant.old == mutant.new:
            raise ListError("it changes nothing")
    except ListError as error:
        raise ListError(f"{name}: {error}") from None
    return mutant


def parse_list(texts: Iterable[str]) -> list[Mutant]:
    mutants = [
        parse_entry(entry)
        for text in texts
        for entry in tomllib.loads(text).get("mutant", [])
    ]
    ids = [mutant.id for mutant in mutants]
    if twice := {id for id in ids if ids.count(id) > 1}:
        raise ListError(f"twice: {', '.join(sorted(twice))}")
    return mutants


def test_is_there(test: Test, selftests: pathlib.Path) -> bool:
    """Whether the source of the test's program has a test of that name."""
    path = selftests / (test.program if test.is_script else test.program + ".c")
    if not path.is_file():
        return False
    source = path.read_text()
    if test.is_script:
        return f'claim "{test.name}"' in source
    return bool(
        re.search(
            rf"^TEST(_F|_F_TIMEOUT|_F_SIGNAL|_SIGNAL)?\((\w+, )?{re.escape(test.name)}\b",
            source,
            re.MULTILINE,
        )
    )


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of one run. KILLED and how, or not; ERROR: nothing can be said."""

    result: str
    how: str = ""


KILLED, SURVIVED, ERROR = "killed", "survived", "error"

RESULT = re.compile(r"(not ok|ok) \d+ ?-? ?(.*?)\s*(?:# *(SKIP|XFAIL|TIMEOUT|TODO)\b.*)?")


def tap_results(lines: Iterable[str], test: Test) -> list[str]:
    """Of the results of TEST: "ok", "not ok", "skip"."""
    results = []
    for line in lines:
        match = RESULT.fullmatch(line.rstrip("\r\n"))
        if match and test.is_result(match[2]):
            skipped = match[1] == "ok" and match[3] in ("SKIP", "XFAIL", "TODO")
            results.append("skip" if skipped else match[1])
    return results


def judge(test: Test, lines: Sequence[str], token: str) -> Verdict:
    """LINES: of the guest's channel, from the run's "begin" to the next one's."""
    results = tap_results(lines, test)
    status = None
    marks: dict[str, str] = {}
    for line in lines:
        if not line.startswith(f"@{token} "):
            continue
        word, _, rest = line[len(token) + 2 :].strip().partition(" ")
        if word == "end":
            status = int(rest.split()[1])
        else:
            marks[word] = rest

    if "not ok" in results:
        return Verdict(KILLED, "not ok")
    if "klog" in marks:
        return Verdict(KILLED, "kernel log: " + marks["klog"].partition(" ")[2])
    if status is None:
        return Verdict(KILLED, "the guest died")
    if status in (124, 137):
        return Verdict(KILLED, "time-out")
    if "stuck" in marks:
        return Verdict(KILLED, "kill -9 does not end it")
    if "loaded_still" in marks:
        return Verdict(KILLED, "the module cannot be unloaded")
    if "gone" not in marks:
        return Verdict(KILLED, "the guest died when the module was unloaded")
    if not results:
        if status > 128:
            return Verdict(KILLED, f"its program died (status {status})")
        return Verdict(ERROR, f"no result of that name (status {status})")
    if "skip" in results:
        return Verdict(SURVIVED, "skipped")
    return Verdict(SURVIVED)


def split_runs(lines: Iterable[str], token: str) -> dict[str, list[str]]:
    """The channel's lines by the run that they belong to."""
    runs: dict[str, list[str]] = {}
    name = None
    for line in lines:
        words = line.split()
        if words[:1] == [f"@{token}"] and words[1:2] in (["begin"], ["done"]):
            name = words[2] if words[1] == "begin" else None
            if name:
                runs[name] = []
        if name:
            runs[name].append(line)
    return runs


def took(lines: Iterable[str], token: str) -> float:
    for line in lines:
        words = line.split()
        if words[:2] == [f"@{token}", "end"]:
            return float(words[5]) - float(words[4])
    return 0.0
