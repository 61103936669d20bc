# SPDX-License-Identifier: GPL-2.0
"""Packages: builds Debian's and RPM's, and has autopkgtest run their tests (debian/tests), in a chroot
or, if a test needs a machine of its own, in a guest."""

from __future__ import annotations

import functools
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence

from . import cache, parts, suites, verdict
from .build import Layer, export_tree
from .host import BUILD, TOP, Argument, Failure, remove, say, started, tail
from .jobs import Job
from .matrix import ARCHS, OWN, STOCK, VERSION, Kernel
from .verdict import PASS, Result, Run

PROGRAMS = {"autopkgtest": "autopkgtest", "qemu-img": "qemu-utils"}
# Older releases lack a debhelper that the packages need
SUITES = {kernel.suite: kernel for kernel in STOCK if kernel.suite in ("bookworm", "trixie")}
# What autopkgtest's status says: a test failed; the machine did not come up, or was lost
FAILED, NO_TESTBED = 4, 16
TEST_BEGINS = b"[----------"
# All time limits of autopkgtest, but that of a test, are longer on an emulated machine
TIMES = ("--timeout-factor=5", "--timeout-test=3600")
# autopkgtest uses ttyS0 and ttyS1
APPEND = ("root=/dev/vda rw console=ttyS2 panic=-1 log_buf_len=4M watchdog_thresh=60 "
          "rcupdate.rcu_cpu_stall_timeout=120")


def tests(control: str) -> dict[str, bool]:
    """The tests, and whether each needs a machine of its own."""
    found: dict[str, bool] = {}
    for stanza in control.split("\n\n"):
        for names in re.findall("(?m)^Tests: (.*)", stanza):
            found |= dict.fromkeys(names.split(), "isolation-machine" in stanza)
    return found


def build(kernel: Kernel, arch: str, more: Sequence[str], job: Job) -> list[Result]:
    """The packages into build/deb/SUITE, or SUITE-ARCH if they are cross-built. MORE: "next", to make
    those of the next version into next/; "twice", to compare two builds."""
    name = kernel.suite if arch == OWN else f"{kernel.suite}-{arch}"
    directory = BUILD / "deb" / name
    layer = Layer([cache.need(parts.root(kernel))], BUILD / "deb/layer" / name)
    layer.clear()
    export_tree(layer.out / "checkout.tar")
    layer.enter(BUILD / "deb/log" / name, "deb", arch, *more)
    remove(directory)
    (layer.out / "debs").rename(directory)
    remove(layer.path)
    results = [Result(PASS, "deb", "packages are built, and lintian reports nothing")]
    if "twice" in more:
        results.append(Result(PASS, "deb", "a second build makes the same packages"))
    return results


def build_rpm(kernel: Kernel, job: Job) -> list[Result]:
    """RPM packages into build/rpm, by Debian's rpmbuild."""
    layer = Layer([cache.need(parts.root(kernel))], BUILD / "deb/layer/rpm")
    layer.clear()
    export_tree(layer.out / "checkout.tar")
    layer.enter(BUILD / "deb/log/rpm", "rpm", VERSION)
    remove(BUILD / "rpm")
    (layer.out / "rpms").rename(BUILD / "rpm")
    remove(layer.path)
    return [Result(PASS, "rpm", "packages are built, contain what make installs, and can be installed")]


def machine(layer: Layer, source: pathlib.Path, console: pathlib.Path) -> list[Argument]:
    """Makes a disk. autopkgtest's arguments for a guest that boots from it."""
    directory = console.parent
    shutil.copy(source, layer.out / "packages.dsc")
    layer.enter(directory / "disk.log", "machine", parts.release_of(layer.roots[0]))
    # autopkgtest splits options of QEMU's at spaces, and adds -enable-kvm where it finds /dev/kvm
    command = directory / "qemu-system-x86_64"
    options = ["-accel", "tcg", "-serial", f"file:{console}", "-kernel", f"{layer.out}/kernel",
               "-initrd", f"{layer.out}/initrd", "-append", APPEND]
    command.write_text(
        '#!/bin/sh\nfor a; do shift; [ "$a" = -enable-kvm ] || set -- "$@" "$a"; done\n'
        f'exec {shlex.join(parts.qemu(ARCHS[OWN]))} "$@" {shlex.join(options)}\n')
    command.chmod(0o755)
    return ["qemu", f"--qemu-command={command}", "--cpus=2", "--ram-size=2048",
            "--timeout-reboot=600", layer.out / "disk"]


