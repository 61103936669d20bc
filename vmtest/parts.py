# SPDX-License-Identifier: GPL-2.0
"""Parts of the cache: a root for each suite and flavour, programs for foreign guests, disks of
programs, kselftest, QEMU, firmware."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import shutil

from . import cache, host
from .host import BUILD, Failure, bootstrap, logged, output, remove, retry
from .matrix import ARCHS, OWN, Arch, Kernel

# The emulator and kselftest are the same for all kernels. QEMU is not the machine's own: before
# 8.1 a virtual CPU could go on with a stale translation of code that another had patched, and a
# kernel that patches its text (static keys, tracepoints, modules) then dies of an int3.
TOOLS_SUITE = "trixie"

ROOT_PACKAGES = """dkms gcc g++ make libc6-dev kmod openssl xz-utils rsync binutils pkg-config
    busybox-static perl-base procps mount util-linux sparse libmnl-dev libjson-c-dev jq""".split()
# Of the architecture that is built for, in a root for a foreign one
FOREIGN_PACKAGES = "libc6-dev libmnl-dev libjson-c-dev".split()
# The packages whose programs a guest has
GUEST_PACKAGES = """bash dash coreutils grep sed findutils kmod perl-base procps mount util-linux
    busybox-static libc-bin base-files base-passwd libmnl0 libjson-c5 jq bsdutils""".split()
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
    libjson-c5 libmnl0 libseccomp-dev linux-perf locales make mount ninja-build pkg-config procps python3
    rustc sed strace systemd trace-cmd udev util-linux valgrind""".split()
# For a foreign guest: what the cases that its kernel names need
FOREIGN_PROGRAM_PACKAGES = """base-files base-passwd bash binutils bsdutils coreutils dash diffutils
    findutils gcc grep kmod libc-bin libc6-dev libelf-dev libjson-c5 libmnl0 make mawk mount ninja-build
    procps python3 sed strace util-linux""".split()
PROGRAM_EXCLUDE = [*DOCUMENTS, "/usr/share/icons/*", "/usr/lib/jvm/*/jmods/*"]
# Java's package fails to install without that directory
MANUAL_HOOK = '--essential-hook=mkdir -p "$1/usr/share/man/man1"'
# Only promtool is taken from Prometheus, which is large; since trixie promtool is a package of its own.
PROGRAM_HOOKS = [
    MANUAL_HOOK,
    """--customize-hook=chroot "$1" sh -euc "cd /tmp
        apt-get -q download promtool || apt-get -q download prometheus
        dpkg-deb --fsys-tarfile prom*.deb | tar -x -C / ./usr/bin/promtool
        rm prom*.deb" """,
]

# Container engines, what makes images for them, and what compiles and runs the recipes
RUNTIME_PACKAGES = """apparmor bash bsdutils busybox-static catatonit coreutils crun dash docker-cli docker.io
    findutils g++ gcc golang-go grep jq kmod libc6-dev libjson-c5 libmnl0 libnode-dev libseccomp-dev make
    mount nodejs openjdk-25-jdk-headless pkg-config podman procps python3 runc rustc sed uidmap
    util-linux""".split()

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


# The headers of a foreign kernel, in a root. They depend on the foreign compiler in most releases,
# so apt installs only what they need of the root's own architecture.
# dpkg-deb --extract could replace the link /lib by a directory.
HEADERS_HOOK = """--customize-hook=chroot "$1" bash -euo pipefail -c '
    cd /tmp
    headers=linux-headers-$(ls /boot | sed -n "s/^vmlinu[xz]-//p")
    apt-get -q download "$headers:{arch}"
    needs=$(dpkg-deb -f "$headers"_*.deb Depends | grep -oE "linux-(headers|kbuild)-[^ ,]*")
    apt-get -q install -y --no-install-recommends $needs
    dpkg-deb --fsys-tarfile "$headers"_*.deb | tar -x --keep-directory-symlink -C /
    rm "$headers"_*.deb' """


