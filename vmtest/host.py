# SPDX-License-Identifier: GPL-2.0
"""The machine that runs the test bench: its programs, its mirror, and how processes are run."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent
CACHE = pathlib.Path(
    os.environ.get("SPAWNCTL_CACHE")
    or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "spawnctl"
)
BUILD = TOP / "build"
START = time.monotonic()
KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What every command of the test bench needs, as PROGRAM or FILE: PACKAGE
PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "cpio": "cpio",
    "xz": "xz-utils",
    "dpkg-deb": "dpkg",
    "unshare": "util-linux",
    "mke2fs": "e2fsprogs",
    str(KEYRING): "debian-archive-keyring",
}
# A root, a layer and an image of it
FREE_SPACE = 4 << 30

Argument = str | os.PathLike[str]


class Failure(Exception):
    """What was asked cannot be done; the text says why."""


def number(name: str, usual: int) -> int:
    text = os.environ.get(name) or str(usual)
    if not text.isdigit() or not int(text):
        raise SystemExit(f"{name}: '{text}' is no number of 1 or more")
    return int(text)


# Where the minutes go: (kind of step, of what, seconds)
steps: list[tuple[str, str, float]] = []


@contextlib.contextmanager
def timed(kind: str, what: str) -> Iterator[None]:
    start = time.monotonic()
    yield
    steps.append((kind, what, time.monotonic() - start))


def say(text: str) -> None:
    # One write: print() would write the end of the line apart, after that of another thread
    sys.stderr.write(f"[{time.monotonic() - START:4.0f}s] {text}\n")


class _Running:
    """All processes of the test bench, each in a process group of its own, so that none outlives it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.processes: set[subprocess.Popen[bytes]] = set()
        self.stopped = False

    def start(self, argv: Sequence[Argument], **options: Any) -> subprocess.Popen[bytes]:
        with self.lock:
            if self.stopped:
                raise Failure("interrupted")
            options = {"stdin": subprocess.DEVNULL, "process_group": 0} | options
            # It dies with the test bench, even if that is killed
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], **options)
            self.processes.add(process)
            return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Kills the process group. SIGTERM is ignored by PID 1 of a namespace, which a command in a
        root is."""
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        with self.lock:
            self.processes.discard(process)

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            running = list(self.processes)
        for process in running:
            self.end(process)


_running = _Running()
stop_all = _running.stop


@contextlib.contextmanager
def started(argv: Sequence[Argument], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = _running.start(argv, **options)
    try:
        yield process
    finally:
        _running.end(process)


def output(argv: Sequence[Argument], **options: Any) -> str:
    """What a command prints, which must succeed."""
    with started(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        out, err = process.communicate()
    if process.returncode:
        raise Failure(f"{argv[0]}: {err.decode(errors='replace').strip()}")
    return out.decode(errors="replace")


def tail(path: pathlib.Path, lines: int = 40) -> str:
    if not path.exists():
        return ""
    last = path.read_text(errors="replace").splitlines()[-lines:]
    return "".join(f"  | {line}\n" for line in last)


def logged(log: pathlib.Path, argv: Sequence[Argument], **options: Any) -> None:
    """Runs a command whose output goes to LOG. A failure prints the end of it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "wb") as out:
        with started(argv, stdout=out, stderr=subprocess.STDOUT, **options) as process:
            status = process.wait()
    if status:
        name = log.relative_to(TOP) if log.is_relative_to(TOP) else log
        sys.stderr.write(tail(log))
        raise Failure(f"{' '.join(map(str, argv[:4]))}: status {status} (all of it: {name})")


def retry(action: Callable[[], None]) -> None:
    """A mirror has bad moments. Three in a row are a failure, never a skip."""
    for attempt in (1, 2, 3):
        try:
            return action()
        except Failure as error:
            if attempt == 3 or _running.stopped:
                raise Failure(f"{error}; tried 3 times. Is the mirror reachable?") from error
            say(f"attempt {attempt} of 3 failed: {error}")
            time.sleep(2 * attempt)


def remove(path: pathlib.Path) -> None:
    """rm does not cross mounts, in case one is there."""
    if path.is_symlink() or path.exists():
        output(["rm", "-rf", "--one-file-system", path])


def check_space(path: pathlib.Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path).free
    if free < FREE_SPACE:
        raise Failure(
            f"{path}: {free >> 20} MiB are free, {FREE_SPACE >> 20} are needed: "
            "free some (SPAWNCTL_CACHE can move the cache)"
        )


def need(extra: dict[str, str] | None = None) -> None:
    """The machine has what the test bench needs, and EXTRA. What is missing is installed."""
    if os.geteuid():
        raise Failure("roots are made and entered with chroot: run this as root")
    if not (shutil.which("dpkg") and shutil.which("apt-get")):
        raise Failure("the bench runs on Debian, or in a container of it: there is no dpkg or apt-get here")
    if output(["dpkg", "--print-architecture"]).strip() != "amd64":
        raise Failure("the bench runs on amd64 only")
    wanted = PROGRAMS | (extra or {})
    missing = [
        package
        for program, package in wanted.items()
        if not (shutil.which(program) or pathlib.Path(program).is_file())
    ]
    if not missing:
        return
    say(f"installing {' '.join(missing)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "--no-install-recommends", *missing]
    log = BUILD / "log" / "apt"
    retry(lambda: logged(log, ["apt-get", "update"], env=environment))
    retry(lambda: logged(log, install, env=environment))


def mirror() -> str:
    """The mirror that this machine itself uses for Debian."""
    found = os.environ.get("SPAWNCTL_MIRROR", "")
    if not found:
        for line in output(["apt-get", "indextargets", "--format", "$(LABEL)|$(REPO_URI)"]).split("\n"):
            if line.startswith("Debian|"):
                found = line.partition("|")[2]
                break
    if not found:
        raise Failure("this machine's apt sources name no Debian mirror: set SPAWNCTL_MIRROR")
    return found.rstrip("/")


def apt_conf() -> str:
    """How this machine fetches (proxies, clock checks), as an apt.conf."""
    wanted = re.compile(r"Acquire::(https?|Check-[A-Za-z-]+|Max-[A-Za-z-]+)(::| )")
    lines = [line for line in output(["apt-config", "dump"]).splitlines() if wanted.match(line)]
    return "\n".join([*lines, 'Acquire::Retries "3";', 'Acquire::Languages "none";', ""])


def bootstrap(log: pathlib.Path, directory: pathlib.Path, suite: str, include: Sequence[str],
              *options: str, sources: Sequence[str] = (), variant: str = "apt") -> None:
    """mmdebstrap. Its mounts are its own, so that none is left if it is killed."""
    conf = directory.with_name(directory.name + ".apt")
    conf.write_text(apt_conf())
    command: list[Argument] = [
        "unshare", "--mount", "--propagation", "private", "mmdebstrap", "--mode=root",
        f"--variant={variant}", "--format=directory", f"--keyring={KEYRING}", f"--aptopt={conf}",
        "--dpkgopt=force-unsafe-io", *options, f"--include={','.join(include)}", suite, directory,
        f"deb {mirror()} {suite} main", *sources,
    ]

    def once() -> None:
        remove(directory)
        logged(log, command, env=os.environ | {"INITRD": "No"})

    retry(once)
    conf.unlink()
