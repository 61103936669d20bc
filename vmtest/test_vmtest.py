# SPDX-License-Identifier: GPL-2.0
"""Tests of the test bench that need no guest: python3 -m unittest vmtest.test_vmtest"""

from __future__ import annotations

import fcntl
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest
import xml.etree.ElementTree as ET
from collections.abc import Callable
from unittest import mock

from . import (benchmark, cache, deb, guest, host, jobs, lint, matrix, report, secure_boot, suites,
               verdict)
from .guest import Guest
from .host import Failure
from .jobs import Job, Queue
from .verdict import FAIL, PASS, SKIP, Channel, Result

GOOD = """# TAP version 13
# 1..2
# ok 1 global.a
# ok 2 global.b
ok 1 selftests: spawnctl: a_test"""


def heard(text: str, token: str = "T") -> Channel:
    channel = Channel(token)
    for line in text.splitlines():
        channel.hear(line)
    return channel


def kselftest(text: str, end: str = "@T end a 0 1.0 3.5") -> list[Result]:
    channel = heard(f"@T begin a\n{text}\n{end}\n")
    return verdict.of_kselftest(channel.runs[0])


def faults(results: list[Result]) -> list[str]:
    return [result.text for result in results if result.kind == FAIL]


class Tap(unittest.TestCase):
    def faults(self, text: str) -> list[str]:
        return faults(verdict.tap("a", text.splitlines()))

    def test_passes(self) -> None:
        results = verdict.tap("a", ["1..2", "ok 1 - one", "ok 2 two # SKIP why"])
        self.assertEqual([(r.kind, r.text) for r in results], [(PASS, "one"), (SKIP, "two # SKIP why")])

    def test_not_ok(self) -> None:
        self.assertEqual(self.faults("1..1\nnot ok 1 one"), ["one"])

    def test_no_plan(self) -> None:
        self.assertIn("no plan", self.faults("ok 1 one")[0])

    def test_too_few(self) -> None:
        self.assertEqual(self.faults("1..3\nok 1 one"), ["(3 results planned, 1 seen)"])

    def test_too_many(self) -> None:
        self.assertEqual(self.faults("1..1\nok 1 one\nok 2 two"), ["(1 results planned, 2 seen)"])

    def test_empty_plan(self) -> None:
        self.assertIn("no tests", self.faults("1..0")[0])

    def test_all_skipped(self) -> None:
        results = verdict.tap("a", ["1..0 # SKIP no device"])
        self.assertEqual([r.kind for r in results], [SKIP])

    def test_prefix(self) -> None:
        results = verdict.tap("a", ["# 1..1", "# ok 1 inner", "not ok 1 outer"], "# ")
        self.assertEqual([r.kind for r in results], [PASS])


class Kselftest(unittest.TestCase):
    def test_good(self) -> None:
        self.assertEqual([r.kind for r in kselftest(GOOD)], [PASS, PASS])

    def test_seconds(self) -> None:
        self.assertEqual(heard("@T begin a\n@T end a 0 1.0 3.5").runs[0].seconds, 2.5)

    def test_hang(self) -> None:
        self.assertIn("hangs", faults(kselftest(GOOD, "@T end a 137 1 2"))[0])

    def test_time_out(self) -> None:
        text = GOOD.replace("ok 1 selftests", "not ok 1 selftests") + " # TIMEOUT 600 seconds"
        self.assertIn("(time-out)", faults(kselftest(text)))

    def test_status_of_the_runner(self) -> None:
        self.assertIn("status is 3", faults(kselftest(GOOD, "@T end a 3 1 2"))[0])

    def test_runner_disagrees(self) -> None:
        text = GOOD.replace("\nok 1 selftests", "\nnot ok 1 selftests")
        self.assertIn("not ok 1 selftests", faults(kselftest(text))[0])

    def test_no_verdict_of_the_runner(self) -> None:
        self.assertIn("no verdict", faults(kselftest("\n".join(GOOD.splitlines()[:-1])))[0])

    def test_cut_off(self) -> None:
        self.assertIn("in the middle", faults(kselftest(GOOD, ""))[0])

    def test_warning_in_the_log(self) -> None:
        text = GOOD + "\n@T klog a [ 1.0] WARNING: CPU: 0\n@T klog a [ 1.1] harmless"
        self.assertEqual(faults(kselftest(text)), ["(kernel log) [ 1.0] WARNING: CPU: 0"])

    def test_stuck_process(self) -> None:
        self.assertIn("kill -9", faults(kselftest(GOOD + "\n@T stuck a 77 cat pipe_read"))[0])

    def test_another_token_is_text(self) -> None:
        channel = heard("@T begin a\n@X end a 0 1 2\n")
        self.assertIsNone(channel.runs[0].status)

    def test_script(self) -> None:
        run = heard("@T begin a\n1..1\nok 1 one\n@T end a 0 1 2").runs[0]
        self.assertEqual(faults(verdict.of_script(run, "a")), [])
        run.status = 2
        self.assertEqual(faults(verdict.of_script(run, "a")), ["(its status is 2)"])


