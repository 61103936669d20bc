# SPDX-License-Identifier: GPL-2.0
"""What runs on one kernel: each function is one kind of job, and returns its results."""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import functools
import os
import pathlib
import re
import sys
from collections.abc import Callable, Sequence

from . import cache, host, parts, verdict
from .build import Build, Layer, export_tree
from .guest import ALONE, Guest
from .host import BUILD, HERE, TOP, Failure, logged, output, remove, say, steps, timed
from .jobs import Job
from .matrix import RACES, STOCK, Kernel
from .verdict import FAIL, PASS, Channel, Result, Run

FAULT_TEST = "spawnctl:fault_test"


@dataclasses.dataclass
class Options:
    tests: Sequence[str] = ()
    divisor: int = 30
    soak: bool = False
    repeat: int = 1
    cases: Sequence[str] = ()
    everything: bool = False
    # All jobs of a kernel, and not only some kinds; plan() sets it
    whole: bool = False


def log_failures(kernel: str, run: Run, results: Sequence[Result]) -> None:
    """At once, with what the test printed before it."""
    failed = [result for result in results if result.kind == FAIL]
    if not failed:
        return
    text = "".join(f"  {kernel}: FAILED: {result}\n" for result in failed)
    # Drop the harness's lines for starts and passes; print the last 60
    shown = [line for line in run.lines if not re.match(r"# ok |# # {2}(RUN|OK)", line)][-60:]
    sys.stderr.write(text + "".join(f"  | {line}\n" for line in shown))


def short(program: str) -> str:
    """storm of spawnctl:storm_test"""
    return re.sub(r"(_test)?(\.sh)?$", "", program.rpartition(":")[2])


def known_programs() -> list[str]:
    return sorted(path.name.removesuffix(".c") for path in (TOP / "selftests").glob("*_test.*")
                  if path.suffix != ".h" and path.stem != "latency_test")


def select(programs: Sequence[str], patterns: Sequence[str]) -> list[str]:
    for pattern in patterns:
        if not any(fnmatch.fnmatch(short(program), pattern) for program in programs):
            raise Failure(f"no test '{pattern}' (there are: {' '.join(map(short, programs))})")
    return [p for p in programs if not patterns or any(fnmatch.fnmatch(short(p), x) for x in patterns)]


def kselftest(build: Build, guest: Guest, job: Job, programs: Sequence[str]) -> list[Result]:
    results: list[Result] = []
    done = 0

    def ended(run: Run) -> None:
        nonlocal done
        done += 1
        job.progress = f"{done} of {len(programs)} test programs"
        steps.append(("test", f"{build.kernel.name} {run.name}", run.seconds))
        found = verdict.of_kselftest(run)
        log_failures(build.kernel.name, run, found)
        results.extend(found)

    listing = guest.dir / "boot/kselftest/kselftest-list.txt"
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text("".join(program + "\n" for program in programs))
    channel = guest.run(ended=ended)
    for run in channel.runs:
        if run.status is None:
            results += verdict.of_kselftest(run)
    results += verdict.of_collection(channel, list(programs))
    results += verdict.of_guest(channel, guest.console(), "guest")
    # -c spawnctl lists no controls, hence only spawnctl:
    if channel.said.get("collection") != [str(sum(name.startswith("spawnctl:") for name in programs))]:
        results.append(Result(FAIL, "guest", "run_kselftest.sh -c does not name all test programs"))
    return results


def is_divided(kernel: Kernel, options: Options) -> bool:
    """Whether the job races has some of the test programs."""
    return options.whole and "races" in kernel.jobs + kernel.all


def cpus(kernel: Kernel, kind: str, options: Options) -> int:
    """The processors of the guest of a job."""
    if kind == "selftests":
        return 1 if is_divided(kernel, options) else 2
    return 2 if kind in ("races", "collection", "detectors") else 1


