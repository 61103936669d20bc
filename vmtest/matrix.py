# SPDX-License-Identifier: GPL-2.0
"""Reads matrix.toml (the kernels, the architectures) and META (the version)."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from .host import HERE, TOP, Failure


# The machine that runs the test bench
OWN = "amd64"


@dataclasses.dataclass(frozen=True)
class Arch:
    triplet: str
    multiarch: str = ""
    linux: str = ""
    package: str = ""
    qemu: tuple[str, ...] = ()
    console: str = ""

    @property
    def directory(self) -> str:
        """The name of its directory of libraries."""
        return self.multiarch or self.triplet


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    suite: str
    arch: str = OWN
    userland: str = ""
    flavour: str = ""
    config: str = ""
    patience: int = 1
    jobs: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    skips: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    elsewhere: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def image(self) -> str:
        """The ending of the names of the kernel's packages."""
        return self.flavour or self.arch

    @property
    def is_foreign(self) -> bool:
        return self.arch != OWN

    @property
    def user(self) -> str:
        """The architecture of the guest's programs."""
        return self.userland or self.arch

    @property
    def machine(self) -> Arch:
        return ARCHS[self.arch]

    @property
    def is_debug(self) -> bool:
        return bool(self.config)

    @property
    def base(self) -> str:
        """The release whose C library and programs the suite has."""
        return self.suite.removesuffix("-backports")


def checked(entry: Mapping[str, Any], known: type, what: str) -> dict[str, Any]:
    fields = {field.name for field in dataclasses.fields(known)}
    if unknown := entry.keys() - fields:
        raise Failure(f"matrix.toml: {what}: unknown: {', '.join(sorted(unknown))}")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}


def parse(text: str) -> tuple[list[Kernel], dict[str, Arch], list[str]]:
    matrix = tomllib.loads(text)
    archs = {name: Arch(**checked(entry, Arch, name)) for name, entry in matrix.get("arch", {}).items()}
    kernels = [Kernel(**checked(entry, Kernel, entry.get("name"))) for entry in matrix["kernel"]]
    return kernels, archs, matrix.get("races", [])


KERNELS, ARCHS, RACES = parse((HERE / "matrix.toml").read_text())
# What `make check` runs
CHECKED = [kernel for kernel in KERNELS if kernel.jobs]
# Those of META
STOCK = [kernel for kernel in CHECKED if kernel.user == OWN]
NEWEST = STOCK[-1]


def find(names: Iterable[str], all_of: list[Kernel] = STOCK) -> list[Kernel]:
    """The kernels of these names, or all."""
    by_name = {kernel.name: kernel for kernel in KERNELS} | {"newest": NEWEST}
    for name in (wanted := list(names)):
        if name not in by_name:
            raise Failure(f"no kernel '{name}' (there are: {' '.join(by_name)})")
    return list(dict.fromkeys(by_name[name] for name in wanted)) or all_of


def meta(field: str) -> str:
    for line in (TOP / "META").read_text().splitlines():
        if line.startswith(field + ":"):
            return line.partition(":")[2].strip()
    raise Failure(f"META has no {field}")


VERSION = meta("Version")
