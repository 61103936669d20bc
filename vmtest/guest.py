# SPDX-License-Identifier: GPL-2.0
"""One guest: how it is started, heard, and ended."""

from __future__ import annotations

import dataclasses
import fcntl
import pathlib
import secrets
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from . import parts
from .build import Build, pack
from .host import HERE, remove, say, started, steps, tail
from .verdict import BAD_LOG, Channel, Run

# Seconds without a word on the console until a boot is given up
BOOT_SILENCE = 120
# The guest's clock advances with its instructions, so the machine's load has no effect
ALONE = ("-icount", "shift=0,sleep=off")


@dataclasses.dataclass
class Guest:
    """DIR gets console.log, channel.log and data.tar, and, in boot/, what is put over the image.
    CONF is what the guest's init reads. If DIR/esp exists, GRUB on that disk starts the kernel."""

    build: Build
    dir: pathlib.Path
    conf: Mapping[str, object]
    limit: float
    cpus: int = 2
    memory: int = 0
    arguments: Sequence[str] = ()
    append: str = ""
    terminal: bool = False
    # Seconds without a word on the channel until the guest is ended
    silence: float = float("inf")
    token: str = dataclasses.field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        remove(self.dir)
        (self.dir / "boot").mkdir(parents=True)

    def put(self, name: str, source: pathlib.Path) -> None:
        """A file, or a directory, of the image."""
        target = self.dir / "boot" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy(source, target)

    def image(self) -> list[str]:
        """Writes the initramfs. The start of QEMU's arguments."""
        conf = {"TOKEN": self.token, "BAD": BAD_LOG, "NOMODULE": "", "SPAWNCTL_DIVISOR": 1,
                "OVERRIDE": "", "REPEAT": 1}
        conf |= dict(self.conf)
        text = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in conf.items())
        (self.dir / "boot/boot.conf").write_text(text)
        self.put("init", HERE / "init")
        pack(self.dir / "boot", self.dir / "boot.cpio")
        # Whole, even if another process builds
        with self.build.locked(fcntl.LOCK_SH), open(self.dir / "initrd", "wb") as out:
            for part in (self.build.dir / "base.cpio", self.build.dir / "stage.cpio",
                         self.dir / "boot.cpio"):
                with open(part, "rb") as archive:
                    shutil.copyfileobj(archive, out, 1 << 20)
        # KCSAN finds races all over a kernel: those of the module are counted, none ends the guest.
        # TCG shares the machine with other programs: the watchdogs wait longer.
        warn = int(self.build.kernel.config != "race")
        console = self.build.kernel.machine.console
        append = (f"console={console} panic=-1 oops=panic panic_on_warn={warn} log_buf_len=4M "
                  "watchdog_thresh=60 rcupdate.rcu_cpu_stall_timeout=120 rdinit=/init " + self.append)
        esp = self.dir / "esp"
        kernel, initrd = self.build.dir / "vmlinuz", self.dir / "initrd"
        if not esp.is_dir():
            return ["-kernel", str(kernel), "-initrd", str(initrd), "-append", append]
        shutil.copy(kernel, esp)
        shutil.copy(initrd, esp)
        (esp / "EFI/debian/grub.cfg").write_text(f"linux /vmlinuz {append}\ninitrd /initrd\nboot\n")
        return ["-drive", f"file=fat:{esp},format=raw,if=virtio,readonly=on"]

    def ports(self) -> list[str]:
        """The console, and ttyS1 to ttyS3."""
        files = [f"file:{self.dir / name}" for name in ("console.log", "channel.log", "data.tar")]
        files += ["mon:stdio"] if self.terminal else []
        if not self.build.kernel.is_foreign:
            return [word for port in files for word in ("-serial", port)]
        # The machine has one port of its own. If that is no 8250, ttyS0 is a port that is not used.
        own, *others = files
        if self.build.kernel.machine.console != "ttyS0":
            others.insert(0, "null")
        words = ["-serial", own]
        for n, port in enumerate(others):
            kind, _, path = port.partition(":")
            options = {"file": f"file,path={path}", "mon": "stdio,mux=on,signal=off"}.get(kind, kind)
            kind, _, rest = options.partition(",")
            words += ["-chardev", ",".join(filter(None, (kind, f"id=port{n}", rest))),
                      "-device", f"pci-serial,chardev=port{n}"]
        return words

    def command(self, start: list[str]) -> list[str]:
        # Shadow memory, and the detectors' own records
        memory = self.memory or (3072 if self.build.kernel.is_debug else 1536)
        return [
            *parts.qemu(self.build.kernel.machine), "-accel", "tcg", "-smp", str(self.cpus),
            "-m", f"{memory}M", "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot",
            *self.ports(), *start, *self.arguments,
        ]

    def run(self, heard: Callable[[str], None] = lambda line: None,
            ended: Callable[[Run], None] = lambda run: None) -> Channel:
        """Boots, and hears the guest to its end. Now and then a kernel gets stuck on an emulated
        machine before it has come to its first process, and so to anything that is tested: then
        it is booted again."""
        begin = time.monotonic()
        command = self.command(self.image())
        for attempt in (1, 2, 3):
            channel = self.once(command, heard, ended)
            if (self.dir / "channel.log").stat().st_size:
                break
            say(f"{self.build.kernel.name}: the kernel has not come to its first process "
                f"(boot {attempt} of 3)")
            shutil.copy(self.dir / "console.log", self.dir / f"console.stuck-{attempt}")
        if not channel.is_done():
            say(f"{self.build.kernel.name}: the guest gave no verdict; it ended with:")
            sys.stderr.write(tail(self.dir / "console.log") + tail(self.dir / "qemu.log"))
        for name in ("initrd", "boot.cpio", "esp/initrd"):
            (self.dir / name).unlink(missing_ok=True)
        total = time.monotonic() - begin
        steps.append(("boot", self.build.kernel.name, max(0.0, total - sum(r.seconds for r in channel.runs))))
        return channel

    def once(self, command: list[str], heard: Callable[[str], None],
             ended: Callable[[Run], None]) -> Channel:
        channel = Channel(self.token)
        for name in ("channel.log", "console.log"):
            (self.dir / name).write_bytes(b"")
        options: dict[str, object] = {}
        if self.terminal:
            options = {"stdin": None, "stdout": None, "process_group": None}
        with (open(self.dir / "qemu.log", "wb") as log,
              open(self.dir / "channel.log", "rb") as stream,
              started(command, **({"stdout": log, "stderr": log} | options)) as qemu):
            partial = b""
            size, quiet_since = 0, time.monotonic()
            boot_silence = BOOT_SILENCE * self.build.kernel.patience
            deadline = time.monotonic() + self.limit
            while True:
                time.sleep(0.2)
                over = qemu.poll() is not None
                new = stream.read()
                *lines, partial = (partial + new).split(b"\n")
                for line in (raw.decode(errors="replace") for raw in lines):
                    heard(line)
                    if run := channel.hear(line):
                        ended(run)
                now = time.monotonic()
                if over or now > deadline:
                    return channel
                booted = bool(channel.runs or channel.said)
                written = 0 if booted else (self.dir / "console.log").stat().st_size
                if new or written != size:
                    size, quiet_since = written, now
                elif now - quiet_since > (self.silence if booted else boot_silence):
                    say(f"{self.build.kernel.name}: the guest prints nothing: ending it")
                    return channel

    def console(self) -> list[str]:
        return (self.dir / "console.log").read_text(errors="replace").splitlines()