def share(programs: Sequence[str], kernel: Kernel, kind: str, options: Options) -> list[str]:
    """Those of PROGRAMS that the job KIND runs."""
    return [program for program in programs
            if not is_divided(kernel, options) or (short(program) in RACES) == (kind == "races")]


def selftests(build: Build, job: Job, options: Options) -> list[Result]:
    """All test programs or, in the jobs selftests and races, those that need one processor and those that
    need two: the former run twice as fast on one."""
    kernel, programs = build.kernel, build.programs()
    settings = (TOP / "selftests/settings").read_text()
    usual = int(settings.strip().removeprefix("timeout="))
    timeout, divisor, limit = usual * kernel.patience, options.divisor, 2700 * kernel.patience
    if kernel.is_debug:
        divisor *= 10
        # Only where faults can be put in
        if kernel.config == "debug":
            programs.append(FAULT_TEST)
    if options.soak:
        timeout, divisor, limit = 14400, 1, 43200
    programs = select(programs, options.tests)
    if unknown := set(kernel.elsewhere) - set(map(short, build.programs())):
        raise Failure(f"matrix.toml: {kernel.name}: elsewhere: no test {' '.join(sorted(unknown))}")
    if not (options.tests or options.soak or options.everything):
        programs = [program for program in programs if short(program) not in kernel.elsewhere]
    programs = share(programs, kernel, job.kind, options)
    guest = Guest(build, build.dir / job.kind, {
        "MODE": "tests", "TIMEOUT": timeout + 30, "SPAWNCTL_DIVISOR": divisor,
        "OVERRIDE": timeout if timeout != usual else "", "REPEAT": options.repeat,
    }, limit * options.repeat, cpus=job.cpus)
    results = kselftest(build, guest, job, programs)
    if kernel.config == "debug" and not options.tests:
        results += coverage(build, guest)
    return results


def collection(build: Build, job: Job, options: Options) -> list[Result]:
    """All test programs in one run of kselftest's own runner, with counts divided by 1000."""
    programs = build.programs()
    guest = Guest(build, build.dir / "collection", {
        "MODE": "command", "COMMAND": "run_kselftest.sh -c spawnctl", "TIMEOUT": 1200,
        "SPAWNCTL_DIVISOR": 1000,
    }, 1260)
    channel = guest.run()
    lines = [line for run in channel.runs for line in run.lines]
    passed = sum(bool(re.match(r"ok [0-9]* selftests: spawnctl: ", line)) for line in lines)
    failed = [line for line in lines if line.startswith("not ok ")]
    kind = PASS if passed == len(programs) and not failed else FAIL
    results = [Result(kind, "collection", f"run_kselftest.sh -c spawnctl: {passed} of {len(programs)}")]
    return results + [Result(FAIL, "collection", line) for line in failed]


# The folder that has the cases of such a job
CASES = {"programs": "selftests/programs", "engines": "selftests/containers",
         "recipes": "selftests/recipes"}


def case_names(kind: str) -> list[str]:
    return sorted(p.stem for p in (TOP / CASES[kind]).glob("*.sh") if p.stem != "lib")


def run_cases(build: Build, job: Job, options: Options, kind: str, disk: cache.Part,
              table: Callable[[str, Sequence[str]], str],
              compiled: pathlib.Path | None = None) -> list[Result]:
    """Scripts that make claims, in a whole Debian on a disk. TABLE gets what they print. COMPILED
    becomes build/KIND of the checkout in the guest."""
    cases = list(options.cases) or case_names(kind)
    results: list[Result] = []

    def ended(run: Run) -> None:
        job.progress = f"{run.name} done"
        steps.append(("test", f"{build.kernel.name} {kind}:{run.name}", run.seconds))
        found = verdict.of_script(run, f"{kind}:{run.name}")
        log_failures(build.kernel.name, run, found)
        results.extend(found)

    guest = on_disk(build, build.dir / kind, disk, CASES[kind], cases)
    if compiled:
        guest.put(f"spawnctl/build/{kind}", compiled)
    channel = guest.run(ended=ended)
    ran = {run.name for run in channel.runs if run.status is not None}
    results += [Result(FAIL, f"{kind}:{case}", "(it did not end)") for case in cases if case not in ran]
    lines = [line for run in channel.runs for line in run.lines]
    (guest.dir / "table").write_text(table(build.kernel.name, lines))
    return results + verdict.of_guest(channel, guest.console(), kind)


