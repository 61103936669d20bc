#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""breakdown.py KALLSYMS BENCH WHO=LOG...

Prints the instructions of one spawn by phase and by function. LOG has the address of every
instruction while the guest ran "bench trace WHO". It uses the shortest of the traced spawns,
because no interrupt occurred in it.
"""
import bisect
import collections
import re
import subprocess
import sys


class Symbols:
    def __init__(self, kallsyms, program):
        found = {}
        for line in open(kallsyms):
            fields = line.split()
            # Not arm64's marks of code and data
            if len(fields) >= 3 and fields[1] in "tTwW" and not fields[2].startswith("$"):
                name = fields[2] + ("/spawnctl" if fields[3:] == ["[spawnctl]"] else "")
                found.setdefault(int(fields[0], 16), name)
        self.own = {}
        for line in subprocess.check_output(["nm", program], text=True).splitlines():
            fields = line.split()
            if len(fields) == 3 and fields[1] in "tT" and not fields[2].startswith("$"):
                found.setdefault(int(fields[0], 16), fields[2])
                self.own[fields[2]] = int(fields[0], 16)
        self.address = sorted(found)
        self.name = [found[a] for a in self.address]

    def __call__(self, pc):
        i = bisect.bisect_right(self.address, pc) - 1
        return self.name[i] if i >= 0 else "?"


def spawns(log, symbols):
    """The instruction addresses of each spawn"""
    begin, end = symbols.own["trace_begin"], symbols.own["trace_end"]
    pattern = re.compile(r"Trace \d+: 0x[0-9a-f]+ \[[0-9a-f]+/([0-9a-f]+)/")
    current = None
    for line in open(log, errors="replace"):
        match = pattern.match(line)
        if not match:
            continue
        pc = int(match[1], 16)
        if pc == begin:
            current = []
        elif pc == end and current is not None:
            yield current
            current = None
        elif current is not None:
            current.append(pc)


PHASES = [
    "library, before the call", "system call entry", "module, before the clone",
    "kernel_clone, to the child's first instruction", "  of which the module's probe",
    "child, on its way to user space", "child, to execve", "execve, until the old memory is left",
    "execve, waking the caller up", "execve, rest, and the new program", "kernel_clone, end",
    "module, after the clone", "system call exit", "another system call", "library, after",
]

KERNEL = 1 << 63


def phases(pcs, symbols):
    """Counts by phase; a phase ends where the first instruction of the next one begins"""
    names = [symbols(pc) for pc in pcs]
    count = collections.Counter()
    phase = PHASES[0]
    in_probe = False

    def next_phase(pc, name):
        kernel, module = pc & KERNEL, name.endswith("/spawnctl")
        if phase == "library, before the call" and kernel:
            return "system call entry"
        if phase == "system call entry" and not kernel:
            return "library, before the call"    # it was an earlier call
        if phase == "system call entry" and module:
            return "module, before the clone"
        if phase in ("system call entry", "module, before the clone") and name == "kernel_clone":
            return "kernel_clone, to the child's first instruction"
        if phase.startswith("kernel_clone, to") and name.startswith("ret_from_fork"):
            return "child, on its way to user space"
        if phase == "child, on its way to user space" and not kernel:
            return "child, to execve"
        if phase == "child, to execve" and name.endswith("_sys_execve"):
            return "execve, until the old memory is left"
        if phase == "execve, until the old memory is left" and name in (
                "exec_mm_release", "mm_release", "mm_exit_exec_release"):
            return "execve, waking the caller up"
        # The scheduler decides whether the caller or the child runs first.
        if phase == "execve, waking the caller up" and not kernel:
            return "execve, rest, and the new program"
        if phase.startswith("execve, ") and name == "kernel_clone":
            return "kernel_clone, end"
        if phase == "kernel_clone, end" and module:
            return "module, after the clone"
        if phase in ("kernel_clone, end", "module, after the clone") and name.startswith(
                ("syscall_exit_to_user_mode", "exit_to_user_mode", "syscall_return_via_sysret",
                 "syscall_exit_work", "el0_svc")):
            return "system call exit"
        if phase == "system call exit" and not kernel:
            return "library, after"
        if phase == "library, after" and kernel:
            return "another system call"
        if phase == "another system call" and not kernel:
            return "library, after"
        return phase

    for pc, name in zip(pcs, names):
        phase = next_phase(pc, name)
        count[phase] += 1
        if phase.startswith("kernel_clone, to"):
            if name.endswith("/spawnctl"):
                in_probe = True
            elif name.startswith(("__traceiter", "copy_process", "kernel_clone", "wake_up_new")):
                in_probe = False
            if in_probe:
                count["  of which the module's probe"] += 1
    return count


def show(symbols, logs):
    best = {}
    for contender, log in logs:
        found = sorted(spawns(log, symbols), key=len)
        if not found:
            sys.exit(f"breakdown.py: {log} has no spawn in it")
        best[contender] = found[0]
        print(f"{contender}: {len(found)} spawns traced, of {len(found[0])} to {len(found[-1])} "
              f"instructions, the median {len(found[len(found) // 2])}")
    counts = {contender: phases(pcs, symbols) for contender, pcs in best.items()}
    print(f"\n{'phase':52}" + "".join(f"{contender:>12}" for contender in best))
    for phase in PHASES:
        print(f"{phase:52}" + "".join(f"{counts[contender][phase]:12}" for contender in best))
    print(f"{'all':52}" + "".join(f"{len(pcs):12}" for pcs in best.values()))
    # The emulator counts each iteration of a "rep stosb" that clears a page; a processor
    # does not.
    print(f"{'all, with each string instruction counted once':52}" + "".join(
        f"{sum(a != b for a, b in zip(pcs, pcs[1:])):12}" for pcs in best.values()))

    flat = {
        contender: collections.Counter(symbols(pc) for pc in pcs)
        for contender, pcs in best.items()
    }
    first, *others = best
    print(f"\n{'function':52}" + "".join(f"{contender:>12}" for contender in best))
    for name, _ in flat[first].most_common(25):
        print(f"{name:52}" + "".join(f"{flat[contender][name]:12}" for contender in best))
    for other in others:
        more = {name: flat[first][name] - flat[other][name]
                for name in flat[first] | flat[other]}
        print(f"\n{'most of the difference to ' + other:52}{'':>12}")
        for name in sorted(more, key=lambda n: -abs(more[n]))[:40]:
            if more[name]:
                print(f"{name:52}{more[name]:+12}")


show(Symbols(*sys.argv[1:3]), [a.split("=", 1) for a in sys.argv[3:]])