class OfGuest(unittest.TestCase):
    def faults(self, text: str, console: str = "") -> list[str]:
        return faults(verdict.of_guest(heard(text), console.splitlines(), "guest"))

    def test_ends(self) -> None:
        self.assertEqual(self.faults("@T unloaded\n@T done"), [])
        self.assertIn("no verdict", self.faults("@T unloaded")[0])
        self.assertIn("cannot be unloaded", self.faults("@T loaded_still 1\n@T done")[0])
        self.assertIn("modprobe", self.faults("@T unloadable\n@T done")[0])

    def test_console_and_leaks(self) -> None:
        self.assertIn("Oops", self.faults("@T unloaded\n@T done", "x\nOops: 0\ny")[0])
        self.assertIn("leak", self.faults("@T leak loaded: unreferenced\n@T unloaded\n@T done")[0])

    def test_missing_programs(self) -> None:
        channel = heard("@T begin a\n@T end a 0 1 2\n@T begin b")
        self.assertEqual(verdict.of_collection(channel, ["a"]), [])
        self.assertIn("2 test programs, 1", verdict.of_collection(channel, ["a", "b"])[0].text)

    def test_elsewhere(self) -> None:
        """A test that a kernel leaves to others exists, and at least one stock kernel runs it."""
        for kernel in matrix.KERNELS:
            for test in kernel.elsewhere:
                self.assertIn(test, map(suites.short, suites.known_programs()))
                self.assertTrue(any(test not in stock.elsewhere for stock in matrix.STOCK), test)

    def test_skips(self) -> None:
        skip = Result(SKIP, "a", "global.x # SKIP")
        self.assertEqual(verdict.judge_skips([skip], ["a global.x"]), [skip])
        self.assertEqual(verdict.judge_skips([skip], ["a global.y"])[0].kind, FAIL)


class Races(unittest.TestCase):
    START = "BUG: KCSAN: data-race in x\n"
    END = "\n==================="

    def bad(self, text: str) -> list[str]:
        return verdict.bad_lines(text.splitlines())

    def test_of_the_module(self) -> None:
        stack = "write to 1 of 8 bytes by task 1:\n probe_fork+0x1 [spawnctl]\n kernel_clone+0x1"
        self.assertTrue(self.bad(self.START + stack + self.END))

    def test_of_the_kernel(self) -> None:
        stack = "write to 1 of 8 bytes by task 1:\n kernel_clone+0x1\n make_child [spawnctl]"
        self.assertEqual(self.bad(self.START + stack + self.END), [])

    def test_second_stack(self) -> None:
        stack = ("write to 1 of 8 bytes by task 1:\n kernel_clone+0x1\n"
                 "read to 1 of 8 bytes by task 2:\n probe_exit [spawnctl]")
        self.assertTrue(self.bad(self.START + stack + self.END))

    def test_other_lines_stay(self) -> None:
        self.assertEqual(self.bad("WARNING: x"), ["WARNING: x"])