def programs(build: Build, job: Job, options: Options) -> list[Result]:
    """Unmodified programs, without and with the preload library."""
    options = dataclasses.replace(options, cases=options.cases or build.kernel.programs)
    return run_cases(build, job, options, "programs", parts.programs(build.kernel), programs_table)


def engines(build: Build, job: Job, options: Options) -> list[Result]:
    """Container engines, with their own filters."""
    table = functools.partial(claims_table, [
        "engine", "way to the device", "what makes the child of a preloaded program"])
    return run_cases(build, job, options, "engines", parts.runtimes(build.kernel), table)


def recipes(build: Build, job: Job, options: Options) -> list[Result]:
    """The recipes of examples/, compiled outside of the guest, and unmodified runtimes."""
    layer = Layer([cache.need(parts.runtimes_root(build.kernel))], build.dir / "recipes-layer")
    with timed("build", f"{build.kernel.name} recipes"):
        layer.clear()
        export_tree(layer.out / "checkout.tar")
        layer.enter(build.log("recipes"), "recipes", *(options.cases or case_names("recipes")))
    table = functools.partial(claims_table, ["recipe or runtime", "way", "made by"])
    return run_cases(build, job, options, "recipes", parts.runtimes(build.kernel), table,
                     layer.out / "recipes")


def on_disk(build: Build, directory: pathlib.Path, disk: cache.Part, folder: str,
            cases: Sequence[str], timeout: int = 900, arguments: Sequence[str] = ()) -> Guest:
    """A guest with a disk and the checkout, which runs CASES of FOLDER."""
    drive = ("-drive", f"file={cache.need(disk)},format=raw,if=virtio,readonly=on")
    guest = Guest(build, directory, {
        "MODE": "programs", "TIMEOUT": timeout, "FOLDER": folder, "CASES": " ".join(cases),
    }, 2400, cpus=1, memory=3072, arguments=(*drive, *arguments))
    archive = guest.dir / "checkout.tar"
    export_tree(archive)
    source = guest.dir / "boot/spawnctl"
    source.mkdir()
    output(["tar", "-x", "-C", source, "-f", archive])
    archive.unlink()
    return guest