def make_root(kernel: Kernel, directory: pathlib.Path) -> None:
    kernels = [f"linux-{what}-{kernel.image}" for what in ("image", "headers")]
    others, options = list(ROOT_PACKAGES), excluded(ROOT_EXCLUDE)
    foreign = [arch for arch in dict.fromkeys((kernel.arch, kernel.user)) if arch != OWN]
    if kernel.is_foreign:
        kernels = [f"linux-image-{kernel.image}:{kernel.arch}"]
        options.append(HEADERS_HOOK.format(arch=kernel.arch))
    if foreign:
        others += [f"gcc-{ARCHS[arch].triplet}" for arch in foreign]
        others += [f"{name}:{kernel.user}" for name in FOREIGN_PACKAGES]
        options.append(f"--architectures={','.join((OWN, *foreign))}")
    sources = []
    if kernel.suite != kernel.base:
        sources = [f"deb {host.mirror()} {kernel.suite} main"]
        # linux-base too, or apt takes the base's own, which is too old
        kernels = [f"{package}/{kernel.suite}" for package in ("linux-base", *kernels)]
    bootstrap(log_of(root_name(kernel)), directory, kernel.base, kernels + others, *options,
              sources=sources)
    release_of(directory, kernel.image)


def root_name(kernel: Kernel) -> str:
    return f"root-{kernel.suite}-{kernel.image}" + (f"-{kernel.userland}" if kernel.userland else "")


def release_of(root: pathlib.Path, flavour: str = OWN) -> str:
    """The kernel of a root, which must be Debian's stock one."""
    releases = [re.sub("^vmlinu[xz]-", "", path.name) for path in (root / "boot").glob("vmlinu[xz]-*")]
    if len(releases) == 1:
        release = releases[0]
        stock = re.fullmatch(rf"[0-9][0-9.]*[0-9](-[0-9]+|\+[a-z0-9+]+)?-{flavour}", release)
        packages = (root / "var/lib/dpkg/status").read_text().splitlines()
        if stock and f"Package: linux-image-{release}" in packages:
            return release
    raise Failure(f"{root}: {' '.join(releases) or 'nothing'} is not a stock {flavour} kernel")


def root(kernel: Kernel) -> cache.Part:
    return cache.Part(
        root_name(kernel), f"the root of {kernel.suite}, {kernel.image} (about 90 s)",
        functools.partial(make_root, kernel),
        (kernel.suite, kernel.base, kernel.image, kernel.arch, kernel.user, ARCHS[kernel.arch],
         ARCHS[kernel.user], ROOT_PACKAGES, ROOT_EXCLUDE, FOREIGN_PACKAGES, HEADERS_HOOK)
        if kernel.user != OWN else
        (kernel.suite, kernel.base, kernel.image, ROOT_PACKAGES, ROOT_EXCLUDE),
    )


# Before bookworm's successor no package has these links
USR_HOOK = ('--setup-hook=for d in bin lib sbin; do mkdir -p "$1/usr/$d" && '
            '{ [ -e "$1/$d" ] || ln -s "usr/$d" "$1/$d"; }; done')


# What kmod loads without being linked to it
KMOD_LIBRARIES = ["liblzma5", "libzstd1"]


def make_userland(suite: str, arch: str, directory: pathlib.Path) -> None:
    extract(log_of(f"userland-{suite}-{arch}"), directory, suite, arch, GUEST_PACKAGES + KMOD_LIBRARIES)


def extract(log: pathlib.Path, directory: pathlib.Path, suite: str, arch: str,
            packages: list[str]) -> None:
    """Not installed: nothing of another architecture can run here."""
    bootstrap(log, directory, suite, packages, f"--architectures={arch}", *excluded(DOCUMENTS), USR_HOOK,
              variant="extract")
    for name in ("passwd", "group"):
        shutil.copy(directory / f"usr/share/base-passwd/{name}.master", directory / "etc" / name)


def userland(kernel: Kernel) -> cache.Part:
    """The programs of a foreign guest."""
    return cache.Part(
        f"userland-{kernel.base}-{kernel.user}", f"programs of {kernel.base}, {kernel.user} (about 30 s)",
        functools.partial(make_userland, kernel.base, kernel.user),
        (kernel.base, kernel.user, GUEST_PACKAGES, KMOD_LIBRARIES, DOCUMENTS, USR_HOOK),
    )


def make_disk(kernel: Kernel, objtool: pathlib.Path, image: pathlib.Path) -> None:
    directory = image.with_name(image.name + ".dir")
    log = log_of(f"programs-{kernel.base}-{kernel.user}")
    if kernel.is_foreign:
        extract(log, directory, kernel.base, kernel.user, FOREIGN_PROGRAM_PACKAGES)
        (directory / "usr/bin/awk").symlink_to("mawk")
    else:
        bootstrap(log, directory, kernel.base, PROGRAM_PACKAGES, '--aptopt=APT::Install-Recommends "false"',
                  *excluded(PROGRAM_EXCLUDE), *PROGRAM_HOOKS)
    shutil.copytree(objtool, directory / "usr/src/linux", symlinks=True)
    remove_downloads(directory)
    write_image(directory, image)
    remove(directory)