class NotDebian(unittest.TestCase):
    def test_says_so(self) -> None:
        with (mock.patch("os.geteuid", return_value=0),
              mock.patch("shutil.which", return_value=None),
              self.assertRaisesRegex(host.Failure, "Debian")):
            host.need()


class InCache(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)
        mocked = mock.DEFAULT
        for patch in (mock.patch.multiple(cache, CACHE=self.dir, say=mocked, check_space=mocked),
                      mock.patch.multiple(host, say=mocked), mock.patch.multiple(time, sleep=mocked)):
            patch.start()
            self.addCleanup(patch.stop)
        self.made = 0

    def make(self, path: pathlib.Path) -> None:
        self.made += 1
        path.mkdir()
        (path / "file").write_text("x")

    def need(self) -> pathlib.Path:
        """As another process would"""
        for fd in cache._locks.values():
            os.close(fd)
        cache._locks.clear()
        return cache.need(self.part)

    @property
    def part(self) -> cache.Part:
        return cache.Part("part", "a part", self.make, ("recipe",))

    def test_is_made_once(self) -> None:
        self.assertTrue((self.need() / "file").exists())
        self.need()
        self.assertEqual(self.made, 1)

    def test_half_made(self) -> None:
        path = self.need()
        (path / cache.COMPLETE).unlink()
        self.need()
        self.assertEqual(self.made, 2)

    def test_old(self) -> None:
        path = self.need()
        os.utime(path / cache.COMPLETE, (0, 0))
        self.need()
        self.assertEqual(self.made, 2)

    def test_old_in_use(self) -> None:
        path = self.need()
        user = cache.lock_file(path)
        self.assertTrue(cache.try_lock(user, fcntl.LOCK_SH))
        os.utime(path / cache.COMPLETE, (0, 0))
        self.need()
        os.close(user)
        self.assertEqual(self.made, 1)

    def test_another_recipe(self) -> None:
        self.assertNotEqual(self.part.path, cache.Part("part", "", self.make, ("other",)).path)

    def test_failure_leaves_nothing(self) -> None:
        def fail(path: pathlib.Path) -> None:
            path.mkdir()
            raise Failure("no route")

        part = cache.Part("bad", "bad", fail, ())
        with self.assertRaisesRegex(Failure, "no route"):
            cache.need(part)
        self.assertFalse(part.path.exists())

    def test_download_is_tried_three_times(self) -> None:
        tried = []

        def fail() -> None:
            tried.append(1)
            raise Failure("no route")

        with self.assertRaisesRegex(Failure, "no route; tried 3 times"), mock.patch("time.sleep"):
            host.retry(fail)
        self.assertEqual(len(tried), 3)

    def test_old_ones_are_removed(self) -> None:
        old = self.dir / f"part-{'0' * 16}"
        young = self.dir / f"part-{'1' * 16}"
        for path in (old, young):
            path.mkdir()
        os.utime(old, (0, 0))
        self.need()
        self.assertEqual((old.exists(), young.exists()), (False, True))


