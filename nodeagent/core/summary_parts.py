"""Pieces of /stats/summary: how figures become its fields."""

from collections.abc import Mapping
from datetime import UTC, datetime

from nodeagent.core.rates import Rate
from nodeagent.model.disk_figures import VolumeUse
from nodeagent.model.summary import (
    ClaimRef,
    CpuStats,
    FsStats,
    InterfaceStats,
    IoStats,
    MemoryStats,
    NetworkStats,
    Psi,
    PsiData,
    SwapStats,
    VolumeFsStats,
)
from nodeagent.model.usage import CgroupReading, FileSystem, Interface, Pressure, Pressures

_DEFAULT_INTERFACE = "eth0"
_IGNORED = ("lo", "veth", "docker", "nerdctl", "cali", "lxc")


def time_text(at: float) -> str:
    """As metav1.Time writes it: whole seconds in UTC."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cpu_of(one: CgroupReading, rates: Mapping[str, Rate]) -> CpuStats | None:
    """CPU; the rate is that since the reading before, and left out at the first."""
    if one.use.cpu_ns is None:
        return None
    rate = rates.get(one.cgroup.path)
    return CpuStats(
        time=time_text(one.use.at),
        usageNanoCores=rate.nanocores if rate is not None else None,
        usageCoreNanoSeconds=one.use.cpu_ns,
        psi=_psi(one.use.cpu_psi),
    )


def memory_of(one: CgroupReading, *, limit: int | None = None) -> MemoryStats | None:
    """Memory; available is what the limit leaves, `limit` where the cgroup itself has none."""
    use = one.use
    if use.memory is None:
        return None
    limit = use.memory_limit if use.memory_limit is not None else limit
    available = None
    if limit is not None and use.working_set is not None:
        available = max(limit - use.working_set, 0)
    return MemoryStats(
        time=time_text(use.at),
        availableBytes=available,
        usageBytes=use.memory,
        workingSetBytes=use.working_set,
        rssBytes=use.rss,
        pageFaults=use.own_faults,
        majorPageFaults=use.own_major_faults,
        psi=_psi(use.memory_psi),
    )


def swap_of(one: CgroupReading, *, limit: int | None = None) -> SwapStats | None:
    """Swap; available is what the limit leaves. 0 where the kernel does not count it, as a kubelet
    has it."""
    use = one.use
    if use.memory is None:
        return None
    used = use.swap or 0
    limit = use.swap_limit if use.swap_limit is not None else limit
    available = None if limit is None else max(limit - used, 0)
    return SwapStats(time=time_text(use.at), swapAvailableBytes=available, swapUsageBytes=used)


def io_of(one: CgroupReading) -> IoStats:
    """Pressure of disks."""
    return IoStats(time=time_text(one.use.at), psi=_psi(one.use.io_psi))


def _psi(told: Pressures | None) -> Psi:
    """Zeros where the kernel tells none of this cgroup, as a kubelet shows it."""
    if told is None:
        return Psi()
    return Psi(full=_psi_data(told.full), some=_psi_data(told.some))


def _psi_data(line: Pressure) -> PsiData:
    averages = (line.avg10, line.avg60, line.avg300)
    avg10, avg60, avg300 = (int(one) if one.is_integer() else one for one in averages)
    return PsiData(total=line.total * 1000, avg10=avg10, avg60=avg60, avg300=avg300)


def network_of(interfaces: tuple[Interface, ...], at: str) -> NetworkStats:
    """All interfaces, and eth0 once more as the default one where there is one of that name."""
    shown = tuple(
        InterfaceStats(
            name=one.name,
            rxBytes=one.rx_bytes,
            rxErrors=one.rx_errors,
            txBytes=one.tx_bytes,
            txErrors=one.tx_errors,
        )
        for one in interfaces
        if not one.name.startswith(_IGNORED)
    )
    main = next((one for one in shown if one.name == _DEFAULT_INTERFACE), InterfaceStats(name=""))
    return NetworkStats(
        time=at,
        name=main.name,
        rxBytes=main.rxBytes,
        rxErrors=main.rxErrors,
        txBytes=main.txBytes,
        txErrors=main.txErrors,
        interfaces=shown,
    )


def whole_fs(space: FileSystem | None) -> FsStats | None:
    """A file system as it is."""
    if space is None:
        return None
    return FsStats(
        time=time_text(space.at),
        availableBytes=space.available,
        capacityBytes=space.capacity,
        usedBytes=space.used,
        inodesFree=space.inodes_free,
        inodes=space.inodes,
        inodesUsed=space.inodes - space.inodes_free,
    )


def part_of_fs(space: FileSystem | None, used: int, inodes: int, at: float) -> FsStats | None:
    """What a part of a file system takes."""
    if space is None:
        return None
    return FsStats(
        time=time_text(at),
        availableBytes=space.available,
        capacityBytes=space.capacity,
        usedBytes=used,
        inodesFree=space.inodes_free,
        inodes=space.inodes,
        inodesUsed=inodes,
    )


def volume_of(volume: VolumeUse) -> VolumeFsStats | None:
    """A volume; None where it was not measured yet."""
    stats, use = volume.stats, volume.use
    if stats.space is None:
        return None
    fs = (
        part_of_fs(stats.space, use.used, use.inodes, use.at)
        if use is not None
        else whole_fs(stats.space)
        if not stats.folder
        else None
    )
    if fs is None:
        return None
    namespace, _, name = stats.claim.partition("/")
    return VolumeFsStats(
        time=fs.time,
        availableBytes=fs.availableBytes,
        capacityBytes=fs.capacityBytes,
        usedBytes=fs.usedBytes,
        inodesFree=fs.inodesFree,
        inodes=fs.inodes,
        inodesUsed=fs.inodesUsed,
        name=stats.name,
        pvcRef=ClaimRef(name=name, namespace=namespace) if name else None,
    )
