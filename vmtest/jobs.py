# SPDX-License-Identifier: GPL-2.0
"""Jobs from one queue: what others wait for and what takes longest comes first."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from .host import CACHE, Failure, say
from .verdict import FAIL, PASS, SKIP, Result

# Seconds expected of a job that has never run here, by its kind: some have to start early
TYPICAL = {"races": 450.0, "programs": 700.0, "engines": 400.0, "recipes": 170.0, "built": 60.0, "gate": 60.0,
           "controls": 90.0, "readme": 60.0}
UNKNOWN = 300.0
HEARTBEAT = 60.0
TIMES = CACHE / "times.json"


@dataclasses.dataclass(eq=False)
class Job:
    """NAME is "KERNEL WHAT". PROGRESS tells how far it is. CPUS is what the queue counts for it: a
    build, which can use all processors, and some guests with two count as one. Two guests with two
    virtual processors each, on two processors, are more than twice as slow: a virtual processor
    spins while the one that it waits for does not run."""

    name: str
    action: Callable[[Job], list[Result]]
    needs: Sequence[Job] = ()
    cpus: int = 1
    progress: str = ""
    expected: float = UNKNOWN
    known: bool = False
    started: float | None = None
    seconds: float | None = None
    results: list[Result] = dataclasses.field(default_factory=list)
    broken: bool = False

    @property
    def kind(self) -> str:
        return self.name.partition(" ")[2]

    def count(self, kind: str) -> int:
        return sum(result.kind == kind for result in self.results)

    def run(self) -> None:
        self.started = time.monotonic()
        about = f", about {self.expected:.0f} s" if self.known else ""
        say(f"{self.name}: started{about}")
        if failed := [job.name for job in self.needs if job.broken]:
            self.fail(f"(not run, because of {', '.join(failed)})")
        else:
            try:
                self.results = self.action(self)
            except Failure as error:
                self.fail(f"(it ended early) {error}")
            except Exception as error:  # a fault of the test bench ends no other job
                traceback.print_exc()
                self.fail(f"(it ended early) {error!r}")
        if not self.results:
            self.fail("(it has no results)")
        self.seconds = time.monotonic() - self.started
        say(f"{self.name}: {self.count(PASS)} passed, {self.count(FAIL)} failed, "
            f"{self.count(SKIP)} skipped ({self.seconds:.0f} s)")

    def fail(self, text: str) -> None:
        self.broken = True
        self.results = [Result(FAIL, self.kind, text)]
        say(f"{self.name}: FAILED: {text}")

    def status(self) -> str:
        elapsed = time.monotonic() - (self.started or 0)
        about = f" of about {self.expected:.0f}" if self.known else ""
        progress = f", {self.progress}" if self.progress else ""
        return f"{self.name}: {elapsed:.0f}{about} s{progress}"


def read_times() -> dict[str, float]:
    """What jobs took the last time. A file that is not whole is no reason to stop."""
    try:
        times = json.loads(TIMES.read_text())
        return {str(name): float(seconds) for name, seconds in times.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_times(jobs: Sequence[Job]) -> None:
    times = read_times() | {job.name: job.seconds for job in jobs if job.seconds and not job.broken}
    temporary = TIMES.with_name(f"{TIMES.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(times, indent=1, sort_keys=True))
        temporary.rename(TIMES)


class Queue:
    def __init__(self, jobs: Sequence[Job], cpus: int) -> None:
        self.jobs, self.cpus = jobs, cpus
        self.changed = threading.Condition()
        self.waiting = list(jobs)
        self.running: list[Job] = []
        times = read_times()
        for job in jobs:
            job.known = job.name in times
            job.expected = times.get(job.name, TYPICAL.get(job.kind, UNKNOWN))

    def weight(self, job: Job) -> float:
        """The time of the longest chain that begins with it."""
        after = [self.weight(other) for other in self.jobs if job in other.needs]
        return job.expected + max(after, default=0.0)

    def take(self) -> Job | None:
        # One more than there are, as a guest with two is seldom busy with both
        free = self.cpus + 1 - sum(job.cpus for job in self.running)
        ready = [job for job in self.waiting if (job.cpus <= free or not self.running)
                 and all(need.seconds is not None for need in job.needs)]
        return max(ready, key=self.weight) if ready else None

    def work(self) -> None:
        while True:
            with self.changed:
                while not (job := self.take()):
                    if not self.waiting:
                        return
                    self.changed.wait()
                self.waiting.remove(job)
                self.running.append(job)
            job.run()
            with self.changed:
                self.running.remove(job)
                self.changed.notify_all()

    def run(self) -> None:
        threads = [threading.Thread(target=self.work, daemon=True) for _ in range(self.cpus + 1)]
        for thread in threads:
            thread.start()
        told = time.monotonic()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.2)
            if time.monotonic() - told >= HEARTBEAT:
                told = time.monotonic()
                with self.changed:
                    for job in self.running:
                        say(job.status())
