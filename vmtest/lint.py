# SPDX-License-Identifier: GPL-2.0
"""Checks that need no guest. What compares several files is checked each time; what takes long, only
if one of the files that the caller names concerns it."""

from __future__ import annotations

import difflib
import html
import itertools
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence

from . import cache, host, parts
from .build import Layer, checkout, export_tree
from .host import BUILD, TOP, Argument, Failure, output, say, started
from .matrix import STOCK, VERSION

WORK = BUILD / "lint"

# What checkpatch does not look for, by how a file's name starts
IGNORED: dict[str | tuple[str, ...], str] = {
    # As all of the kernel's headers of this kind are written
    "module/trace.h": "OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT",
    "module/compat/": "LINUX_VERSION_CODE,CONSTANT_COMPARISON",
    # The kernel's BIT() is not for programs
    "uapi/": "BIT_MACRO",
    # Variables that are registers
    "userlib/arch/": "LINE_SPACING",
    # posix_spawn(3) returns positive error numbers, and the kernel's macros are not there
    ("userlib/", "selftests/", "examples/", "bench/", "tools/"):
        "USE_NEGATIVE_ERRNO,ENOSYS,BIT_MACRO,VOLATILE,CAMELCASE,PREFER_DEFINED_ATTRIBUTE_MACRO,"
        "NEW_TYPEDEFS,AVOID_EXTERNS,FUNCTION_ARGUMENTS,STATIC_CONST_CHAR_ARRAY,SPLIT_STRING,"
        "PREFER_KERNEL_TYPES",
}
# Phrases that a reader has to read twice: pronouns without an antecedent, passives without an
# agent, "say" for "for example", but not where Python imports it
OBSCURE = (
    r"(?i)\b(he|his|him|himself|whoever|somebody|in vain|to be had)\b|\b(is|are) told\b"
    r"|\b(for|by|of|from|to|than|as|again) who\b|\bwho (asks|writes|sends|reads|waits)\b"
    r"|^(?!from ).*, say,|\(say\b|\bis well[ .,;]"
)
# Flags can be combined in C++
FLAGS = "#include <spawnctl/spawn.h>\n" + "".join(
    f"auto {a} = SPAWNCTL_{a} | SPAWNCTL_{b};\nunsigned int *{b} = &{a};\n" for a, b in (
        ("PIDFD", "NO_WAIT"), ("LIMIT_FLAGS", "LIMIT_RESET"), ("SPAWN_SETSID", "SPAWN_PIDFD")))


def find(pattern: str, but: str = "^$") -> list[str]:
    """Files of the checkout, by their names."""
    return [name for name in checkout()
            if re.search(pattern, name) and not re.search(but, name) and (TOP / name).is_file()]


def read(name: Argument) -> str:
    return (TOP / name).read_text(errors="replace")


def grep(pattern: str, names: Iterable[Argument]) -> str:
    return "\n".join(f"{name}:{n}: {line}" for name in names
                     for n, line in enumerate(read(name).splitlines(), 1) if re.search(pattern, line))


