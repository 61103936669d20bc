# SPDX-License-Identifier: GPL-2.0
"""One kernel's build. The checkout goes into a layer over the suite's root, where DKMS installs
the module (except on "debug", where Kbuild builds it in the tree) and the release's own compiler
builds the rest. What a guest needs of it becomes parts of an initramfs."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import pathlib
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence

from . import cache, parts
from .host import (BUILD, HERE, TOP, Argument, Failure, check_space, logged, output, remove, retry, say,
                   started, tail, timed)
from .matrix import ARCHS, NEWEST, OWN, VERSION, Kernel
from .verdict import FAIL, Result, tap

CHROOT = HERE / "chroot"


class Layer:
    """A layer over one or more roots, the upper first. Its directory out/ is /mnt in there."""

    def __init__(self, roots: list[pathlib.Path], path: pathlib.Path) -> None:
        self.roots, self.path, self.out = roots, path, path / "out"

    def clear(self) -> None:
        remove(self.path)
        self.out.mkdir(parents=True)

    def enter(self, log: pathlib.Path, script: str, *arguments: str) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        shutil.copy2(CHROOT / script, self.out)
        self.command(log, f"/mnt/{script}", *arguments)

    def command(self, log: pathlib.Path, *argv: str) -> None:
        logged(log, self.entered(argv))

    def entered(self, argv: Sequence[Argument], *options: str) -> list[Argument]:
        """The command line that runs ARGV in the layer; OPTIONS are inroot's."""
        roots = ":".join(map(str, self.roots))
        return ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                "--kill-child", HERE / "inroot", *options, roots, self.path, *argv]


def pack(tree: pathlib.Path, archive: pathlib.Path) -> None:
    """Uncompressed: unpacking in the guest takes longer than copying here."""
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    temporary = archive.with_name(archive.name + ".tmp")
    listing = archive.with_name(archive.name + ".names")
    listing.write_text("".join(name + "\0" for name in names))
    with open(listing, "rb") as listed, open(temporary, "wb") as out:
        with started(["cpio", "--null", "--create", "--format=newc", "--owner=0:0", "--quiet"],
                     cwd=tree, stdin=listed, stdout=out) as process:
            if process.wait():
                raise Failure(f"cpio: cannot pack {tree}")
    listing.unlink()
    temporary.rename(archive)


def checkout() -> list[str]:
    """The names of the checkout's files as they are now, uncommitted work included."""
    git = ["git", "-c", f"safe.directory={TOP}", "-C", str(TOP), "ls-files", "-z", "-co",
           "--exclude-standard", "--", ":!build"]
    try:
        names = output(git).split("\0")
    except (Failure, FileNotFoundError):
        names = [str(p.relative_to(TOP)) for p in TOP.rglob("*") if p.is_file()]
        names = [name for name in names if not name.startswith("build/")]
    return [n for n in names if n and ((TOP / n).exists() or (TOP / n).is_symlink())]


def export_tree(archive: pathlib.Path) -> None:
    listing = archive.with_name(archive.name + ".names")
    listing.write_text("".join(name + "\0" for name in checkout()))
    output(["tar", "-C", TOP, "--null", f"--files-from={listing}", "--owner=0", "--group=0",
            "-cf", archive])
    listing.unlink()


def make_debug(kernel: Kernel, root: pathlib.Path, directory: pathlib.Path) -> None:
    """The upper part of a root: what the packages of a kernel and its headers would put there.
    So a module is built for it, and it is booted, as the stock ones are."""
    layer = Layer([root], directory.with_name(directory.name + ".layer"))
    log = parts.log_of(f"kernel-{kernel.name}")
    layer.clear()
    for name in ("base", kernel.config):
        shutil.copy2(HERE / "debug" / f"{name}.config", layer.out)
    retry(lambda: layer.enter(log, "kernel", "fetch"))
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(60):
            made = sum(line.startswith("  ") for line in log.read_text(errors="replace").split("\n"))
            say(f"{kernel.name}: {made} files made")

    threading.Thread(target=tell, daemon=True).start()
    try:
        layer.enter(log, "kernel", "build", kernel.config)
    finally:
        ended.set()
    (layer.out / "tree").rename(directory)
    remove(layer.path)


def debug_kernel(kernel: Kernel, root: pathlib.Path) -> cache.Part:
    files = [CHROOT / "kernel", HERE / "debug/base.config", HERE / f"debug/{kernel.config}.config"]
    return cache.Part(
        f"debug-{kernel.name}", f"the kernel {kernel.name} (7 to 14 minutes on two processors)",
        functools.partial(make_debug, kernel, root),
        (root.name, *(path.read_text() for path in files)),
    )


