"""What this machine is, read once at start."""

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import msgspec

from nodeagent.adapters.host import proc
from nodeagent.adapters.host.mounts import parse_mountinfo
from nodeagent.adapters.host.oserror import translated

_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "i386": "386",
}
_UNITS = ("Ki", "Mi", "Gi", "Ti")


class HostFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The machine as nodeInfo, capacity and admission need it. Bytes; "" and 0 where unknown.

    `ipv4` and `ipv6` are addresses of the interfaces with the default routes.
    """

    hostname: str
    ipv4: str = ""
    ipv6: str = ""
    cpus: int = 1
    memory: int = 0
    swap: int = 0
    swap_limits: bool = False  # the kernel can limit swap per cgroup
    hugepages: dict[str, int] = {}  # "2Mi" -> bytes set aside
    disk: int = 0  # the file system of the root folder
    cgroup_version: int = 0
    apparmor: bool = False
    selinux: bool = False
    throttle_paths: tuple[str, ...] = ()  # present thermal_throttle folders of CPUs
    boot_id: str = ""
    machine_id: str = ""
    system_uuid: str = ""
    kernel: str = ""
    os_image: str = ""
    architecture: str = ""

    @property
    def capacity(self) -> dict[str, int]:
        """As node status has it, without pods and devices: cpu in milli-units, else bytes."""
        return {
            "cpu": self.cpus * 1000,
            "memory": self.memory,
            "ephemeral-storage": self.disk,
            **{f"hugepages-{size}": total for size, total in self.hugepages.items()},
        }


def read_facts(
    root_folder: str, *, top: str = "/", ipv4_of: Callable[[str], str] = proc.ipv4_of
) -> HostFacts:
    """Read them; blocks for a few milliseconds. `top` is where /proc, /sys and /etc are found.

    HostError where /proc itself cannot be read; anything else missing is only unknown.
    """
    host = Path(top)
    with translated("read", f"{top}proc"):
        memory = proc.meminfo((host / "proc/meminfo").read_text())
        mountinfo = (host / "proc/self/mountinfo").read_text(errors="surrogateescape")
    name = os.uname()
    version, swap_limits = _cgroups(host, mountinfo)
    cpu_folder = host / "sys/devices/system/cpu"
    return HostFacts(
        hostname=(_text(host / "proc/sys/kernel/hostname") or name.nodename).lower(),
        ipv4=ipv4_of(proc.default_interface(_text(host / "proc/net/route"))),
        ipv6=proc.global_ipv6(
            _text(host / "proc/net/if_inet6"),
            proc.default_interface6(_text(host / "proc/net/ipv6_route")),
        ),
        cpus=os.cpu_count() or 1,
        memory=memory.get("MemTotal", 0),
        swap=memory.get("SwapTotal", 0),
        swap_limits=swap_limits,
        hugepages=_hugepages(host / "sys/kernel/mm/hugepages"),
        disk=_disk(root_folder),
        cgroup_version=version,
        apparmor=_text(host / "sys/module/apparmor/parameters/enabled") == "Y"
        and (host / "sys/kernel/security/apparmor").is_dir(),
        selinux=(host / "sys/fs/selinux/enforce").exists(),
        throttle_paths=tuple(sorted(str(p) for p in cpu_folder.glob("cpu[0-9]*/thermal_throttle"))),
        boot_id=_text(host / "proc/sys/kernel/random/boot_id"),
        machine_id=_machine_id(host),
        system_uuid=_system_uuid(host),
        kernel=_text(host / "proc/sys/kernel/osrelease") or name.release,
        os_image=_os_image(host),
        architecture=_ARCHITECTURES.get(name.machine, name.machine),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip(" \n\0")
    except OSError:
        return ""


def _machine_id(host: Path) -> str:
    return _text(host / "etc/machine-id") or _text(host / "var/lib/dbus/machine-id")


def _system_uuid(host: Path) -> str:
    """Of the firmware; machines without one show their machine id."""
    places = ("sys/class/dmi/id/product_uuid", "proc/device-tree/vm,uuid")
    return next((t for place in places if (t := _text(host / place))), _machine_id(host))


def _os_image(host: Path) -> str:
    text = _text(host / "etc/os-release") or _text(host / "usr/lib/os-release")
    for line in text.splitlines():
        if line.startswith("PRETTY_NAME="):
            return " ".join(shlex.split(line.partition("=")[2]))
    return "Linux"


def _hugepages(folder: Path) -> dict[str, int]:
    sizes: dict[int, int] = {}
    for one in folder.glob("hugepages-*kB"):
        kib = int(one.name.removeprefix("hugepages-").removesuffix("kB"))
        sizes[kib] = int(_text(one / "nr_hugepages") or 0)
    return {_size_name(kib): kib * 1024 * count for kib, count in sorted(sizes.items())}


def _size_name(kib: int) -> str:
    unit = 0
    while kib % 1024 == 0 and unit < len(_UNITS) - 1:
        kib, unit = kib // 1024, unit + 1
    return f"{kib}{_UNITS[unit]}"


def _disk(root_folder: str) -> int:
    """Size of the file system that holds the folder, or will hold it."""
    folder = Path(root_folder).absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with translated("measure", str(folder)):
        about = os.statvfs(folder)
    return about.f_blocks * about.f_frsize


def _cgroups(host: Path, mountinfo: str) -> tuple[int, bool]:
    """Version, and whether swap can be limited per cgroup."""
    mounts = parse_mountinfo(mountinfo, containing=" - cgroup")
    v1 = [m for m in mounts if m.fstype == "cgroup" and "name=" not in m.super_options]
    for mount in v1:
        if "memory" in mount.super_options.split(","):
            return 1, (host / mount.point[1:] / "memory.memsw.limit_in_bytes").exists()
    if v1:
        return 1, False
    v2 = next((m for m in mounts if m.fstype == "cgroup2"), None)
    if v2 is None:
        return 0, False
    return 2, next((host / v2.point[1:]).glob("*/memory.swap.max"), None) is not None