class Jobs(unittest.TestCase):
    def setUp(self) -> None:
        self.order: list[str] = []
        times = {"k long": 9.0, "k short": 1.0, "k first": 1.0}
        patch = mock.patch.multiple(jobs, say=mock.DEFAULT, write_times=mock.DEFAULT,
                                    read_times=lambda: times)
        patch.start()
        self.addCleanup(patch.stop)

    def action(self, job: Job) -> list[Result]:
        self.order.append(job.name)
        return [Result(PASS, "t", "x")]

    def fails(self, job: Job) -> list[Result]:
        raise Failure("why")

    def test_longest_first_after_what_it_needs(self) -> None:
        first = Job("k first", self.action, cpus=2)
        Queue([Job("k short", self.action, cpus=2), Job("k long", self.action, (first,), 2), first],
              1).run()
        self.assertEqual(self.order, ["k first", "k long", "k short"])

    def test_failure_goes_on(self) -> None:
        first = Job("k first", self.fails)
        after, other = Job("k long", self.action, (first,)), Job("k short", self.action)
        Queue([first, after, other], 2).run()
        self.assertEqual(self.order, ["k short"])
        self.assertIn("why", first.results[0].text)
        self.assertIn("because of k first", after.results[0].text)

    def test_no_more_than_the_processors(self) -> None:
        busy: list[int] = []

        def action(job: Job) -> list[Result]:
            busy.append(sum(other.cpus for other in queue.running))
            time.sleep(0.05)
            return self.action(job)

        queue = Queue([Job("k 1", action), Job("k 2", action, cpus=2), Job("k 3", action, cpus=2),
                       Job("k 4", action, cpus=5)], 2)
        queue.run()
        self.assertEqual(len(self.order), 4)
        self.assertEqual(max(n for n in busy if n != 5), 3)
        self.assertEqual(busy.count(5), 1)

    def test_fault_of_the_bench_is_a_failure(self) -> None:
        def broken(job: Job) -> list[Result]:
            raise ZeroDivisionError

        broken_job, empty, good = Job("k a", broken), Job("k b", lambda job: []), Job("k c", self.action)
        with mock.patch("traceback.print_exc"):
            Queue([broken_job, empty, good], 2).run()
        self.assertEqual([job.count(FAIL) for job in (broken_job, empty, good)], [1, 1, 0])

    def test_reports(self) -> None:
        job = Job("k first", self.action)
        job.results = [Result(PASS, "t", "x"), Result(FAIL, "t", "bad \x1b #1"), Result(SKIP, "t", "s")]
        with tempfile.TemporaryDirectory() as name:
            directory = pathlib.Path(name)
            report.write_junit([job], directory / "xml")
            report.write_tap([job], directory / "tap")
            suite = ET.parse(directory / "xml").getroot()[0]
            lines = (directory / "tap").read_text().splitlines()
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1"))
        self.assertEqual(lines[1:4:2], ["1..3", "not ok 2 k first: t bad \x1b \\#1"])
        self.assertTrue(lines[4].endswith("# SKIP"))


class Selection(unittest.TestCase):
    PROGRAMS = ["spawnctl:storm_test", "spawnctl:stop_test", "spawnctl:tool_test.sh"]

    def test_patterns(self) -> None:
        for patterns, names in (("", 3), ("storm", 1), ("sto*", 2), ("tool stop", 2)):
            self.assertEqual(len(suites.select(self.PROGRAMS, patterns.split())), names)

    def test_unknown(self) -> None:
        with self.assertRaisesRegex(Failure, "no test 'x' .*storm stop tool"):
            suites.select(self.PROGRAMS, ["x"])
        with self.assertRaisesRegex(Failure, "no kernel '9'"):
            matrix.find(["9"])

    def test_divided(self) -> None:
        kernel, debug = matrix.find(["6.12", "debug"])
        for options, expected in ((suites.Options(whole=True), 1), (suites.Options(), 2)):
            self.assertEqual(suites.cpus(kernel, "selftests", options), expected)
            self.assertEqual(suites.cpus(kernel, "races", options), 2)
            # It has no job of that name
            self.assertEqual(suites.cpus(debug, "selftests", options), 2)
        whole, some = suites.Options(whole=True), suites.Options()
        self.assertEqual(suites.share(self.PROGRAMS, kernel, "races", whole), self.PROGRAMS[:2])
        self.assertEqual(suites.share(self.PROGRAMS, kernel, "selftests", whole), self.PROGRAMS[2:])
        self.assertEqual(suites.share(self.PROGRAMS, kernel, "selftests", some), self.PROGRAMS)
        self.assertEqual(suites.share(self.PROGRAMS, debug, "selftests", whole), self.PROGRAMS)
        self.assertLess(set(matrix.RACES), {suites.short(name) for name in suites.known_programs()})

    def test_matrix(self) -> None:
        self.assertEqual(matrix.find(["newest"]), [matrix.STOCK[-1]])
        with self.assertRaisesRegex(Failure, "unknown: colour"):
            matrix.parse('[[kernel]]\nname = "1"\nsuite = "s"\ncolour = "red"')
        with self.assertRaisesRegex(Failure, "arm64: unknown: colour"):
            matrix.parse('kernel = []\n[arch.arm64]\ncolour = "red"')
        for kernel in matrix.KERNELS:
            self.assertIn(kernel.arch, matrix.ARCHS)