def run(command: str, *more: Argument, cwd: Argument = TOP) -> str:
    """What a command prints that has to succeed and to print nothing."""
    argv = [*command.split(), *more]
    with started(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        text = process.communicate()[0].decode(errors="replace")
    return text or (f"{command}: status {process.returncode}" if process.returncode else "")


def style(names: Iterable[str]) -> str:
    script, text = cache.need(parts.ksft()) / "tree/scripts/checkpatch.pl", ""
    for options, some in itertools.groupby(names, lambda name: [
            f"--ignore={types}" for start, types in IGNORED.items() if name.startswith(start)]):
        text += run("perl", script, "--no-tree", "--strict", "--terse", "--no-summary", *options,
                    "-f", *(TOP / name for name in some), cwd=WORK)
    return re.sub(r"(?m)^.*(root in concatenation|find: .\.?/include).*\n", "", text)


def kernel_warnings() -> str:
    """Of sparse and gcc W=1, about this project's files, not about the kernel's headers."""
    # The newest kernel's headers lack a script that kbuild needs for sparse
    root = cache.need(parts.root(STOCK[-2]))
    layer, log = Layer([root], WORK / "layer"), WORK / "kernel.log"
    layer.clear()
    export_tree(layer.out / "checkout.tar")
    layer.command(log, "/bin/bash", "-c", f"""
        mkdir /root/lint && tar -x -C /root/lint -f /mnt/checkout.tar && make W=1 C=2 CHECK=sparse \
        -C /lib/modules/{parts.release_of(root)}/build M=/root/lint modules""")
    if len(grep("CHECK .*module/", [log]).splitlines()) != len(find(r"^module/.*\.c$")):
        return "sparse did not look at every file"
    return grep(r"(module|uapi)/[a-z_/]*\.[ch]:[0-9]", [log])


def headers_alone() -> str:
    (WORK / "flags.h").write_text(FLAGS)
    headers = find(r"^(uapi|userlib/include)/.*\.h$")
    options = "-Wall -Wextra -pedantic -Iuapi -Iuserlib/include -fsyntax-only"
    return (run(f"gcc -x c -std=c11 {options}", *headers)
            + run(f"g++ -x c++ -std=c++17 {options}", *headers, WORK / "flags.h"))


def parsers_compile() -> str:
    """What only "make fuzz-parsers" builds."""
    return run("gcc -std=gnu11 -Wall -fsyntax-only -Iuapi -Iuserlib -Iuserlib/include -Iuserlib/arch/x86_64 "
               "-Iuserlib/preload", *find(r"^selftests/parsers/.*\.c$"))


def musl_builds() -> str:
    """Without a warning, by the command of docs/PACKAGING.md."""
    host.logged(WORK / "musl.log", ["make", "-C", TOP, "CC=musl-gcc", "O=build/lint/musl"])
    return grep("warning:", [WORK / "musl.log"])


def dead_links(directory: pathlib.Path) -> str:
    """Links to files that do not exist, and to anchors that a page does not have."""
    pages = {path: path.read_text() for path in directory.rglob("*.html")}
    ids = {path: set(re.findall(r'\bid="([^"]*)"', text)) for path, text in pages.items()}
    dead = []
    for path, text in pages.items():
        for link in re.findall(r'\b(?:href|src)="([^"]*)"', text):
            name, _, anchor = html.unescape(link).partition("#")
            target = path.parent / name if name else path
            if re.match("[a-z]+:", name):
                continue
            if not target.exists() or anchor and anchor not in ids.get(target, ()):
                dead.append(f"{path.name}: {link}\n")
    return "".join(dead) if pages else "there is no page"


def html_pages() -> str:
    output(["make", "-s", "-C", TOP, "html"])
    return dead_links(BUILD / "html")


def selinux_compiles() -> str:
    output(["make", "-s", "-C", TOP, "selinux"])
    return "" if (BUILD / "selinux/spawnctl.pp").exists() else "there is no spawnctl.pp"


def spec_is_header() -> str:
    """Specification and header have the same attributes in the same order."""
    sets = read("docs/netlink/spawnctl.yaml").partition("\nattribute-sets:\n")[2]
    specified = [f"SPAWNCTL_A_{attributes.split()[0]}_{name}".upper().replace("-", "_")
                 for attributes in re.split("(?m)^ {4}name: ", re.split("(?m)^[a-z]", sets)[0])[1:]
                 for name in re.findall(r"(?m)^ {8}name: (\S+)", attributes)]
    header = read("uapi/linux/spawnctl_netlink.h")
    declared = re.findall(r"(?m)^\t(SPAWNCTL_A_[A-Z_]*)(?: = 1)*,$", header)
    return "\n".join(difflib.unified_diff(specified, declared, lineterm=""))


def one_version() -> str:
    """The version is META's, and the tested kernels are those of matrix.toml."""
    *most, last = (f"{kernel.name} ({kernel.suite})" for kernel in STOCK)
    tested = re.escape(f"Tested: Debian's {', '.join(most)} and {last}").replace(r"\ ", r"\s+")
    wanted = (("README.md", f"dkms install spawnctl/{VERSION}"), ("README.md", tested),
              ("docs/install.md", f"/usr/src/spawnctl-{VERSION}"),
              ("debian/changelog", rf"\A.*\({VERSION}\)"),
              ("packaging/spawnctl.spec", rf"(?m)^Version: *{VERSION}$"),
              ("META", f"(?m)^Linux-Tested: {' '.join(kernel.name for kernel in STOCK)}$"))
    return "\n".join(f"{name} has no {text}" for name, text in wanted if not re.search(text, read(name)))


def plain_english(names: Iterable[str]) -> str:
    if not re.search(OBSCURE, "a mask for who asks"):
        return "the pattern matches nothing"
    return grep(OBSCURE, (name for name in names if not name.endswith(("/lint", "/lint.py"))))


def need() -> None:
    host.need({name: name for name in "codespell shellcheck cppcheck gcc g++ mandoc mypy pandoc".split()}
              | {"musl-gcc": "musl-tools",
                 "/usr/include/seccomp.h": "libseccomp-dev",
                 "/usr/include/libmnl/libmnl.h": "libmnl-dev",
                 "/usr/share/selinux/devel/Makefile": "selinux-policy-dev"})


def checks(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The name of each check, and its complaints."""
    def chosen(pattern: str, but: str = "^$") -> list[str]:
        return [name for name in find(pattern, but) if not files or name in files]

    WORK.mkdir(parents=True, exist_ok=True)
    # Not the assembler's macros, nor the code of programs that are tested as they are
    c = chosen(r"\.[chS]$", r"/programs/|/(vfork_macro|protection)\.h$")
    texts, python = chosen("", r"^LICENSES/|\.svg$"), chosen(r"\.py$")
    scripts = [name for name in texts if grep("^#!/bin/(ba)?sh|^# shellcheck shell=", [name])]
    bench = chosen("^vmtest/")
    wanted: list[tuple[object, str, Callable[[], str]]] = [
        (c, f"checkpatch --strict, {len(c)} files", lambda: style(c)),
        (chosen("^(module/|uapi/|Kbuild)"), f"sparse and W=1 on {STOCK[-2].name}", kernel_warnings),
        (chosen("^(userlib|uapi|tools)/"), "cppcheck", lambda: run(
            "cppcheck --std=c11 --enable=warning,style,performance,portability "
            "--suppress=unusedStructMember --inline-suppr --error-exitcode=1 --quiet "
            "-Iuapi -Iuserlib -Iuserlib/include -Iuserlib/arch/x86_64 userlib tools")),
        (scripts, "shellcheck", lambda: run("shellcheck -x -P SCRIPTDIR", *scripts)),
        # nd and fo are macros of manual pages; the others are identifiers, and a part of a word
        (texts, "spelling", lambda: run("codespell -q 3 -L nd,fo,filp,parm,inflight,asymmetri", *texts)),
        (texts, "plain English", lambda: plain_english(texts)),
        (python, "lines of Python have at most 110 columns", lambda: grep(".{111}", python)),
        (bench, "mypy --strict", lambda: run(
            "mypy --strict --no-error-summary --cache-dir build/lint/mypy "
            "vmtest")),
        # unittest prints to standard error only, and output() raises that if a test fails
        (bench, "unit tests of the bench", lambda: "".join(
            output([sys.executable, "-m", "unittest", f"vmtest.{test}"], cwd=TOP)
            for test in ("test_vmtest", "test_mutants"))),
        (True, "kernel versions only in compat/", lambda: grep(
            r"LINUX_VERSION_CODE|KERNEL_VERSION\(", find("^(module|userlib|uapi)/", "/compat/"))),
        (True, "each public header compiles alone as C11 and C++17", headers_alone),
        (True, "the parsers that are fuzzed compile", parsers_compile),
        (True, "versions and tested kernels agree", one_version),
        (True, "the netlink specification agrees with the header", spec_is_header),
        (chosen("^(userlib|uapi)/|^Makefile$"), "the library builds with musl", musl_builds),
        (chosen("^selinux/"), "the SELinux policy module compiles", selinux_compiles),
        (chosen(r"\.md$|^(man|docs|examples)/"), "the pages of HTML have no dead link", html_pages),
        (True, "manual pages and examples", lambda: run("selftests/manual.sh")),
    ]
    for _, what, check in (check for check in wanted if check[0]):
        try:
            complaints = check()
        except Failure as failure:
            complaints = str(failure)
        say(f"{what}: NOT clean\n{complaints.rstrip()}" if complaints else f"{what}: clean")
        yield what, complaints


def lint(files: Sequence[str]) -> bool:
    if unknown := set(files) - set(checkout()):
        raise Failure(f"no such file in the checkout: {' '.join(sorted(unknown))}")
    need()
    return not [complaints for _, complaints in checks(files) if complaints]
