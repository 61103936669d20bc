# SPDX-License-Identifier: GPL-2.0
"""The verdict's own tests: what a guest says, and what is made of it."""

from __future__ import annotations

import unittest

import mutants
from mutants import ERROR, KILLED, SURVIVED, ListError, Test, Verdict

TOKEN = "0123456789abcdef"
TEST = Test("limit_test", "reset")

ENTRY = """
[[mutant]]
id = "one"
file = "module/grant.c"
old = "a"
new = "b"
test = "limit_test:reset"
"""


def run(*lines: str, end: str | None = "0 1.0 2.5") -> list[str]:
    """One run's part of the channel, with its marks."""
    told = [f"@{TOKEN} begin one", "TAP version 13", *lines]
    return told + ([f"@{TOKEN} end one {end}", f"@{TOKEN} gone one"] if end else [])


def judge(*lines: str, end: str | None = "0 1.0 2.5", test: Test = TEST) -> Verdict:
    return mutants.judge(test, run(*lines, end=end), TOKEN)


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
        self.assertEqual(judge(end=None), Verdict(KILLED, "the guest died"))
        self.assertEqual(judge("ok 1 contract.reset", end=None).result, KILLED)

    def test_kernel_log_is_a_kill(self) -> None:
        log = f"@{TOKEN} klog one WARNING: CPU: 0"
        self.assertEqual(
            judge("ok 1 contract.reset", log), Verdict(KILLED, "kernel log: WARNING: CPU: 0")
        )
        # What a test prints is none of the guest's own lines
        self.assertEqual(judge("ok 1 contract.reset", "@0 klog one WARNING:").result, SURVIVED)

    def test_module_that_stays_is_a_kill(self) -> None:
        told = [*run("ok 1 contract.reset")[:-1], f"@{TOKEN} loaded_still one"]
        self.assertEqual(mutants.judge(TEST, told, TOKEN).result, KILLED)

    def test_guest_that_dies_of_the_unloading_is_a_kill(self) -> None:
        told = run("ok 1 contract.reset")[:-1]
        self.assertEqual(
            mutants.judge(TEST, told, TOKEN),
            Verdict(KILLED, "the guest died when the module was unloaded"),
        )

    def test_claims_are_named_in_full(self) -> None:
        claim = Test("tool_test.sh", "info tells. all")
        self.assertEqual(judge("not ok 3 info tells. all", test=claim, end="1 1 2").result, KILLED)
        self.assertEqual(judge("not ok 3 all", test=claim, end="1 1 2").result, ERROR)

    def test_runs_are_told_apart(self) -> None:
        lines = [f"@{TOKEN} boot 6.12", *run("ok 1 reset"), f"@{TOKEN} begin two", "not ok 1 reset"]
        parts = mutants.split_runs(lines, TOKEN)
        self.assertEqual(list(parts), ["one", "two"])
        self.assertEqual(mutants.judge(TEST, parts["one"], TOKEN), Verdict(SURVIVED))
        self.assertEqual(mutants.judge(TEST, parts["two"], TOKEN), Verdict(KILLED, "not ok"))
        self.assertEqual(mutants.took(parts["one"], TOKEN), 1.5)


class ListTest(unittest.TestCase):
    def refused(self, text: str, why: str) -> None:
        with self.assertRaisesRegex(ListError, why):
            mutants.parse_list([text])

    def test_an_entry(self) -> None:
        (mutant,) = mutants.parse_list([ENTRY])
        self.assertEqual(mutant.test, TEST)
        self.assertEqual((mutant.kind, mutant.kernel, mutant.runs), ("module", "6.12", 1))
        self.assertEqual(mutant.apply("xax"), "xbx")

    def test_text_is_there_once(self) -> None:
        (mutant,) = mutants.parse_list([ENTRY])
        for source in ("", "aa"):
            with self.assertRaisesRegex(ListError, "not once"):
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