class Guests(unittest.TestCase):
    """A shell script in place of QEMU"""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = pathlib.Path(directory.name)
        self.stderr = mock.patch.object(sys, "stderr").start()
        self.addCleanup(mock.patch.stopall)

    def guest(self, limit: float = 60, silence: float = 60) -> Guest:
        build = mock.Mock(kernel=matrix.STOCK[0])
        return Guest(build, self.dir / "guest", {}, limit, silence=silence, token="T")

    def run_guest(self, guest: Guest, script: str) -> tuple[Channel, float]:
        start = time.monotonic()
        script = f"exec >{guest.dir}/channel.log\n{script}"
        channel = guest.once(["sh", "-c", script], lambda line: None, lambda run: None)
        return channel, time.monotonic() - start

    def test_end(self) -> None:
        channel, _ = self.run_guest(self.guest(), "echo '@T begin a'; echo '@T end a 0 1 2'")
        self.assertEqual(channel.runs[0].status, 0)

    def test_silence(self) -> None:
        script = "for i in 1 2 3 4 5 6; do echo '@T boot'; sleep 0.2; done; sleep 1000"
        channel, seconds = self.run_guest(self.guest(silence=0.5), script)
        self.assertEqual(len(channel.said["boot"]), 6)
        self.assertLess(seconds, 30)

    def test_limit(self) -> None:
        script = "while echo '@T boot'; do sleep 0.1; done"
        _, seconds = self.run_guest(self.guest(limit=0.5), script)
        self.assertLess(seconds, 30)

    def test_ports(self) -> None:
        """ttyS1 is the channel on each machine."""
        for name, nth in (("6.12", 1), ("7.3-arm64", 2), ("7.3-riscv64", 1)):
            kernel, = matrix.find([name])
            guest = Guest(mock.Mock(kernel=kernel), self.dir / name, {}, 60)
            ports = [word for word in guest.ports() if word.startswith(("file", "null"))]
            self.assertIn("console.log", ports[0])
            self.assertIn("channel.log", ports[nth])

    def measure(self, text: str) -> list[Result]:
        guest = self.guest()
        for name in ("channel.log", "console.log", "qemu.log"):
            (guest.dir / name).write_text(text)
        with (mock.patch.object(benchmark, "OUT", self.dir),
              mock.patch.object(guest, "run", lambda _: heard(text))):
            return benchmark.measure(guest)

    def test_measured(self) -> None:
        results = self.measure("@T begin a\n@record {}\n@T end a 0 1 2\n")
        self.assertEqual([str(result) for result in results], ["guest 1 records"])
        self.assertIn("@record {}", (self.dir / "5.10-guest.records").read_text())

    def test_not_measured(self) -> None:
        with self.assertRaisesRegex(Failure, "status is 2"):
            self.measure("@T begin a\n@record {}\nbench: why\n@T end a 2 1 2\n")
        self.assertTrue(self.stderr.write.call_args[0][0].startswith("  | bench: why\n"))
        with self.assertRaisesRegex(Failure, "no verdict"):
            self.measure("")

    def test_trace(self) -> None:
        asked: list[str] = []

        def qemu() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rw") as stream:
                for prompt in ("QEMU monitor\n(qemu) ", "(qemu) ", "log\n(qemu) "):
                    stream.write(prompt)
                    stream.flush()
                    asked.append(stream.readline().strip())

        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.dir / "monitor"))
            server.listen()
            thread = threading.Thread(target=qemu)
            thread.start()
            for line in ("@trace", "@record {}", "@trace done vfork\r"):
                benchmark.trace(self.dir, line)
            thread.join()
            self.assertEqual(asked, ["log none", "one-insn-per-tb off", ""])

    def test_plan(self) -> None:
        for name, kinds in (("5.10", "build instructions breakdown"),
                            ("6.1", "build instructions breakdown python")):
            kernel, = matrix.find([name])
            counted, wall = benchmark.plan(kernel)
            names = [f"{name} {kind}" for kind in kinds.split()]
            self.assertEqual([job.name for job in counted], names)
            self.assertEqual([*wall.needs], counted[:1])