def claims_table(head: Sequence[str], kernel: str, lines: Sequence[str]) -> str:
    """What the cases have seen, under HEAD."""
    rows = [[f"{kernel}: {head[0]}", *head[1:]]]
    rows += [line.removeprefix("@table ").split("|") for line in lines if line.startswith("@table ")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def programs_table(kernel: str, lines: Sequence[str]) -> str:
    """The numbers that the cases have counted."""
    row = "{:<40} {:>12} {:>12} {:>12}\n"
    text = row.format(f"{kernel}: processes made", "without, by", "with, by", "with, by")
    text += row.format("", "clone", "clone", "the device")
    for line in lines:
        if line.startswith("@table "):
            text += row.format(*line.removeprefix("@table ").split("|"))
    text += f"{kernel + ': one spawn':<40} system calls, by strace -f -c\n"
    for line in lines:
        if line.startswith("@calls "):
            library, kind, total, calls = line.removeprefix("@calls ").split("|")
            kind = "5 file actions" if kind == "actions" else kind
            text += f"{library + ', ' + kind:<40} {total} ({calls})\n"
    return text


def bench_report(limits: pathlib.Path, out: pathlib.Path, *records: pathlib.Path) -> str:
    """What bench/report.py prints: tables, and the limits of a file like bench/gate, in lines that
    end with "met" or "missed". It writes the report into OUT."""
    return output([sys.executable, TOP / "bench/report.py", "--targets", limits, out,
                   ",".join(kernel.name for kernel in STOCK), *records])


def judge(limits: pathlib.Path, records: pathlib.Path) -> list[str]:
    report = bench_report(limits, records.with_suffix(".report"), records)
    return [line for line in report.splitlines() if re.search(" (met|missed)$", line)]


def gate(build: Build, job: Job, options: Options) -> list[Result]:
    """The cost of a spawn, in instructions, against the limits in bench/gate."""
    guest = Guest(build, build.dir / "gate", {
        "MODE": "command", "COMMAND": "/bench/bench -i noop typical filtered", "TIMEOUT": 240,
    }, 300, cpus=1, arguments=ALONE)
    guest.run()
    records = guest.dir / "records"
    records.write_text((guest.dir / "channel.log").read_text(errors="replace").replace("\r", ""))
    results = [Result(PASS if line.endswith(" met") else FAIL, "gate", line)
               for line in judge(TOP / "bench/gate", records)]
    # A control: a limit that no spawn can meet
    impossible = guest.dir / "control"
    impossible.write_text(f"{build.kernel.name} noop/device noop/vfork <= 0.9\n")
    missed = any(line.endswith(" missed") for line in judge(impossible, records))
    return [
        *(results or [Result(FAIL, "gate", "(nothing was measured)")]),
        Result(PASS if missed else FAIL, "gate", "control: a limit that cannot be met is missed"),
    ]


def latency(build: Build, job: Job, options: Options) -> list[Result]:
    """How long the probes take with thousands of births pending, in instructions."""
    guest = Guest(build, build.dir / "latency", {
        "MODE": "command", "COMMAND": "cd /kselftest/spawnctl && ./latency_test", "TIMEOUT": 500,
    }, 560, cpus=1, arguments=ALONE)
    channel = guest.run()
    results = [result for run in channel.runs for result in verdict.of_script(run, "latency")]
    for run in channel.runs:
        log_failures(build.kernel.name, run, results)
        (guest.dir / "table").write_text("".join(f"{line}\n" for line in run.lines if "median" in line))
    return results + verdict.of_guest(channel, guest.console(), "latency")


def reported(name: str, results: Sequence[Result], pattern: str) -> Result:
    found = any(re.search(pattern, f"{result.kind} {result}") for result in results)
    return Result(PASS if found else FAIL, f"bench:{name}", f"a result like '{pattern}'")


def control_guest(build: Build, job: Job, name: str, case: pathlib.Path, cases: Sequence[str],
                  timeout: int) -> list[Result]:
    """Made-up test programs, each of which is CASE under another name."""
    guest = Guest(build, build.dir / name, {"MODE": "tests", "TIMEOUT": 2 * timeout},
                  180 * build.kernel.patience, cpus=job.cpus)
    for program in cases:
        guest.put(f"kselftest/bench/{program}", case)
    (guest.dir / "boot/kselftest/bench/settings").write_text(f"timeout={timeout}\n")
    say(f"{job.name}: failures that follow are made on purpose")
    return kselftest(build, guest, job, [f"bench:{program}" for program in cases])


def controls(build: Build, job: Job, options: Options) -> list[Result]:
    """Guests whose tests hang, crash, warn or lie, and the failure that each must give."""
    cases = "good hang slow warn short mute skips fails crash never".split()
    results = verdict.judge_skips(
        control_guest(build, job, "controls", HERE / "control-case", cases, 4), [])
    good = [result for result in results if result.test == "bench:good"]
    kind = PASS if [result.kind for result in good] == [PASS, PASS] else FAIL
    checked = [Result(kind, "bench:good", "two results, which pass")]
    for name, pattern in {
        "hang": r"^fail bench:hang \(hangs",
        "slow": r"^fail bench:slow \(time-out",
        "warn": r"^fail bench:warn \(kernel log\) .*WARNING: made up",
        "short": r"^fail bench:short .*3 results planned, 1 seen",
        "mute": r"^fail bench:mute .*no plan",
        "skips": r"^fail bench:skips unexpected skip",
        "fails": r"^fail bench:fails a result that fails",
        "crash": r"^fail bench:crash .*ended in the middle",
        "panic": r"^fail guest \(no verdict",
        "never": r"^fail guest \(10 test programs, 8 of them ran",
        "console": r"^fail guest \(console\) .*(WARNING|Call Trace)",
    }.items():
        checked.append(reported(name, results, pattern))

    # A guest that is still running at its limit
    guest = Guest(build, build.dir / "silence",
                  {"MODE": "command", "COMMAND": "sleep 1000", "TIMEOUT": 1000}, 15, cpus=1)
    results = verdict.of_guest(guest.run(), guest.console(), "guest")
    return [*checked, reported("silence", results, r"^fail guest \(no verdict")]


DETECTORS = {
    "debug": [
        (["sleep", "lock", "leak"], {
            "sleep": r"^fail bench:sleep \(kernel log\) .*BUG: sleeping function",
            "lock": r"^fail bench:lock \(kernel log\) .*WARNING: possible circular locking",
            "leak": r"^fail guest \(leak .*lose_memory"}),
        (["undefined", "never"], {"undefined": r"^fail guest \(console\) .*UBSAN",
                                  "panic": r"^fail guest \(no verdict"}),
        (["freed", "never"], {"freed": r"^fail guest \(console\) .*KASAN: slab-use-after-free",
                              "panic": r"^fail guest \(no verdict"}),
    ],
    "race": [
        (["race", "sleep", "lock"], {
            "race": r"^fail bench:race \(kernel log\) .*BUG: KCSAN: data-race",
            "sleep": r"^fail bench:sleep \(kernel log\) .*BUG: sleeping function",
            "lock": r"^fail bench:lock \(kernel log\) .*WARNING: possible circular locking"}),
    ],
}


def detectors(build: Build, job: Job, options: Options) -> list[Result]:
    """Faults that detectors of a debug kernel must report, in guests that must fail."""
    checked = []
    for cases, expected in DETECTORS[build.kernel.config]:
        results = control_guest(build, job, "detectors", HERE / "debug/control-case", cases,
                                60 * build.kernel.patience)
        checked += [reported(name, results, pattern) for name, pattern in expected.items()]
    return checked


def coverage(build: Build, guest: Guest) -> list[Result]:
    """Which lines of the module the guest's tests reached."""
    counts = build.layer.out / "counts"
    remove(counts)
    counts.mkdir(parents=True)
    try:
        output(["tar", "-x", "-C", counts, "-f", guest.dir / "data.tar"])
    except Failure as error:
        return [Result(FAIL, "coverage", f"(the guest sent none: {error})")]
    build.layer.enter(build.log("gcov"), "gcov")
    # FILE LINE REACHED TEXT, of each build. A line is reached if it is in any.
    lines: dict[tuple[str, int], tuple[str, bool]] = {}
    for row in (build.layer.out / "gcov.lines").read_text().splitlines():
        file, line, count, text = row.split("\t", 3)
        reached = lines.get((file, int(line)), ("", False))[1]
        lines[file, int(line)] = text, reached or count != "0"
    missed = {key: text for key, (text, reached) in sorted(lines.items()) if not reached}
    (build.dir / "coverage.txt").write_text(
        "".join(f"{file}:{line}: {text}\n" for (file, line), text in missed.items()))
    # By their text, as lines move. None of the listed is to have been reached.
    seen = {f"{file}: {text}" for (file, _), text in missed.items()}
    listed = {line for line in (HERE / "debug/unreached").read_text().splitlines()
              if line and not line.startswith("#")}
    results = [Result(FAIL, "coverage", f"a line that no test reaches: {line}") for line in seen - listed]
    results += [Result(FAIL, "coverage", f"a listed line that is reached or does not exist: {line}")
                for line in listed - seen]
    total = collections.Counter(file for file, _ in lines)
    not_reached = collections.Counter(file for file, _ in missed)
    results += [Result(PASS, "coverage", f"{file}: {n - not_reached[file]} of {n} lines")
                for file, n in sorted(total.items())]
    return results if lines else [Result(FAIL, "coverage", "(no line of the module)")]


def built(build: Build, job: Job, options: Options) -> list[Result]:
    return build.test()


NATIVE = ("spawn", "spawn_actions", "spawn_files", "spawn_races")
# They need the device, or a cgroup that the test may change
NOT_NATIVE = ("cgroup", "killed_before_it_runs", "no_handler_in_a_filtered_child")


def native(job: Job) -> list[Result]:
    """The library on the kernel of this machine, by the backends that need no module."""
    out, log = BUILD / "native", BUILD / "log/native"
    out.mkdir(parents=True, exist_ok=True)
    ksft = cache.need(parts.ksft()) / "tree/tools/testing/selftests"
    logged(log, ["make", "-C", TOP, "userlib"])
    logged(log, ["make", "-C", TOP / "selftests", f"KSFT={ksft}", f"OUTPUT={out}", out / "program",
                 *(out / f"{name}_test" for name in NATIVE)])
    environment = os.environ | {"LD_LIBRARY_PATH": str(BUILD / "userlib"), "SPAWNCTL_DIVISOR": "1000000"}
    options = [word for name in NOT_NATIVE for word in ("-T", name)] + ["-v", "clone3", "-v", "clone"]
    results = []
    for name in NATIVE:
        run = Run(f"native:{name}_test", status=0)
        try:
            logged(log, [out / f"{name}_test", *options], env=environment, cwd=out)
        except Failure:
            run.status = 1
        run.lines = log.read_text(errors="replace").splitlines()
        results += verdict.of_script(run, run.name)
    return verdict.judge_skips(results, ())


def readme(job: Job) -> list[Result]:
    """The commands of README's "Sixty seconds", in a checkout where nothing was built; then the library
    for another C library, as docs/install.md has it."""
    host.need({"make": "make", "gcc": "gcc", "/usr/include/stdio.h": "libc6-dev", "musl-gcc": "musl-tools"})
    tree, log = BUILD / "readme", BUILD / "log/readme"
    remove(tree)
    tree.mkdir(parents=True)
    export_tree(tree / "checkout.tar")
    output(["tar", "-x", "-C", tree, "-f", tree / "checkout.tar"])
    found = re.search(r"(?ms)^## Sixty seconds.*?\n\n((?: {4}\S.*?\n)+)\n", (TOP / "README.md").read_text())
    if not found:
        raise Failure("README.md has no commands below 'Sixty seconds'")
    logged(log, ["sh", "-ec", found[1]], cwd=tree)
    said = log.read_text(errors="replace")
    results = [Result(PASS if re.search(f"(?m)^{pattern}$", said) else FAIL, "readme", f"prints '{pattern}'")
               for pattern in (r"case +clone3 .* fork", r"noop( +[0-9.]+( [kMG])?)+",
                               r"spawnctl: vfork: clone3 \(device: errno 2\)", "/")]
    library = tree / "build/userlib/libspawnctl.so.0"
    musl, glibc = b"libc.so", b"libc.so.6"
    for compiler, needed, other in (("musl-gcc", musl, glibc), ("gcc", glibc, musl)):
        logged(BUILD / f"log/readme-{compiler}", ["make", f"CC={compiler}"], cwd=tree)
        strings = library.read_bytes().split(b"\0")
        kind = PASS if needed in strings and other not in strings else FAIL
        results.append(Result(kind, "readme", f"make CC={compiler} builds all objects for its C library"))
    return results


KINDS = {"built": built, "selftests": selftests, "races": selftests, "collection": collection,
         "programs": programs, "engines": engines, "recipes": recipes, "gate": gate, "latency": latency,
         "controls": controls, "detectors": detectors}
