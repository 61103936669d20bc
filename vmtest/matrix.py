# SPDX-License-Identifier: GPL-2.0
"""Reads matrix.toml (the kernels) and META (the version)."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping

from .host import HERE, TOP, Failure


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    suite: str
    flavour: str = "amd64"
    config: str = ""
    patience: int = 1
    jobs: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    skips: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    @property
    def is_debug(self) -> bool:
        return bool(self.config)

    @property
    def base(self) -> str:
        """The release whose C library and programs the suite has."""
        return self.suite.removesuffix("-backports")


def parse(text: str) -> list[Kernel]:
    kernels = []
    known = {field.name for field in dataclasses.fields(Kernel)}
    for entry in tomllib.loads(text)["kernel"]:
        if unknown := entry.keys() - known:
            raise Failure(f"matrix.toml: {entry.get('name')}: unknown: {', '.join(sorted(unknown))}")
        lists = {k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()}
        kernels.append(Kernel(**lists))
    return kernels


KERNELS = parse((HERE / "matrix.toml").read_text())
# Those of META
STOCK = [kernel for kernel in KERNELS if kernel.jobs]
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
