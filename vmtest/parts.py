# SPDX-License-Identifier: GPL-2.0
"""Parts of the cache: a root for each suite and flavour, disks of programs, kselftest, QEMU, firmware."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil

from . import cache, host
from .host import BUILD, Failure, bootstrap, logged, output, remove, retry
from .matrix import Kernel

# The emulator and kselftest are the same for all kernels. QEMU is not the machine's own: before
# 8.1 a virtual CPU could go on with a stale translation of code that another had patched, and a
# kernel that patches its text (static keys, tracepoints, modules) then dies of an int3.
TOOLS_SUITE = "trixie"

ROOT_PACKAGES = """dkms gcc g++ make libc6-dev kmod openssl xz-utils rsync binutils pkg-config
    busybox-static perl-base procps mount util-linux sparse libmnl-dev libjson-c-dev jq""".split()
DOCUMENTS = [f"/usr/share/{d}/*" for d in ("doc", "man", "locale", "info")]
# Drivers that no guest has; they are most of a root
DRIVERS = "gpu net media infiniband scsi staging iio usb hwmon input".split()
ROOT_EXCLUDE = DOCUMENTS + [
    f"{lib}/modules/*/kernel/{d}/*"
    for lib in ("/lib", "/usr/lib")
    for d in ("sound", *(f"drivers/{name}" for name in DRIVERS))
]

PROGRAM_PACKAGES = """bash binutils bpftrace bsdutils bubblewrap coreutils dash
    default-jdk-headless findutils gcc gdb git grep kmod libc6-dev libelf-dev libglib2.0-dev
    libjson-c5 libmnl0 libseccomp-dev linux-perf make mount ninja-build pkg-config procps python3
    rustc sed strace systemd trace-cmd udev util-linux valgrind""".split()
PROGRAM_EXCLUDE = [*DOCUMENTS, "/usr/share/icons/*", "/usr/lib/jvm/*/jmods/*"]
# Java's package fails to install without that directory. Only promtool is taken from Prometheus,
# which is large; since trixie promtool is a package of its own.
PROGRAM_HOOKS = [
    '--essential-hook=mkdir -p "$1/usr/share/man/man1"',
    """--customize-hook=chroot "$1" sh -euc "cd /tmp
        apt-get -q download promtool || apt-get -q download prometheus
        dpkg-deb --fsys-tarfile prom*.deb | tar -x -C / ./usr/bin/promtool
        rm prom*.deb" """,
]

KSFT_FILES = """scripts/subarch.include scripts/checkpatch.pl scripts/spelling.txt
    scripts/const_structs.checkpatch tools/testing/selftests/Makefile
    tools/testing/selftests/lib.mk tools/testing/selftests/run_kselftest.sh
    tools/testing/selftests/kselftest*""".split()
# A C project for the tests with real programs to build
OBJTOOL_FILES = [f"tools/{d}" for d in "objtool build scripts include lib arch/x86".split()]

DISK_OPTIONS = ["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0"]


def excluded(patterns: list[str]) -> list[str]:
    return [f"--dpkgopt=path-exclude={pattern}" for pattern in patterns]


def log_of(name: str) -> pathlib.Path:
    return BUILD / "log" / name


def make_root(kernel: Kernel, directory: pathlib.Path) -> None:
    packages, sources = [f"linux-{what}-{kernel.flavour}" for what in ("image", "headers")], []
    if kernel.suite != kernel.base:
        sources = [f"deb {host.mirror()} {kernel.suite} main"]
        # linux-base too, or apt takes the base's own, which is too old
        packages = [f"{package}/{kernel.suite}" for package in ("linux-base", *packages)]
    bootstrap(log_of(root_name(kernel)), directory, kernel.base, packages + ROOT_PACKAGES,
              *excluded(ROOT_EXCLUDE), sources=sources)
    release_of(directory, kernel.flavour)


def root_name(kernel: Kernel) -> str:
    return f"root-{kernel.suite}-{kernel.flavour}"


def release_of(root: pathlib.Path, flavour: str = "amd64") -> str:
    """The kernel of a root, which must be Debian's stock one."""
    releases = [path.name.removeprefix("vmlinuz-") for path in (root / "boot").glob("vmlinuz-*")]
    if len(releases) == 1:
        release = releases[0]
        stock = re.fullmatch(rf"[0-9][0-9.]*[0-9](-[0-9]+|\+[a-z0-9+]+)?-{flavour}", release)
        packages = (root / "var/lib/dpkg/status").read_text().splitlines()
        if stock and f"Package: linux-image-{release}" in packages:
            return release
    raise Failure(f"{root}: {' '.join(releases) or 'nothing'} is not a stock {flavour} kernel")


def root(kernel: Kernel) -> cache.Part:
    return cache.Part(
        root_name(kernel), f"the root of {kernel.suite}, {kernel.flavour} (about 90 s)",
        functools.partial(make_root, kernel),
        (kernel.suite, kernel.base, kernel.flavour, ROOT_PACKAGES, ROOT_EXCLUDE),
    )


def make_disk(suite: str, objtool: pathlib.Path, image: pathlib.Path) -> None:
    directory = image.with_name(image.name + ".dir")
    bootstrap(log_of(f"programs-{suite}"), directory, suite, PROGRAM_PACKAGES,
              '--aptopt=APT::Install-Recommends "false"', *excluded(PROGRAM_EXCLUDE), *PROGRAM_HOOKS)
    shutil.copytree(objtool, directory / "usr/src/linux", symlinks=True)
    for used in ("var/cache/apt", "var/lib/apt/lists"):
        remove(directory / used)
    size = int(output(["du", "-sm", directory]).split()[0])
    logged(log_of(f"disk-{suite}"),
           ["mke2fs", *DISK_OPTIONS, "-d", directory, image, f"{size + size // 8 + 64}M"])
    remove(directory)


