"""Read what `doctor` wants to know of the machine. Looks only; what cannot be read is unknown."""

import ctypes
import ipaddress
import os
import resource
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from nodeagent.core.machine_facts import (
    CgroupFacts,
    DiskFacts,
    HostFacts,
    PortFacts,
)

_UNSYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)
_TIMEX_BYTES = 512  # struct timex has some 208
_LISTENS = "0A"
_ANY = ("0.0.0.0", "::")


def look_at_host(
    *,
    cgroups: CgroupFacts,
    disks: Iterable[DiskFacts],
    ports: Iterable[PortFacts],
    root: Path,
    manifests: Path | None,
    agent: str,
    proc: Path = Path("/proc"),
) -> HostFacts:
    """The facts. `agent` is why no agent answers, "" if one does; `proc` is for tests."""
    net = proc / "sys/net"
    return HostFacts(
        is_root=os.geteuid() == 0,
        now=time.time(),
        clock_synchronized=_is_synchronized(),
        newest_file_at=_newest(root),
        files_limit=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        watches=_number(proc / "sys/fs/inotify/max_user_watches"),
        instances=_number(proc / "sys/fs/inotify/max_user_instances"),
        swap_bytes=swap_bytes(proc / "meminfo"),
        conntrack_used=_number(net / "netfilter/nf_conntrack_count"),
        conntrack_max=_number(net / "netfilter/nf_conntrack_max"),
        forwarding=_flag(net / "ipv4/ip_forward"),
        bridge_filtered=_flag(net / "bridge/bridge-nf-call-iptables"),
        cgroups=cgroups,
        disks=tuple(disks),
        ports=tuple(_with_owners(ports, proc)),
        manifests=str(manifests or ""),
        manifests_trouble=_trouble(manifests) if manifests is not None else "",
        agent=agent,
    )


def disk_facts(use: str, path: Path, *, keep: str, keep_inodes: str) -> DiskFacts | None:
    """The file system of `path`, or of the nearest folder above it that is there.

    `keep` is an eviction threshold: a percentage, or bytes as a whole number of them.
    """
    there = next((one for one in (path, *path.parents) if one.exists()), Path("/"))
    try:
        found = os.statvfs(there)
    except OSError:
        return None
    size = found.f_blocks * found.f_frsize
    return DiskFacts(
        use=use,
        path=str(there),
        free=found.f_bavail / found.f_blocks if found.f_blocks else 1.0,
        free_inodes=found.f_favail / found.f_files if found.f_files else 1.0,
        keep=_share(keep, size),
        keep_inodes=_share(keep_inodes, found.f_files),
    )


def runs_systemd() -> bool:
    """Whether systemd is the machine's first process (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def _share(threshold: str, whole: int) -> float:
    if threshold.endswith("%"):
        return float(threshold[:-1]) / 100
    return int(threshold or 0) / whole if whole else 0.0


def _number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return -1


def _flag(path: Path) -> bool | None:
    found = _number(path)
    return None if found < 0 else found > 0


def swap_bytes(meminfo: Path = Path("/proc/meminfo")) -> int:
    """The machine's swap, 0 where there is none or nobody tells."""
    try:
        lines = meminfo.read_text().splitlines()
    except OSError:
        return 0
    return next((int(one.split()[1]) * 1024 for one in lines if one.startswith("SwapTotal")), 0)


def _is_synchronized() -> bool | None:
    """What the kernel says; None where a sandbox does not let us ask."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _UNSYNCHRONIZED


def _newest(root: Path) -> float:
    try:
        return max((one.stat().st_mtime for one in (root, *root.iterdir())), default=0.0)
    except OSError:
        return 0.0


def _trouble(folder: Path) -> str:
    try:
        if folder.is_dir():
            os.scandir(folder).close()
        else:
            folder.open("rb").close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _with_owners(ports: Iterable[PortFacts], proc: Path) -> Iterator[PortFacts]:
    wanted = list(ports)
    taken = list(_listening(proc)) if wanted else []
    for port in wanted:
        inodes = {
            inode
            for address, number, inode in taken
            if number == port.port and _overlap(address, port.address)
        }
        owner = _owner(inodes, proc) if inodes else ""
        yield PortFacts(
            use=port.use,
            setting=port.setting,
            address=port.address,
            port=port.port,
            taken_by=owner,
        )


def _overlap(one: str, other: str) -> bool:
    return one == other or one in _ANY or other in _ANY


def _listening(proc: Path) -> Iterator[tuple[str, int, str]]:
    """Address, port and inode of every TCP socket that listens."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            address, _, number = fields[1].partition(":")
            if fields[3] == _LISTENS:
                yield _address(address), int(number, 16), fields[9]


def _address(text: str) -> str:
    """Groups of four bytes, each in the machine's own order."""
    raw = bytes.fromhex(text)
    words = [raw[i : i + 4][::-1] for i in range(0, len(raw), 4)]
    return str(ipaddress.ip_address(b"".join(words)))


def _owner(inodes: set[str], proc: Path) -> str:
    """Name and pid of a process that has one of these sockets open."""
    links = {f"socket:[{inode}]" for inode in inodes}
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if any(os.readlink(one) in links for one in (entry / "fd").iterdir()):  # noqa: PTH115
                return f"{(entry / 'comm').read_text().strip()} (pid {entry.name})"
        except OSError:
            continue
    return "another process"