class SecureBoot(unittest.TestCase):
    GOOD = "@T begin command\n1..1\nok 1 one\n@T end command 0 1 2\n@T done"

    def faults(self, case: str, text: str, *console: str) -> list[str]:
        with (tempfile.TemporaryDirectory() as name,
              mock.patch.multiple(guest.Guest, run=lambda _: heard(text), console=lambda _: console),
              mock.patch.multiple(secure_boot, add_firmware=mock.DEFAULT, log_failures=mock.DEFAULT)):
            build = types.SimpleNamespace(kernel=matrix.NEWEST, dir=pathlib.Path(name))
            return faults(secure_boot.boot(build, case))  # type: ignore[arg-type]

    def test_good(self) -> None:
        self.assertEqual(self.faults("lockdown", self.GOOD), [])
        self.assertEqual(self.faults("enrolled", self.GOOD, *secure_boot.MESSAGES), [])

    def test_no_secure_boot(self) -> None:
        self.assertIn("Secure Boot", self.faults("enrolled", self.GOOD, secure_boot.MESSAGES[0])[0])

    def test_no_verdict(self) -> None:
        self.assertIn("no verdict", self.faults("lockdown", self.GOOD.removesuffix("@T done"))[0])
        self.assertIn("no plan", self.faults("lockdown", "")[0])

    def test_skip(self) -> None:
        text = self.GOOD.replace("ok 1 one", "ok 1 one # SKIP")
        self.assertEqual(self.faults("lockdown", text), ["unexpected skip: one # SKIP"])


class Native(unittest.TestCase):
    def test_skip(self) -> None:
        def logged(log: pathlib.Path, argv: object, **options: object) -> None:
            log.parent.mkdir(parents=True, exist_ok=True)
            log.write_text("1..1\nok 1 one # SKIP\n")

        with (tempfile.TemporaryDirectory() as name,
              mock.patch.multiple(suites, BUILD=pathlib.Path(name), NATIVE=("spawn",), logged=logged),
              mock.patch.object(cache, "need", return_value=pathlib.Path(name))):
            results = suites.native(Job("- native", suites.native))
        self.assertEqual(faults(results), ["unexpected skip: one # SKIP"])