def programs(kernel: Kernel) -> cache.Part:
    """A disk of the suite's own release: only the kernel is taken from backports."""
    objtool = cache.need(ksft()) / "linux"
    return cache.Part(
        f"programs-{kernel.base}",
        f"a disk of {kernel.base} with gcc, gdb, java, rust, ... (about 120 s)",
        functools.partial(make_disk, kernel.base, objtool),
        (kernel.base, PROGRAM_PACKAGES, PROGRAM_EXCLUDE, PROGRAM_HOOKS, objtool.parent.name),
        ".ext4",
    )


def make_ksft(directory: pathlib.Path) -> None:
    """Cut out of linux-source, by an apt of its own, so that the machine's stays as it is."""
    apt = directory / "apt"
    for made in ("lists/partial", "cache/archives/partial"):
        (apt / made).mkdir(parents=True)
    (apt / "status").touch()
    (apt / "sources.list").write_text(f"deb {host.mirror()} {TOOLS_SUITE} main\n")
    (apt / "apt.conf").write_text(host.apt_conf() + f"""
        Dir::Etc::SourceList "{apt}/sources.list";
        Dir::Etc::SourceParts "/dev/null";
        Dir::Etc::TrustedParts "/usr/share/keyrings";
        Dir::State::Lists "{apt}/lists";
        Dir::State::Status "{apt}/status";
        Dir::Cache "{apt}/cache";
        APT::Sandbox::User "root";
    """)
    environment = os.environ | {"APT_CONFIG": str(apt / "apt.conf")}
    retry(lambda: logged(log_of("ksft"), ["apt-get", "update"], env=environment))
    depends = output(["apt-cache", "depends", "linux-source"], env=environment)
    package = re.search(r"Depends: (\S+)", depends)
    if not package:
        raise Failure(f"{TOOLS_SUITE} has no linux-source")
    download = ["apt-get", "download", package[1]]
    retry(lambda: logged(log_of("ksft"), download, env=environment, cwd=apt))
    tree = directory / "tree"
    tree.mkdir()
    wanted = [f"{package[1]}/{name}" for name in KSFT_FILES + OBJTOOL_FILES]
    logged(log_of("ksft"), ["bash", "-euo", "pipefail", "-c", """
        dpkg-deb --fsys-tarfile "$0"/*.deb | tar -xO --wildcards './usr/src/*.tar.xz' |
            xz -dc -T0 | tar -x -C "$1" --strip-components=1 --wildcards "${@:2}" """,
        apt, tree, *wanted])
    remove(apt)
    for name in OBJTOOL_FILES:
        (directory / "linux" / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).rename(directory / "linux" / name)
    if not (tree / "tools/testing/selftests/kselftest_harness.h").is_file():
        raise Failure("linux-source has no kselftest")


def ksft() -> cache.Part:
    """kselftest's harness, makefiles and runner, and checkpatch: tree/; objtool: linux/."""
    return cache.Part("ksft", f"kselftest of {TOOLS_SUITE}'s linux-source (about 40 s)", make_ksft,
                      (TOOLS_SUITE, KSFT_FILES, OBJTOOL_FILES))


def make_qemu(directory: pathlib.Path) -> None:
    bootstrap(log_of("qemu"), directory, TOOLS_SUITE, ["qemu-system-x86"], variant="extract")
    if not (directory / "usr/bin/qemu-system-x86_64").is_file():
        raise Failure("the package has no qemu-system-x86_64")


def qemu_part() -> cache.Part:
    return cache.Part("qemu", f"qemu of {TOOLS_SUITE} (about 20 s)", make_qemu, (TOOLS_SUITE,))


@functools.cache
def qemu() -> list[str]:
    """The emulator's command line. It runs on the libraries that it came with."""
    if own := os.environ.get("SPAWNCTL_QEMU"):
        return [own]
    usr = cache.need(qemu_part()) / "usr"
    lib = usr / "lib/x86_64-linux-gnu"
    os.environ["QEMU_MODULE_DIR"] = str(lib / "qemu")
    command = [str(lib / "ld-linux-x86-64.so.2"), "--library-path",
               f"{lib}:{lib}/pulseaudio:{usr}/lib", str(usr / "bin/qemu-system-x86_64"),
               "-L", str(usr / "share/qemu"), "-L", str(usr / "share/seabios")]
    output([*command, "--version"])
    return command


def make_uefi(packages: list[str], directory: pathlib.Path) -> None:
    # Only extracted: shim's and GRUB's scripts would look for a machine's disk
    bootstrap(log_of("uefi"), directory, TOOLS_SUITE, packages,
              '--aptopt=APT::Install-Recommends "false"', variant="extract")
    # Not in the package, but made by its script
    (directory / "mnt").mkdir(exist_ok=True)


def uefi() -> cache.Part:
    packages = "base-files coreutils ovmf shim-signed grub-efi-amd64-signed python3-virt-firmware"
    return cache.Part("uefi", f"firmware, shim and GRUB of {TOOLS_SUITE} (about 20 s)",
                      functools.partial(make_uefi, packages.split()), (TOOLS_SUITE, packages))
