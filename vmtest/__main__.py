# SPDX-License-Identifier: GPL-2.0
"""The test bench's commands; the targets of the Makefile call them."""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import functools
import os
import pathlib
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import NoReturn

from . import (benchmark, deb, fuzz, host, lint, matrix, mutants, report, secure_boot, suites,
               verdict)
from .build import Build
from .guest import ALONE, Guest
from .host import BUILD, Failure, say
from .jobs import Job, Queue, write_times
from .matrix import Kernel
from .suites import Options

DEFAULT = "6.12"
DIVISOR = host.number("SPAWNCTL_DIVISOR", 30)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
DEMO = """\
spawnctl's promise, shown on a stock Debian kernel ({}) in a virtual machine:
  1. a Debian system with that kernel, its headers and dkms is made (kept for later)
  2. the module is built and installed there, for that kernel, by dkms
  3. the kernel is started in QEMU, in software; the module is loaded by modprobe
  4. a signal storm and a job-control stop: vfork(), glibc's posix_spawn(), spawnctl
  5. a program is started through spawnctl, and its signal state printed
Needs root. Nothing is loaded into, or installed for, the kernel of this machine.
"""


def plan(kernels: Sequence[Kernel], where: str, options: Options, only: Sequence[str] = (),
         mode: str = "strict", everything: bool = False) -> list[Job]:
    """The jobs for KERNELS: the kinds ONLY, or what the matrix has."""
    options = dataclasses.replace(options, whole=not only)
    jobs = []
    for kernel in kernels:
        builds: list[Build] = []

        def build(job: Job, kernel: Kernel = kernel, builds: list[Build] = builds) -> list[verdict.Result]:
            builds.append(Build(kernel, where))
            release, whole = builds[0].release, builds[0].make(mode)
            if not kernel.config and not release.startswith(kernel.name.partition("-")[0] + "."):
                say(f"{kernel.name}: the suite's kernel is {release} by now")
            return [verdict.Result(verdict.PASS if whole else verdict.FAIL, "build",
                                   f"the module for {release}, and the rest")]

        def step(job: Job, kernel: Kernel = kernel, kind: str = "",
                 builds: list[Build] = builds) -> list[verdict.Result]:
            return verdict.judge_skips(suites.KINDS[kind](builds[0], job, options), kernel.skips)

        first = Job(f"{kernel.name} build", build)
        kinds = only or kernel.jobs + (kernel.all if everything or not kernel.jobs else ())
        jobs += [first] + [
            Job(f"{kernel.name} {kind}", functools.partial(step, kind=kind), (first,),
                suites.cpus(kernel, kind, options)) for kind in kinds
        ]
    return jobs


