"""The machine as metrics show it, from /proc and /sys."""

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from nodeagent.adapters.host.disk_usage import file_system
from nodeagent.adapters.host.facts import HostFacts
from nodeagent.adapters.host.mounts import parse_mountinfo
from nodeagent.aio.threads import Threads
from nodeagent.model.machine import BlockDevice, Dimm, Disks, Machine, MountedDevice
from nodeagent.model.usage import FileSystem

_MIB = 1 << 20
_FIELDS = (
    "reads", "reads_merged", "sectors_read", "read_ms", "writes", "writes_merged",
    "sectors_written", "write_ms", "in_flight", "io_ms", "weighted_ms",
)  # fmt: skip
_UNUSED = ("loop", "ram", "zram", "fd", "sr")


def booted_at() -> float:
    """When the machine was started, as Unix time; 0.0 where the kernel does not tell."""
    return _started(Path("/proc/stat"))


def own_written(path: str = "/proc/self/io") -> int:
    """Bytes that this process had written to disks; 0 where the kernel does not tell."""
    for line in _text(Path(path)).splitlines():
        name, _, number = line.partition(":")
        if name == "write_bytes":
            return int(number)
    return 0


def read_machine(host: HostFacts, *, top: str = "/") -> Machine:
    """What it is; what the kernel does not tell stays at its default."""
    root = Path(top)
    topology = [
        folder
        for folder in (root / "sys/devices/system/cpu").glob("cpu[0-9]*/topology")
        if (folder / "core_id").exists()
    ]
    packages = {_text(folder / "physical_package_id") for folder in topology}
    cores = {
        (_text(folder / "physical_package_id"), _text(folder / "core_id")) for folder in topology
    }
    return Machine(
        cores=host.cpus,
        physical_cores=len(cores) or host.cpus,
        sockets=len(packages) or 1,
        books=len({_text(f / "book_id") for f in topology} - {""}),
        drawers=len({_text(f / "drawer_id") for f in topology} - {""}),
        memory=host.memory,
        swap=host.swap,
        dimms=_dimms(root / "sys/devices/system/edac/mc"),
        machine_id=host.machine_id,
        system_uuid=host.system_uuid,
        boot_id=host.boot_id,
        kernel=host.kernel,
        os_image=host.os_image,
        started_at=_started(root / "proc/stat"),
    )


def _dimms(folder: Path) -> tuple[Dimm, ...]:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for module in folder.glob("mc*/dimm*"):
        kind = _text(module / "dimm_mem_type")
        counts[kind] += 1
        sizes[kind] += int(_text(module / "size") or 0) * _MIB
    return tuple(Dimm(type=kind, count=counts[kind], capacity=sizes[kind]) for kind in counts)


def _started(stat: Path) -> float:
    for line in _text(stat).splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def read_disks(*, proc: str = "/proc") -> Disks:
    """Disks that are or were in use, and file systems on block devices, each once."""
    devices = []
    with suppress(OSError):
        for line in Path(proc, "diskstats").read_text().splitlines():
            major, minor, name, *numbers = line.split()
            counted = dict(zip(_FIELDS, map(int, numbers), strict=False))
            if not name.startswith(_UNUSED) or counted["reads"] or counted["writes"]:
                devices.append(
                    BlockDevice(major=int(major), minor=int(minor), name=name, **counted)
                )
    return Disks(devices=tuple(devices), mounted=_mounted(proc))


def _mounted(proc: str) -> tuple[MountedDevice, ...]:
    try:
        text = Path(proc, "self/mountinfo").read_bytes().decode(errors="surrogateescape")
    except OSError:
        return ()
    found: dict[str, MountedDevice] = {}
    for mount in parse_mountinfo(text, containing=" /dev/"):
        if not mount.source.startswith("/dev/") or mount.source in found:
            continue
        space = file_system(mount.point)
        if space is not None and space.capacity:
            found[mount.source] = MountedDevice(device=mount.source, space=space)
    return tuple(found.values())


def running_tasks(*, proc: str = "/proc") -> tuple[int, int] | None:
    """How many tasks there are on the machine, and how many there may be; None where not told."""
    try:
        tasks = Path(proc, "loadavg").read_text().split()[3].partition("/")[2]
        return int(tasks), int(Path(proc, "sys/kernel/pid_max").read_text())
    except (OSError, ValueError, IndexError):
        return None


def own_start() -> float:
    """When this process began, as Unix time."""
    ticks = os.sysconf("SC_CLK_TCK")
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + int(fields[19]) / ticks


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def cgroup_of(pid: int | str, *, proc: str = "/proc") -> str:
    """The cgroup of a process below the mount; "" if it is gone, and where its CPU and its memory
    are not counted by the same one."""
    try:
        lines = Path(proc, str(pid), "cgroup").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ""
    found = {}
    for line in lines:
        _, controllers, path = line.split(":", 2)
        found.update(dict.fromkeys(controllers.split(","), path))
    own = found.get("", "")
    memory = found.get("memory", own)
    return memory if found.get("cpu", own) == memory else ""


class HostSpaces:
    """Implements the engine's `Spaces`."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def spaces(self, paths: tuple[str, ...]) -> tuple[FileSystem | None, ...]:
        """By statvfs; None for a path that is not there."""
        return await self._threads.run(lambda: tuple(_space(path) for path in paths))

    async def disks(self) -> Disks:
        """All disks, and how full the file systems on them are."""
        return await self._threads.run(read_disks)

    async def tasks(self) -> tuple[int, int] | None:
        """Tasks on the machine, and how many there may be."""
        return await self._threads.run(running_tasks)


def _space(path: str) -> FileSystem | None:
    return file_system(path) if path else None
