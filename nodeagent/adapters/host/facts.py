"""What the machine has: processors, memory, pages, addresses; read once at start."""

import os
import platform
import socket
from pathlib import Path

import msgspec

_UNITS = (("Gi", 1 << 20), ("Mi", 1 << 10), ("Ki", 1))


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """The node's hardware and kernel. Sizes in bytes; page sizes as Kubernetes writes them."""

    cpus: int
    memory_bytes: int
    swap_bytes: int
    storage_bytes: int  # of the file system that holds the agent's root folder
    huge_pages: dict[str, int] = {}  # "2Mi" -> bytes reserved
    swap_limits: bool = False
    apparmor: bool = False
    selinux: bool = False
    throttle_paths: tuple[str, ...] = ()
    architecture: str = ""
    ip: str = ""


def read_machine(root: Path) -> Machine:
    """Read /proc and /sys; what the kernel does not tell is 0 or empty."""
    memory = _meminfo()
    storage = os.statvfs(root)
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        memory_bytes=memory.get("MemTotal", 0),
        swap_bytes=memory.get("SwapTotal", 0),
        storage_bytes=storage.f_blocks * storage.f_frsize,
        huge_pages=_huge_pages(),
        swap_limits=Path("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes").exists()
        or bool(memory.get("SwapTotal", 0)),
        apparmor=_text("/sys/module/apparmor/parameters/enabled") == "Y",
        selinux=Path("/sys/fs/selinux/enforce").exists(),
        throttle_paths=tuple(
            str(p) for p in sorted(Path("/sys/devices/system/cpu").glob("cpu*/thermal_throttle"))
        ),
        architecture={"x86_64": "amd64", "aarch64": "arm64"}.get(
            platform.machine(), platform.machine()
        ),
        ip=_own_address(),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _meminfo() -> dict[str, int]:
    found = {}
    for line in _text("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            found[name] = int(words[0]) * (1024 if words[-1] == "kB" else 1)
    return found


def _huge_pages() -> dict[str, int]:
    found = {}
    for folder in sorted(Path("/sys/kernel/mm/hugepages").glob("hugepages-*kB")):
        size = int(folder.name.removeprefix("hugepages-").removesuffix("kB"))
        count = int(_text(f"{folder}/nr_hugepages") or 0)
        unit, by = next((u, b) for u, b in _UNITS if size % b == 0)
        found[f"{size // by}{unit}"] = count * size * 1024
    return found


def _own_address() -> str:
    """The address that packets to the outside would leave from; nothing is sent to find it."""
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((target, 9))
            except OSError:
                continue
            return str(probe.getsockname()[0])
    return ""