def lock(where: str) -> None:
    (BUILD / where).mkdir(parents=True, exist_ok=True)
    # Open, and so locked, until the process ends
    fd = os.open(BUILD / where / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another check of this checkout")
        fcntl.flock(fd, fcntl.LOCK_EX)


def run(jobs: list[Job], where: str, cpus: int, note: str) -> bool:
    report.remove_old(BUILD / where)
    try:
        Queue(jobs, cpus).run()
        if where == "check":
            write_times(jobs)
    finally:
        for job in jobs:
            if job.seconds is None:
                job.results = [verdict.Result(verdict.FAIL, job.kind, "(it did not end)")]
        passed = report.summary(jobs, BUILD / where, note)
    return passed


def check(arguments: argparse.Namespace) -> bool:
    host.need()
    options = Options(
        tests=arguments.test.split(), divisor=1 if arguments.soak else DIVISOR, soak=arguments.soak,
        repeat=arguments.repeat, everything=arguments.all)
    note = f"counts divided by {options.divisor}; "
    named = arguments.kernel.split()
    if options.tests:
        suites.select(suites.known_programs(), options.tests)
        # Keeps the last build, and runs only the job selftests
        kernels = matrix.find(named, matrix.KERNELS if arguments.all else matrix.find([DEFAULT]))
        where, jobs = "vm", plan(kernels, "vm", options, ["selftests"], "lax")
    else:
        kernels = matrix.find(named, matrix.KERNELS if arguments.all else matrix.CHECKED)
        where, jobs = "check", plan(kernels, "check", options, everything=arguments.all)
        if not named:
            jobs.append(Job("- readme", suites.readme))
    lock(where)
    return run(jobs, where, arguments.cpus, note)


def changed_files() -> list[str]:
    """What is not committed, or else what the last commit has changed."""
    git = ["git", "-c", f"safe.directory={host.TOP}", "-C", str(host.TOP)]
    names = host.output([*git, "diff", "--name-only", "HEAD"]).split()
    names += host.output([*git, "ls-files", "-o", "--exclude-standard"]).split()
    return names or host.output([*git, "diff", "--name-only", "HEAD^", "HEAD"]).split()


def quick(arguments: argparse.Namespace) -> bool:
    lint.need()

    def checked(job: Job) -> list[verdict.Result]:
        return [verdict.Result(verdict.FAIL if complaints else verdict.PASS, "lint", what)
                for what, complaints in lint.checks(changed_files())]

    lock("vm")
    jobs = plan(matrix.find(arguments.kernel.split()), "vm", Options(divisor=1000000), ["selftests"],
                "lax")
    return run([*jobs, Job("- lint", checked), Job("- native", suites.native)], "vm", arguments.cpus,
               "the smallest counts; ")


def cases(kind: str, arguments: argparse.Namespace) -> bool:
    """Only the cases of one kind of job."""
    host.need()
    kernels = matrix.find(arguments.kernel.split())
    if unknown := set(arguments.case) - set(suites.case_names(kind)):
        raise Failure(f"no case '{' '.join(unknown)}' (there are: {' '.join(suites.case_names(kind))})")
    lock("vm")
    return run(plan(kernels, "vm", Options(cases=arguments.case), [kind], "lax"), "vm",
               arguments.cpus, "")


def bench(arguments: argparse.Namespace) -> bool:
    kernels = matrix.find(arguments.kernel)
    host.need(benchmark.PROGRAMS)
    lock("bench")
    return benchmark.run(kernels)


def mutate(arguments: argparse.Namespace) -> bool:
    chosen = mutants.read_list(arguments.id)
    if arguments.check:
        print(f"{len(chosen)} mutants, {sum(bool(m.equivalent) for m in chosen)} of them equivalent")
        return True
    host.need()
    lock("mutants")
    return mutants.run(chosen)


def packages(arguments: argparse.Namespace) -> bool:
    host.need(deb.PROGRAMS if arguments.check else None)
    jobs = deb.plan(arguments.suite, arguments.check, arguments.arch.split() or [matrix.OWN],
                    arguments.twice)
    lock("deb")
    return run(jobs, "deb", arguments.cpus, "")


def rpm(arguments: argparse.Namespace) -> bool:
    host.need()
    lock("deb")
    return run([Job("trixie rpm", functools.partial(deb.build_rpm, deb.SUITES["trixie"]))], "deb",
               arguments.cpus, "")


def in_guest(kernel: Kernel, command: str, directory: pathlib.Path, arguments: argparse.Namespace) -> int:
    build = Build(kernel, "vm")
    if arguments.build or not (build.dir / "stage.cpio").exists():
        build.make("lax")
    guest = Guest(build, directory, {
        "MODE": "command", "COMMAND": command, "TIMEOUT": arguments.seconds,
        "NOMODULE": int(arguments.without_module) or "", "SPAWNCTL_DIVISOR": arguments.divisor,
    }, arguments.seconds + 60 * kernel.patience, cpus=1 if arguments.alone else arguments.processors,
        arguments=ALONE if arguments.alone else ())

    def heard(line: str) -> None:
        if not line.startswith(f"@{guest.token} "):
            print(line, flush=True)

    channel = guest.run(heard)
    if arguments.console:
        sys.stderr.write("\n".join(guest.console()) + "\n")
    run = channel.runs[0] if channel.runs else None
    if not channel.is_done() or run is None or run.status is None:
        return 125
    faults = run.faults
    if not arguments.without_module:
        faults += [result.text for result in verdict.of_guest(channel, [], "guest")
                   if result.kind == verdict.FAIL]
    for fault in faults:
        say(fault)
    return run.status or int(bool(faults))


def guest(arguments: argparse.Namespace) -> int:
    host.need()
    kernel, = matrix.find([arguments.kernel])
    command = " ".join(arguments.command)
    if arguments.keep:
        return in_guest(kernel, command, BUILD / "guest", arguments)
    with tempfile.TemporaryDirectory(prefix="spawnctl-guest.") as directory:
        return in_guest(kernel, command, pathlib.Path(directory) / "guest", arguments)


def demo(arguments: argparse.Namespace) -> int:
    print(DEMO.format(arguments.kernel), flush=True)
    return guest(arguments)


def secure(arguments: argparse.Namespace) -> bool:
    host.need()
    lock("secure-boot")
    kernels = matrix.find(arguments.kernel or ["6.1", "6.12"])
    jobs = [job for kernel in kernels for job in secure_boot.plan(kernel)]
    return run(jobs, "secure-boot", arguments.cpus, "")


def shell(arguments: argparse.Namespace) -> int:
    host.need()
    kernel, = matrix.find([arguments.kernel])
    build = Build(kernel, "vm")
    build.make("lax")
    with tempfile.TemporaryDirectory(prefix="spawnctl-guest.") as directory:
        guest = Guest(build, pathlib.Path(directory) / "guest", {"MODE": "shell"}, float("inf"),
                      terminal=True)
        return int(not guest.run().is_done())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vmtest", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("-j", "--cpus", type=int, default=max(2, os.cpu_count() or 2),
                        help="how many processors to use; the queue uses one more")

    c = commands.add_parser("check", parents=[common], help="run the tests")
    c.add_argument("-k", "--kernel", default="", help="kernels, separated by spaces")
    c.add_argument("-t", "--test", default="", help="only these test programs (a pattern: 'sto*')")
    c.add_argument("-a", "--all", action="store_true", help="all jobs on all kernels of matrix.toml")
    c.add_argument("--soak", action="store_true", help="the full counts")
    c.add_argument("--repeat", type=int, choices=range(1, 10000), metavar="N", default=1,
                   help="how many times each test program runs")
    c.set_defaults(action=check)

    c = commands.add_parser("quick", parents=[common], help="lint what has changed, test the library "
                            "on this machine, and run the selftests on one kernel with small counts")
    c.add_argument("-k", "--kernel", default=DEFAULT)
    c.set_defaults(action=quick)

    c = commands.add_parser("programs", parents=[common], help="only the tests with real programs")
    c.add_argument("-k", "--kernel", default="6.1")
    c.add_argument("case", nargs="*")
    c.set_defaults(action=functools.partial(cases, "programs"))

    c = commands.add_parser("engines", parents=[common], help="only the tests with container engines")
    c.add_argument("-k", "--kernel", default=DEFAULT)
    c.add_argument("case", nargs="*")
    c.set_defaults(action=functools.partial(cases, "engines"))

    c = commands.add_parser("recipes", parents=[common],
                            help="only the tests of the recipes in other languages")
    c.add_argument("-k", "--kernel", default=DEFAULT)
    c.add_argument("case", nargs="*")
    c.set_defaults(action=functools.partial(cases, "recipes"))

    c = commands.add_parser("bench", help="measure what a spawn costs: tables, report, plots")
    c.add_argument("kernel", nargs="*")
    c.set_defaults(action=bench)

    c = commands.add_parser("mutants", help="build small faults, one at a time: the test named for "
                            "each must fail")
    c.add_argument("--check", action="store_true", help="only check the list")
    c.add_argument("id", nargs="*", help="a pattern ('limit-*')")
    c.set_defaults(action=mutate)

    c = commands.add_parser("deb", parents=[common], help="build Debian's packages, and run lintian")
    c.add_argument("-a", "--arch", default=matrix.OWN, help="cross-build for these architectures")
    c.add_argument("--twice", action="store_true", help="build them again, elsewhere: they must be the same")
    c.add_argument("suite", nargs="*", default=["trixie"])
    c.set_defaults(action=packages, check=False)

    c = commands.add_parser("deb-check", parents=[common], help="run the packages' tests, too")
    c.add_argument("suite", nargs="*", default=list(deb.SUITES))
    c.set_defaults(action=packages, check=True, arch=matrix.OWN, twice=False)

    c = commands.add_parser("rpm", parents=[common], help="build RPM packages, and compare them with "
                            "what the Makefile installs")
    c.set_defaults(action=rpm)

    c = commands.add_parser("guest", help="run a shell command, as root, in a guest with the module "
                            "loaded. Exits with its status, or with 1 if that is 0 and there was a "
                            "fault (kernel log, stuck process, module); 124, 137: it took too "
                            "long, or was killed; 125: no verdict")
    c.add_argument("-k", "--kernel", default=DEFAULT)
    c.add_argument("-n", "--no-build", dest="build", action="store_false")
    c.add_argument("-m", "--without-module", action="store_true")
    c.add_argument("-t", "--seconds", type=int, default=120)
    c.add_argument("-d", "--divisor", type=int, default=DIVISOR)
    c.add_argument("-p", "--processors", type=int, default=2)
    c.add_argument("-i", "--alone", action="store_true", help="one processor, and a clock that "
                   "counts instructions")
    c.add_argument("-c", "--console", action="store_true", help="print the console, too")
    c.add_argument("--keep", action="store_true", help="keep console and channel in build/guest")
    c.add_argument("command", nargs="+")
    c.set_defaults(action=guest)

    c = commands.add_parser("shell", help="an interactive guest with the module loaded")
    c.add_argument("-k", "--kernel", default=DEFAULT)
    c.set_defaults(action=shell)

    c = commands.add_parser("demo", help="show that signals do not disturb a spawn")
    c.add_argument("kernel", nargs="?", default=DEFAULT)
    c.set_defaults(action=demo, command=["/kselftest/spawnctl/demo"], build=True, seconds=300,
                   without_module=False, divisor=DIVISOR, processors=2, alone=False, console=False,
                   keep=False)

    c = commands.add_parser("secure-boot", parents=[common],
                            help="test the signed module under Secure Boot and lockdown")
    c.add_argument("kernel", nargs="*")
    c.set_defaults(action=secure)

    c = commands.add_parser("lint", help="checks that need no guest")
    c.add_argument("file", nargs="*", help="only these, by their names in the checkout")
    c.set_defaults(action=lambda arguments: lint.lint(arguments.file))

    c = commands.add_parser("fuzz-parsers", help="fuzz the parsers of library and command")
    c.add_argument("seconds", nargs="?", type=int, default=30, help="for each parser")
    c.set_defaults(action=lambda arguments: fuzz.run(arguments.seconds))
    return parser.parse_args()


def stop(number: int, frame: object) -> NoReturn:
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main() -> int:
    arguments = parse()
    for number in SIGNALS:
        signal.signal(number, stop)
    # The caller's umask would apply to files in guest images; its locale, to output that is parsed
    os.umask(0o022)
    os.environ["LC_ALL"] = "C"
    # Of a developer who cross-builds kernels
    for name in ("ARCH", "CROSS_COMPILE"):
        os.environ.pop(name, None)
    try:
        status = arguments.action(arguments)
    except (Failure, OSError) as error:
        say(f"error: {error}")
        return 1
    finally:
        host.stop_all()
    return int(not status) if isinstance(status, bool) else int(status)


if __name__ == "__main__":
    sys.exit(main())