def autopkgtest(job: Job, log: pathlib.Path, results: pathlib.Path,
                argv: Sequence[Argument]) -> int:
    """Its status. Now and then a kernel gets stuck on an emulated machine before it comes to its
    first process, and so to the test: then it is booted again. Several programs append to LOG."""
    for attempt in (1, 2, 3):
        remove(results)
        with (open(log, "ab") as out,
              started(argv, stdout=out, stderr=subprocess.STDOUT) as process):
            status = process.wait()
        if status not in (0, FAILED):
            say(f"{job.name}: the status of autopkgtest is {status} (attempt {attempt} of 3)")
            sys.stderr.write(tail(log))
        if status != NO_TESTBED or TEST_BEGINS in log.read_bytes():
            break
    return status


def test(kernel: Kernel, name: str, needs_machine: bool, job: Job) -> list[Result]:
    directory = BUILD / "deb-check" / kernel.suite / name
    remove(directory)
    results, console = directory / "results", directory / "console.log"
    layer = Layer([cache.need(parts.root(kernel))], directory / "layer")
    layer.clear()
    packages, = (BUILD / "deb" / kernel.suite).glob("*.changes")
    source, = packages.parent.glob("*.dsc")
    argv: list[Argument] = ["autopkgtest", "--no-auto-control", *TIMES, f"--test-name={name}",
                            f"--output-dir={results}", packages]
    if needs_machine:
        argv += [f"--copy={packages.parent}/next:/mnt/next", "--", *machine(layer, source, console)]
    else:
        # The layer is removed after it
        argv += ["--setup-commands=apt-get update", "--ignore-restrictions=breaks-testbed",
                 "--", "chroot", layer.path / "root"]
        argv = layer.entered(argv, "-o")
    status = autopkgtest(job, directory / "log", results, argv)
    remove(layer.path)
    lines, kernel_log = (path.read_text(errors="replace").splitlines() if path.exists() else []
                         for path in (results / f"{name}-stdout", console))
    found = judge(name, status, lines, kernel_log)
    suites.log_failures(kernel.suite, Run(name, lines), found)
    return found


def judge(name: str, status: int, lines: list[str], kernel_log: list[str]) -> list[Result]:
    run = Run(name, lines, kernel_log, status=1 if status == FAILED else status)
    return verdict.judge_skips(verdict.of_script(run, name), ())


def plan(wanted: Sequence[str], check: bool, archs: Sequence[str] = (OWN,),
         twice: bool = False) -> list[Job]:
    jobs = []
    more = ["next"] * check + ["twice"] * twice
    control = (TOP / "debian/tests/control").read_text() if check else ""
    if unknown := set(wanted) - set(SUITES):
        raise Failure(f"packages are built for {' and '.join(SUITES)} only, not for {unknown}")
    if unknown := set(archs) - set(ARCHS):
        raise Failure(f"unknown architecture: {' '.join(unknown)} (there are: {' '.join(ARCHS)})")
    if twice and set(archs) != {OWN}:
        raise Failure(f"two builds are compared for {OWN} only")
    for kernel in (SUITES[suite] for suite in wanted):
        built = [Job(f"{kernel.suite} deb" + (f" {arch}" if arch != OWN else ""),
                     functools.partial(build, kernel, arch, more)) for arch in dict.fromkeys(archs)]
        first = built[0]
        jobs += built + [
            Job(f"{kernel.suite} {name}", functools.partial(test, kernel, name, guest), (first,))
            for name, guest in tests(control).items()
        ]
    return jobs
