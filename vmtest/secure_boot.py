# SPDX-License-Identifier: GPL-2.0
"""The module under Secure Boot and lockdown: how DKMS signs it, and whether a guest's kernel loads
it, with DKMS's key enrolled as a Machine Owner Key and without."""

from __future__ import annotations

import dataclasses
import functools
import shutil
from collections.abc import Callable

from . import cache, parts, verdict
from .build import Build, Layer, export_tree, pack
from .guest import Guest
from .host import HERE, TOP
from .jobs import Job
from .matrix import VERSION, Kernel
from .suites import log_failures
from .verdict import FAIL, PASS, Result, Run

GUID = "605dab50-e046-4300-abb6-3dd810dd8b23"
# What each guest adds to the firmware's variables; the guest lockdown boots without UEFI
CASES: dict[str, list[str]] = {
    "lockdown": [], "unenrolled": [], "enrolled": ["--add-mok", GUID, "/mnt/dkms.pem"]}
# init clears the kernel's log, so only the console has them
MESSAGES = ("secureboot: Secure boot enabled", "Kernel is locked down from EFI Secure Boot")


def sign(build: Build) -> list[Result]:
    build.layer.clear()
    build.base()
    export_tree(build.layer.out / "checkout.tar")
    build.layer.enter(build.log("build"), "secure-boot", VERSION, build.release)
    pack(build.stage, build.dir / "stage.cpio")
    return verdict.tap("build", (build.layer.out / "build.tap").read_text().splitlines())


def add_firmware(guest: Guest, variables: list[str]) -> None:
    """The firmware has Microsoft's keys, and starts shim and GRUB from a disk."""
    uefi = cache.need(parts.uefi())
    for name, source in {"BOOT/BOOTX64.EFI": "shim/shimx64.efi.signed",
                         "BOOT/grubx64.efi": "grub/x86_64-efi-signed/grubx64.efi.signed"}.items():
        target = guest.dir / "esp/EFI" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(uefi / "usr/lib" / source, target)
    (guest.dir / "esp/EFI/debian").mkdir()
    layer = Layer([uefi], guest.dir / "layer")
    layer.clear()
    shutil.copy(guest.build.layer.out / "dkms.pem", layer.out)
    layer.command(guest.dir / "vars.log", "/usr/bin/virt-fw-vars", "--sb", "--input",
                  "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "--output", "/mnt/vars.fd", *variables)
    code = uefi / "usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
    guest.arguments = [
        "-machine", "smm=on", "-global", "driver=cfi.pflash01,property=secure,value=on",
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}",
        "-drive", f"if=pflash,unit=1,format=raw,file={layer.out / 'vars.fd'}"]


def boot(build: Build, case: str) -> list[Result]:
    guest = Guest(build, build.dir / case, {
        "MODE": "command", "COMMAND": f"/secure-boot-guest {case}", "TIMEOUT": 300, "NOMODULE": 1,
    }, 600)
    guest.put("secure-boot-guest", HERE / "secure-boot-guest")
    guest.put("claim.sh", TOP / "selftests/claim.sh")
    if case == "lockdown":
        guest.append = "lockdown=integrity"
    else:
        add_firmware(guest, CASES[case])
    channel = guest.run()
    run = channel.runs[0] if channel.runs else Run(case)
    results = verdict.judge_skips(verdict.of_script(run, case), ())
    if not channel.is_done():
        results.append(Result(FAIL, case, "(no verdict: the guest panicked, hung or was killed)"))
    if case != "lockdown":
        console = "\n".join(guest.console())
        results.append(Result(PASS if all(text in console for text in MESSAGES) else FAIL, case,
                              "Secure Boot is on, and has enabled lockdown"))
    log_failures(build.kernel.name, run, results)
    return results


def plan(kernel: Kernel) -> list[Job]:
    """The build, and the guests that need it."""
    # In the emulator the firmware and GRUB alone take a minute
    patient = dataclasses.replace(kernel, patience=3)
    # Made in the first job, as this can make a root
    build: Callable[[], Build] = functools.cache(lambda: Build(patient, "secure-boot"))

    def guest(job: Job) -> list[Result]:
        return boot(build(), job.name.split()[1])

    first = Job(f"{kernel.name} signing", lambda job: sign(build()))
    return [first, *(Job(f"{kernel.name} {case}", guest, (first,)) for case in CASES)]
