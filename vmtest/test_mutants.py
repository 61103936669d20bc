# SPDX-License-Identifier: GPL-2.0
"""Tests of the mutants' list and verdicts: python3 -m unittest vmtest.test_mutants"""

from __future__ import annotations

import pathlib
import tempfile
import unittest
from collections.abc import Collection
from unittest import mock

from . import mutants
from .host import Failure
from .mutants import ERROR, KILLED, SURVIVED, Mutant, Test, Verdict
from .test_vmtest import heard
from .verdict import Channel

TEST = Test("limit_test", "reset")

ENTRY = """
[[mutant]]
id = "one"
file = "module/grant.c"
old = "a"
new = "b"
test = "limit_test:reset"
"""


def run(*lines: str, id: str = "one", end: str = "0 1.0 2.5", after: str = "gone") -> str:
    told = [f"@T begin {id}", "TAP version 13", *lines]
    told += [f"@T end {id} {end}"] * bool(end) + [f"@T {after} {id}"] * bool(after)
    return "\n".join(told)


def judge(*lines: str, end: str = "0 1.0 2.5", after: str = "gone",
          test: Test = TEST) -> Verdict:
    channel = heard(run(*lines, end=end, after=after))
    return mutants.judge(test, channel.runs[0], channel)


class VerdictTest(unittest.TestCase):
    def test_pass_is_a_survivor(self) -> None:
        self.assertEqual(judge("1..1", "ok 1 contract.reset"), Verdict(SURVIVED))

    def test_named_failure_is_a_kill(self) -> None:
        for line in (
            "not ok 1 contract.reset",
            "not ok 3 contract.variant.reset",
            "not ok 1 reset",
            "not ok 1 - contract.reset",
            "not ok 1 contract.reset\r",
        ):
            self.assertEqual(judge(line, end="1 1 2"), Verdict(KILLED, "not ok"), line)

    def test_one_variant_is_enough(self) -> None:
        self.assertEqual(
            judge("ok 1 contract.a.reset", "not ok 2 contract.b.reset", end="1 1 2").result, KILLED
        )

    def test_another_tests_failure_is_none(self) -> None:
        for line in ("not ok 2 contract.flags", "not ok 2 contract.no_reset", "# not ok 2 reset"):
            self.assertEqual(judge("ok 1 contract.reset", line, end="1 1 2").result, SURVIVED)

    def test_no_result_of_that_name_is_an_error(self) -> None:
        self.assertEqual(judge("1..0", end="1 1 2").result, ERROR)
        self.assertEqual(judge("not ok 1 contract.flags", end="1 1 2").result, ERROR)
        self.assertEqual(judge("not ok 1 contract.resets", end="0 1 2").result, ERROR)

    def test_program_that_dies_is_a_kill(self) -> None:
        self.assertEqual(judge(end="139 1 2").result, KILLED)

    def test_skip_is_a_survivor(self) -> None:
        self.assertEqual(judge("ok 1 reset # SKIP no such thing"), Verdict(SURVIVED, "skipped"))

    def test_timeout_is_a_kill(self) -> None:
        self.assertEqual(judge(end="124 1 2"), Verdict(KILLED, "time-out"))
        self.assertEqual(judge(end="137 1 2"), Verdict(KILLED, "time-out"))

    def test_guest_that_dies_is_a_kill(self) -> None:
        self.assertEqual(judge(end="", after=""), Verdict(KILLED, "the guest died"))
        self.assertEqual(judge("ok 1 contract.reset", end="", after="").result, KILLED)

    def test_kernel_log_is_a_kill(self) -> None:
        log = "@T klog one [ 1.0] harmless", "@T klog one [ 1.1] WARNING: CPU: 0"
        self.assertEqual(judge("ok 1 contract.reset", *log),
                         Verdict(KILLED, "kernel log: [ 1.1] WARNING: CPU: 0"))
        # What a test prints is none of the guest's own lines
        self.assertEqual(judge("ok 1 contract.reset", "@0 klog one WARNING:").result, SURVIVED)

    def test_stuck_process_is_a_kill(self) -> None:
        self.assertEqual(judge("ok 1 reset", "@T stuck one 77 cat pipe_read", after=""),
                         Verdict(KILLED, "kill -9 does not end it"))

    def test_module_that_stays_is_a_kill(self) -> None:
        self.assertEqual(judge("ok 1 contract.reset", after="loaded_still"),
                         Verdict(KILLED, "the module cannot be unloaded"))

    def test_guest_that_dies_of_the_unloading_is_a_kill(self) -> None:
        self.assertEqual(judge("ok 1 contract.reset", after=""),
                         Verdict(KILLED, "the guest died when the module was unloaded"))

    def test_claims_are_named_in_full(self) -> None:
        claim = Test("tool_test.sh", "info tells. all")
        self.assertEqual(judge("not ok 3 info tells. all", test=claim, end="1 1 2").result, KILLED)
        self.assertEqual(judge("not ok 3 all", test=claim, end="1 1 2").result, ERROR)

    def test_runs_are_told_apart(self) -> None:
        channel = heard(f"@T boot 6.12\n{run('ok 1 reset')}\n@T begin two\nnot ok 1 reset")
        self.assertEqual([mutants.judge(TEST, one, channel) for one in channel.runs],
                         [Verdict(SURVIVED), Verdict(KILLED, "not ok")])


class RunTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.work = pathlib.Path(directory.name)
        (self.work / "console.log").write_text("panic")
        # By id what a guest says of it, and whether it dies of it
        self.said = {"b": (run("not ok 1 reset", id="b"), False)}
        self.booted: list[list[str]] = []
        self.cpus: dict[int, list[str]] = {}
        for patch in (mock.patch.multiple(mutants, say=mock.DEFAULT, boot=self.boot),
                      mock.patch.object(mutants, "WORK", self.work),
                      mock.patch.object(mutants, "build_all", lambda *_: {"c": Verdict(ERROR)})):
            patch.start()
            self.addCleanup(patch.stop)
        (self.work / "6.12").mkdir()

    def boot(self, build: mock.Mock, some: Collection[Mutant], work: pathlib.Path,
             cpus: int) -> tuple[mock.Mock, Channel]:
        self.booted.append([f"{m.id} {m.build}" for m in some])
        self.cpus[cpus] = [m.id for m in some]
        told = ""
        for mutant in some:
            text, dies = self.said.get(mutant.id, (run("ok 1 reset", id=mutant.id), False))
            told += text + "\n"
            if dies:
                break
        else:
            told += "@T done"
        return mock.Mock(dir=self.work, console=list), heard(told)

    def verdicts(self, ids: str) -> dict[str, str]:
        build = mock.Mock()
        build.kernel.name = "6.12"
        some = [Mutant(id, "module/x", "a", "b", TEST) for id in ids]
        return {id: str(v) for id, v in mutants.on_kernel(build, some).items()}

    def test_control_comes_first(self) -> None:
        self.assertEqual(self.verdicts("abc"),
                         {"a": "survived", "b": "killed not ok", "c": "error"})
        self.assertEqual(self.booted, [["control-1 unchanged"], ["a a", "b b"]])

    def test_control_that_fails(self) -> None:
        self.said["control-1"] = run("not ok 1 reset", id="control-1"), False
        self.assertEqual(self.verdicts("a"),
                         {"a": "error limit_test:reset without it: killed not ok", "c": "error"})
        self.assertEqual(len(self.booted), 1)

    def test_guest_that_dies(self) -> None:
        self.said["b"] = run(end="", after="", id="b"), True
        self.assertEqual(self.verdicts("abd")["b"], "killed the guest died")
        self.assertEqual(self.booted[1:], [["a a", "b b", "d d"], ["d d"]])
        self.assertTrue((self.work / "6.12/runs/console-2-1").exists())

    def test_what_races_has_two_processors(self) -> None:
        build = mock.Mock()
        build.kernel.name = "6.12"
        tests = {"a": "limit_test", "b": "mask_test", "d": "tool_test.sh"}
        some = [Mutant(id, "module/x", "a", "b", Test(p, "reset")) for id, p in tests.items()]
        self.assertEqual(list(mutants.run_all(build, some, self.work / "6.12")), ["a", "b", "d"])
        self.assertEqual(self.cpus, {2: ["a"], 1: ["b", "d"]})

    def test_guest_that_runs_nothing(self) -> None:
        self.said["a"] = "", True
        with self.assertRaisesRegex(Failure, "ran nothing"):
            self.verdicts("ab")


class ListTest(unittest.TestCase):
    def refused(self, text: str, why: str) -> None:
        with self.assertRaisesRegex(Failure, why):
            mutants.parse_list([text])

    def test_an_entry(self) -> None:
        (mutant,) = mutants.parse_list([ENTRY])
        self.assertEqual(mutant.test, TEST)
        self.assertEqual((mutant.kind, mutant.kernel, mutant.runs), ("module", "6.12", 1))
        self.assertEqual(mutant.apply("xax"), "xbx")

    def test_text_is_there_once(self) -> None:
        (mutant,) = mutants.parse_list([ENTRY])
        for source in ("", "aa"):
            with self.assertRaisesRegex(Failure, "not once"):
                mutant.apply(source)

    def test_what_is_refused(self) -> None:
        self.refused(ENTRY + ENTRY, "twice: one")
        self.refused(ENTRY.replace("one", "One"), "an id is")
        self.refused(ENTRY.replace('"b"', '"a"'), "changes nothing")
        self.refused(ENTRY.replace("new =", "knew ="), "unknown: knew")
        self.refused(ENTRY.replace('id = "one"', ""), "missing: id")
        self.refused(ENTRY.replace("module/", "docs/"), "no build")
        self.refused(ENTRY.replace("limit_test:reset", "limit_test"), "PROGRAM:NAME")
        self.refused(ENTRY + 'equivalent = "x"\n', "either a test or a reason")


if __name__ == "__main__":
    unittest.main()