def make_runtimes_root(suite: str, directory: pathlib.Path) -> None:
    bootstrap(log_of(f"runtimes-root-{suite}"), directory, suite, RUNTIME_PACKAGES,
              '--aptopt=APT::Install-Recommends "false"', *excluded(PROGRAM_EXCLUDE), MANUAL_HOOK)
    remove_downloads(directory)


def make_runtimes(root: pathlib.Path, image: pathlib.Path) -> None:
    write_image(root, image)


def remove_downloads(directory: pathlib.Path) -> None:
    for used in ("var/cache/apt", "var/lib/apt/lists"):
        remove(directory / used)


def write_image(directory: pathlib.Path, image: pathlib.Path) -> None:
    """A disk image with what is in the directory."""
    size = int(output(["du", "-sm", directory]).split()[0])
    logged(log_of(f"disk-{image.name}"),
           ["mke2fs", *DISK_OPTIONS, "-d", directory, image, f"{size + size // 8 + 64}M"])


def programs(kernel: Kernel) -> cache.Part:
    """A disk of the suite's own release: only the kernel is taken from backports."""
    objtool = cache.need(ksft()) / "linux"
    if kernel.is_foreign:
        return cache.Part(
            f"programs-{kernel.base}-{kernel.user}",
            f"a disk of {kernel.base}, {kernel.user}, with gcc, make, python, ... (about 60 s)",
            functools.partial(make_disk, kernel, objtool),
            (kernel.base, kernel.user, FOREIGN_PROGRAM_PACKAGES, DOCUMENTS, USR_HOOK, objtool.parent.name),
            ".ext4",
        )
    return cache.Part(
        f"programs-{kernel.base}",
        f"a disk of {kernel.base} with gcc, gdb, java, rust, ... (about 120 s)",
        functools.partial(make_disk, kernel, objtool),
        (kernel.base, PROGRAM_PACKAGES, PROGRAM_EXCLUDE, PROGRAM_HOOKS, objtool.parent.name),
        ".ext4",
    )


def runtimes_root(kernel: Kernel) -> cache.Part:
    """The recipes are compiled in it, because the compilers are slow in a guest."""
    return cache.Part(
        f"runtimes-root-{kernel.base}",
        f"a root of {kernel.base} with podman, docker, and the compilers of the recipes (about 150 s)",
        functools.partial(make_runtimes_root, kernel.base),
        (kernel.base, RUNTIME_PACKAGES, PROGRAM_EXCLUDE, MANUAL_HOOK),
    )


def runtimes(kernel: Kernel) -> cache.Part:
    """The same as a disk, for the engines and for the recipes."""
    root = cache.need(runtimes_root(kernel))
    return cache.Part(
        f"runtimes-{kernel.base}",
        f"a disk of {kernel.base} with podman, docker, and the compilers of the recipes (about 30 s)",
        functools.partial(make_runtimes, root), (root.name,), ".ext4",
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


def make_qemu(machine: Arch, directory: pathlib.Path) -> None:
    bootstrap(log_of(machine.package), directory, TOOLS_SUITE, [machine.package], variant="extract")
    if not (directory / "usr/bin" / machine.qemu[0]).is_file():
        raise Failure(f"the package has no {machine.qemu[0]}")


def qemu_part(machine: Arch) -> cache.Part:
    return cache.Part(machine.package, f"{machine.package} of {TOOLS_SUITE} (about 20 s)",
                      functools.partial(make_qemu, machine), (TOOLS_SUITE, machine.package))


@functools.cache
def qemu(machine: Arch) -> list[str]:
    """The emulator's command line. It runs on the libraries that it came with."""
    own = os.environ.get("SPAWNCTL_QEMU")
    if own and machine == ARCHS[OWN]:
        return [own, *machine.qemu[1:]]
    usr = cache.need(qemu_part(machine)) / "usr"
    lib = usr / f"lib/{ARCHS[OWN].triplet}"
    command = ["env", f"QEMU_MODULE_DIR={lib / 'qemu'}", str(lib / "ld-linux-x86-64.so.2"), "--library-path",
               f"{lib}:{lib}/pulseaudio:{usr}/lib", str(usr / "bin" / machine.qemu[0]),
               "-L", str(usr / "share/qemu"), "-L", str(usr / "share/seabios")]
    output([*command, "--version"])
    return [*command, *machine.qemu[1:]]


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
