# SPDX-License-Identifier: GPL-2.0
"""The cache: parts that take long to make, outside the checkout, and shared by all checkouts.

A part has a hash of its recipe in its name. It is made under another name and marked when it is
whole, so that one that is half-made is never used. A shared lock on its lock file keeps other
processes from replacing it while this one lives. need() waits while another process makes the
part. If others use a part that is too old, need() returns it as it is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import inspect
import os
import pathlib
import re
import threading
import time
from collections.abc import Callable

from .host import CACHE, check_space, number, remove, say

DAYS = number("SPAWNCTL_CACHE_DAYS", 30)
COMPLETE = ".complete"

_threads: dict[pathlib.Path, threading.Lock] = {}
_locks: dict[pathlib.Path, int] = {}
_guard = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    what: str
    make: Callable[[pathlib.Path], None]
    recipe: tuple[object, ...]
    suffix: str = ""

    @functools.cached_property
    def path(self) -> pathlib.Path:
        """Computed once, as the file of the function may be edited meanwhile."""
        function = getattr(self.make, "func", self.make)
        text = inspect.getsource(function) + repr(self.recipe)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return CACHE / f"{self.name}-{digest}{self.suffix}"


def mark(path: pathlib.Path) -> pathlib.Path:
    return path / COMPLETE if path.is_dir() else path


def is_whole(path: pathlib.Path) -> bool:
    return mark(path).exists()


def age_in_days(path: pathlib.Path) -> float:
    return (time.time() - mark(path).stat().st_mtime) / 86400


def is_fresh(path: pathlib.Path) -> bool:
    return is_whole(path) and age_in_days(path) < DAYS


def lock_file(path: pathlib.Path) -> int:
    name = path.name.removeprefix("tmp-")
    return os.open(CACHE / f"lock-{name}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def try_lock(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_old(part: Part) -> None:
    """Old parts of this name. Younger ones can be of a checkout with another recipe."""
    pattern = re.compile(rf"(tmp-)?{re.escape(part.name)}-[0-9a-f]{{16}}(\.[a-z0-9]+)*")
    for path in CACHE.iterdir():
        if path == part.path or not pattern.fullmatch(path.name):
            continue
        if (time.time() - path.stat().st_mtime) / 86400 < DAYS:
            continue
        fd = lock_file(path)
        if try_lock(fd, fcntl.LOCK_EX):
            remove(path)
        os.close(fd)


def make(part: Part) -> None:
    """The caller holds the exclusive lock."""
    path, temporary = part.path, CACHE / f"tmp-{part.path.name}"
    start = time.monotonic()
    check_space(CACHE)
    say(f"making {part.what}")
    remove_old(part)
    remove(temporary)
    part.make(temporary)
    if temporary.is_dir():
        (temporary / COMPLETE).touch()
    if path.is_dir():
        mark(path).unlink(missing_ok=True)
    remove(path)
    temporary.rename(path)
    say(f"made {part.what.partition(' (')[0]} in {time.monotonic() - start:.0f} s")


def need(part: Part) -> pathlib.Path:
    """The part's path. It is made if it is not there, or is old."""
    with _guard:
        own = _threads.setdefault(part.path, threading.Lock())
    with own:
        if part.path in _locks:
            return part.path
        CACHE.mkdir(parents=True, exist_ok=True)
        fd = lock_file(part.path)
        try:
            lock(part, fd)
        except BaseException:
            os.close(fd)
            raise
        # Kept open, and so locked, until the process ends
        _locks[part.path] = fd
    return part.path


def lock(part: Part, fd: int) -> None:
    while True:
        if not try_lock(fd, fcntl.LOCK_SH):
            say(f"waiting for the process that makes {part.what.partition(' (')[0]}")
            fcntl.flock(fd, fcntl.LOCK_SH)
        if is_fresh(part.path):
            return
        fcntl.flock(fd, fcntl.LOCK_UN)
        # Does not block: a user of the part holds its lock for long
        if try_lock(fd, fcntl.LOCK_EX):
            with contextlib.ExitStack() as stack:
                stack.callback(fcntl.flock, fd, fcntl.LOCK_UN)
                if not is_fresh(part.path):
                    make(part)
        elif is_whole(part.path):
            fcntl.flock(fd, fcntl.LOCK_SH)
            return
