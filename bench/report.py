#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""report.py [--targets FILE] [--machine FILE] OUT KERNELS RECORDS...: prints tables of the
records, and whether the targets are met. The report begins with the lines of the machine's FILE.

RECORDS are files NAME.records, which have lines "@record JSON" among others. KERNELS are
those of META, separated by commas. Writes results.json, report.md and the data for gnuplot
into the directory OUT.
"""
import argparse
import json
import pathlib
import re
import statistics
import sys

CONTENDERS = ["device", "clone3", "clone", "glibc", "musl", "vfork", "clear_sighand", "fork",
              "cpython+preload", "cpython", "none"]
TITLES = {
    "call_to_return": "from call to return",
    "run": "subprocess.run(), from call to return",
    "cpu_time": "of an unrelated fork+exec, parent and child",
    "spawns_per_second": "spawns a second",
    "time_by_vforks": "the time of a spawn, in those of vfork() in the same round",
    "call_to_exec": "from call to exec, of a spawn that does not wait",
    "etxtbsy": "starts of a program just written that found it busy",
    "longest_fault": "the longest fault of a thread in 0.3 s",
}


def read(files):
    records = []
    for file in files:
        for line in pathlib.Path(file).read_text(errors="replace").splitlines():
            if line.startswith("@record "):
                records.append(json.loads(line[len("@record "):]))
    return merged(records)


def merged(records):
    """Merges the rounds of a measurement into one record, with the median as its value"""
    rounds = {}
    for r in records:
        rounds.setdefault((r["kernel"], r["libc"], r["case"], r["contender"], r["metric"],
                           r["unit"]), []).append(r)
    out = []
    for same in rounds.values():
        values = sorted(r["value"] for r in same)
        out.append(same[0] | {"value": statistics.median(values),
                              "repetitions": sum(r["repetitions"] for r in same)})
        if len(same) > 1:
            out[-1] |= {"low": values[0], "high": values[-1]}
    return out


class Results:
    def __init__(self, records, kernels):
        self.records = records
        self.kernels = kernels
        self.value = {}
        for r in records:
            self.value[self.kernel(r), r["case"], r["contender"]] = r["value"]

    def kernel(self, record):
        """
        The name in META that the release begins with, or the release: META may lag behind, and
        it names amd64's kernels only
        """
        for k in self.kernels:
            if record["kernel"].startswith(k + ".") and record["kernel"].endswith("-amd64"):
                return k
        return record["kernel"]

    def find(self, kernel, what):
        case, contender = what.split("/")
        return self.value.get((kernel, case, contender))


def size(value):
    for limit, divisor, suffix in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e3, 1e3, "k")):
        if value >= limit:
            return f"{value / divisor:.4g} {suffix}"
    return f"{value:.4g}"


def tables(results):
    """A list of (title, header, rows)"""
    out = []
    kernels = list(dict.fromkeys(results.kernel(r) for r in results.records))
    for kernel in kernels:
        mine = [r for r in results.records if results.kernel(r) == kernel]
        for metric in dict.fromkeys(r["metric"] for r in mine):
            for unit in dict.fromkeys(r["unit"] for r in mine if r["metric"] == metric):
                some = [r for r in mine if r["metric"] == metric and r["unit"] == unit]
                names = [c for c in CONTENDERS if any(r["contender"] == c for r in some)]
                rows = []
                for case in dict.fromkeys(r["case"] for r in some):
                    cells = {r["contender"]: r for r in some if r["case"] == case}
                    base = cells.get("device") or cells.get("cpython+preload")
                    row = [case]
                    for n in names:
                        if n not in cells:
                            row.append("-")
                        elif base and base["value"]:
                            ratio = cells[n]["value"] / base["value"]
                            row.append(f"{size(cells[n]['value'])} ({ratio:.3g})")
                        else:
                            row.append(size(cells[n]["value"]))
                    rows.append(row)
                release = some[0]["kernel"]
                libc = ", ".join(dict.fromkeys(r["libc"] for r in some))
                # The unit of a count is "1"
                title = f"{release}, {libc}: {TITLES.get(metric, metric)}" + f", {unit}" * (unit != "1")
                out.append((title, ["case"] + names, rows))
    return out


def print_tables(results):
    for title, header, rows in tables(results):
        widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]
        bracketed = any(" (" in cell for row in rows for cell in row)
        print(f"\n{title}{' (in brackets: of the first)' * bracketed}")
        for row in [header] + rows:
            print("  ".join(c.ljust(w) if not i else c.rjust(w)
                            for i, (c, w) in enumerate(zip(row, widths))))


def targets(file, results):
    """A list of (kernel, what, figure, limit, "met" or "missed")"""
    out = []
    for line in pathlib.Path(file).read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        names, first, second, op, limit = line.split()
        names = results.kernels if names == "all" else [
            results.kernels[-1] if n == "newest" else n for n in names.split(",")]
        for kernel in names:
            if kernel not in {k for k, *_ in results.value}:
                continue
            a, b = results.find(kernel, first), results.find(kernel, second)
            ratio = a / b if a and b else None
            met = ratio is not None and (
                ratio <= float(limit) if op == "<=" else ratio >= float(limit))
            out.append((kernel, f"{first} / {second}",
                        "not measured" if ratio is None else f"{ratio:.4f}",
                        f"{op} {limit}", "met" if met else "missed"))
    return out


def print_targets(found):
    for kernel, what, figure, limit, met in found:
        print(f"{kernel:6} {what:42} {figure:>12} {limit:>9}  {met}")


def markdown(results, found, plots, machine):
    lines = ["# spawnctl: measured", ""]
    if machine:
        lines += ["| | |", "| --- | --- |"]
        lines += [f"| {name} | {value} |" for name, _, value in
                  (line.partition(": ") for line in machine)]
        lines.append("")
    if found:
        lines += ["| kernel | ratio | measured | wanted | |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {' | '.join(line)} |" for line in found]
        lines.append("")
    for title, header, rows in tables(results):
        lines += [f"## {title}", "", "In brackets: of the first contender's.", "",
                  "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines.append("")
    lines += [f"![{p.stem}]({p.name})" for p in plots]
    return "\n".join(lines) + "\n"


def plot_data(results, out):
    """Writes the *.dat for plots.gp, one block per contender; returns the plots' paths"""
    made = []
    for name, pattern in (("resident", r"rss-(\d+)"), ("descriptors", r"fds-(\d+)"),
                          ("threads", r"threads-(\d+)")):
        for kernel in results.kernels:
            blocks = []
            for contender in CONTENDERS:
                points = sorted(
                    (int(re.fullmatch(pattern, r["case"])[1]), r["value"])
                    for r in results.records
                    if results.kernel(r) == kernel and r["contender"] == contender
                    and re.fullmatch(pattern, r["case"]))
                if points:
                    blocks.append(f'"{contender}"\n' + "\n".join(f"{x} {y}" for x, y in points))
            if blocks:
                (out / f"{name}-{kernel}.dat").write_text("\n\n\n".join(blocks) + "\n")
                made.append(out / f"{name}-{kernel}.svg")
    bars = []
    for kernel in results.kernels:
        row = [results.find(kernel, f"noop/{c}") for c in CONTENDERS[:8]]
        if any(row):
            bars.append(f"{kernel} " + " ".join(str(v) if v else "nan" for v in row))
    if bars:
        (out / "noop.dat").write_text("kernel " + " ".join(CONTENDERS[:8]) + "\n" +
                                      "\n".join(bars) + "\n")
        made.append(out / "noop.svg")
    return made


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--targets")
    parser.add_argument("--machine", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("kernels")
    parser.add_argument("records", nargs="+")
    args = parser.parse_args()

    results = Results(read(args.records), args.kernels.split(","))
    if not results.records:
        sys.exit("report.py: no records")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps(results.records, indent=1) + "\n")
    found = targets(args.targets, results) if args.targets else []
    plots = plot_data(results, args.out)
    machine = args.machine.read_text().splitlines() if args.machine else []
    (args.out / "report.md").write_text(markdown(results, found, plots, machine))
    if machine:
        print("\n" + "\n".join(machine))
    print_tables(results)
    if found:
        print()
        print_targets(found)


main()