class Build:
    def __init__(self, kernel: Kernel, where: str) -> None:
        self.kernel = kernel
        self.dir = BUILD / where / kernel.name
        check_space(self.dir)
        with timed("cache", kernel.suite):
            root = cache.need(parts.root(kernel))
            self.roots, self.release = [root], parts.release_of(root, kernel.image)
            if kernel.is_debug:
                upper = cache.need(debug_kernel(kernel, root))
                self.roots.insert(0, upper)
                self.release = next((upper / "usr/lib/modules").iterdir()).name
            if kernel.user != OWN:
                self.userland = cache.need(parts.userland(kernel))
            self.ksft = cache.need(parts.ksft()) / "tree"
        self.layer = Layer(self.roots, self.dir / "layer")
        self.stage = self.layer.out / "stage"

    @contextlib.contextmanager
    def locked(self, how: int) -> Iterator[None]:
        with open(self.dir / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, how)
            yield

    def log(self, name: str) -> pathlib.Path:
        return self.dir / "log" / name

    def made_over(self) -> str:
        """The roots, each as it was made the last time."""
        roots = [*self.roots, self.userland] if self.kernel.user != OWN else self.roots
        return "".join(f"{root} {cache.mark(root).stat().st_mtime_ns}\n" for root in roots)

    def cross(self) -> list[str]:
        """How the kernel's module and the programs are cross-built, if they are."""
        kernel, user = self.kernel, ARCHS[self.kernel.user]
        if kernel.user == OWN:
            return []
        module = [kernel.machine.linux, kernel.machine.triplet] if kernel.is_foreign else ["", ""]
        return [*module, user.triplet, user.directory]

    def base(self) -> None:
        """The part of the initramfs that comes from the roots alone."""
        foreign = self.kernel.user != OWN
        packages = () if foreign else parts.GUEST_PACKAGES
        text = self.made_over() + (CHROOT / "base").read_text() + str(packages)
        key = hashlib.sha256(text.encode()).hexdigest()
        mark = self.dir / "base.key"
        if mark.exists() and mark.read_text() == key:
            return
        layer = Layer(self.roots, self.dir / "base")
        layer.clear()
        if foreign:
            output(["cp", "-a", f"{self.userland}/.", layer.out / "tree"])
        layer.enter(self.log("base"), "base", self.release, *packages)
        pack(layer.out / "tree", self.dir / "base.cpio")
        image, = (self.roots[0] / "boot").glob(f"vmlinu[xz]-{self.release}")
        shutil.copy(image, self.dir / "vmlinuz")
        remove(layer.path)
        mark.write_text(key)

    def make(self, mode: str) -> bool:
        """MODE is "strict" (from nothing, and all must build) or "lax" (a test may be missing).
        Whether all was built."""
        with self.locked(fcntl.LOCK_EX), timed("build", self.kernel.name):
            mark, made_over = self.layer.path / "roots", self.made_over()
            if mode == "strict" or not mark.exists() or mark.read_text() != made_over:
                self.layer.clear()
                mark.write_text(made_over)
            self.base()
            export_tree(self.layer.out / "checkout.tar")
            for old in ("ksft", "stage", "incomplete"):
                remove(self.layer.out / old)
            # With its dates, or make(1) would take all the tests for older than it
            shutil.copytree(self.ksft, self.layer.out / "ksft", symlinks=True)
            self.layer.enter(self.log("build"), "build", VERSION, self.release, mode,
                             str(self.kernel.patience), *self.cross())
            if mode != "strict":
                errors = [line for line in self.log("build").read_text(errors="replace").split("\n")
                          if re.search(r"\berror:|\*\*\*", line)]
                sys.stderr.write("".join(line + "\n" for line in errors))
            pack(self.stage, self.dir / "stage.cpio")
            return not (self.layer.out / "incomplete").exists()

    def test(self) -> list[Result]:
        """The tests of what was built, which need no guest: a disassembler, readelf, DKMS."""
        what = "newest" if self.kernel is NEWEST else ""
        if self.kernel.user != OWN:
            what = ARCHS[self.kernel.user].triplet
        for old in self.layer.out.glob("*.tap"):
            old.unlink()
        self.layer.enter(self.log("built"), "built", VERSION, self.release, what)
        results = []
        for path in sorted(self.layer.out.glob("*.tap")):
            test, lines = f"built:{path.stem}", path.read_text(errors="replace").splitlines()
            results += tap(test, lines)
            results += [Result(FAIL, test, f"(its {line})") for line in lines
                        if line.startswith("status ")]
        return results or [Result(FAIL, "built", f"(no results)\n{tail(self.log('built'))}")]

    def programs(self) -> list[str]:
        """The test programs, by the names that kselftest's runner gives them."""
        return (self.stage / "kselftest/kselftest-list.txt").read_text().split()