class Lint(unittest.TestCase):
    def complaints(self, check: Callable[[], str], name: str, old: str, new: str) -> str:
        read = lint.read
        self.assertIn(old, read(name))
        with mock.patch.object(lint, "read", lambda n: read(n).replace(old, new) if n == name else read(n)):
            return check()

    def test_other_version(self) -> None:
        for name, old, new in (
            ("META", "Linux-Tested: ", "Linux-Tested: 5.4 "), ("README.md", "(trixie)", "(sid)"),
            ("debian/changelog", matrix.VERSION, "9.9"), ("README.md", matrix.VERSION, "9.9"),
            ("docs/install.md", matrix.VERSION, "9.9"),
            ("packaging/spawnctl.spec", matrix.VERSION, "9.9"),
        ):
            self.assertIn(name, self.complaints(lint.one_version, name, old, new))

    def test_other_attributes(self) -> None:
        self.assertIn("+SPAWNCTL_A_X", self.complaints(
            lint.spec_is_header, "uapi/linux/spawnctl_netlink.h", "\tSPAWNCTL_A_", "\tSPAWNCTL_A_X"))

    def test_plain_english(self) -> None:
        text = "from .host import remove, " + "say, started\n"
        with mock.patch.object(lint, "read", {"a.py": text, "b": text[4:]}.__getitem__):
            self.assertIn("b:1: ", lint.plain_english(["a.py", "b"]))
            self.assertEqual(lint.plain_english(["a.py"]), "")

    def test_dead_links(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            page = pathlib.Path(name) / "a.html"
            self.assertTrue(lint.dead_links(page.parent))
            good = '<p id="x"><a href="a.html#x"><a href="#x"><img src="a.html"><a href="https://b/c">'
            page.write_text(good)
            self.assertEqual(lint.dead_links(page.parent), "")
            for bad in ('<a href="b.html">', '<a href="#y">', '<a href="a.html#y">', '<img src="b.svg">'):
                page.write_text(good + bad)
                self.assertIn(bad.split('"')[1], lint.dead_links(page.parent))

    def test_silence_and_success(self) -> None:
        self.assertEqual([bool(lint.run(c)) for c in ("true", "false", "echo x")], [False, True, True])


class Packages(unittest.TestCase):
    def test_control(self) -> None:
        control = (host.TOP / "debian/tests/control").read_text()
        self.assertEqual(deb.tests(control), {"alone": False, "kernels": False, "machine": True})
        for name in deb.tests(control):
            self.assertTrue(os.access(host.TOP / "debian/tests" / name, os.X_OK))

    def test_unknown_suite(self) -> None:
        with self.assertRaisesRegex(Failure, "not for {'bullseye'}"):
            deb.plan(["bullseye"], check=True)

    def test_status_of_autopkgtest(self) -> None:
        good = ["1..1", "ok 1 one"]
        cases: list[tuple[int, list[str], list[str]]] = [
            (0, good, []),
            (deb.FAILED, ["1..1", "not ok 1 one"], ["one"]),
            (deb.FAILED, good, ["(its status is 1)"]),
            (12, [], ["(no plan: it printed nothing, or died first)", "(its status is 12)"]),
            (0, ["1..1", "ok 1 one # SKIP"], ["unexpected skip: one # SKIP"]),
        ]
        for status, lines, texts in cases:
            self.assertEqual(faults(deb.judge("a", status, lines, [])), texts)
        self.assertEqual(faults(deb.judge("a", 0, good, ["BUG: x"])), ["(kernel log) BUG: x"])


class Processes(unittest.TestCase):
    def test_no_process_is_left(self) -> None:
        """A killed test bench ends what it has started."""
        script = ("from vmtest import host\nimport signal, sys, time\n"
                  "signal.signal(signal.SIGTERM, lambda *_: sys.exit(9))\n"
                  "try:\n with host.started(['sleep', '1000']) as p:\n"
                  "  print(p.pid, flush=True); time.sleep(1000)\nfinally: host.stop_all()")
        with subprocess.Popen([sys.executable, "-c", script], cwd=host.TOP, stdout=subprocess.PIPE) as bench:
            assert bench.stdout
            child = int(bench.stdout.readline())
            bench.terminate()
            self.assertEqual(bench.wait(), 9)
        self.assertFalse(pathlib.Path(f"/proc/{child}/exe").exists())

    def test_failed_command_shows_its_log(self) -> None:
        with tempfile.TemporaryDirectory() as name, mock.patch.object(sys, "stderr") as stderr:
            with self.assertRaisesRegex(Failure, "status 3"):
                host.logged(pathlib.Path(name) / "log", ["sh", "-c", "echo seen; exit 3"])
        self.assertIn("seen", str(stderr.write.call_args_list))


if __name__ == "__main__":
    unittest.main()
