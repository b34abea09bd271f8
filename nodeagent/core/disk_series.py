"""Series about disks and file systems on `/metrics/cadvisor`.

Of the machine (id="/") come the counters of its disks and how full its file systems are; of
pods and containers what their cgroups count; of a container also its writable layer.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeAlias

import msgspec

from nodeagent.core.exposition import Family, escaped, stamp
from nodeagent.model.machine import BlockDevice, Disks, MountedDevice
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import CgroupKind, DeviceIo, Layer, Use

Told: TypeAlias = Iterator[tuple[Family, list[str]]]
SECTOR = 512
_ROOT = ',id="/",image="",name="",namespace="",pod=""'
_TIERS = tuple(Tier)


class Row(Protocol):
    """What is needed of a cgroup's row."""

    @property
    def labels(self) -> str: ...
    @property
    def kind(self) -> CgroupKind: ...
    @property
    def use(self) -> Use: ...
    @property
    def end(self) -> str: ...
    @property
    def layer(self) -> Layer | None: ...


class DiskFamily(msgspec.Struct, frozen=True, kw_only=True):
    """A counter of disks: what it is of a whole disk, and of a cgroup on it (None: not counted)."""

    family: Family
    tier: Tier
    disk: Callable[[BlockDevice], float]
    cgroup: Callable[[DeviceIo], int | None]


def _of(kind: str, operation: str) -> Callable[[DeviceIo], int | None]:
    return lambda io: getattr(io, kind).get(operation)


def _nothing(io: DeviceIo) -> int | None:
    return None


def _field(name: str) -> Callable[[BlockDevice], float]:
    return lambda disk: getattr(disk, name)


def _octets(name: str) -> Callable[[BlockDevice], float]:
    return lambda disk: getattr(disk, name) * SECTOR


def _seconds(name: str) -> Callable[[BlockDevice], float]:
    return lambda disk: getattr(disk, name) / 1000


def _family(
    name: str, help_: str, disk: Callable[[BlockDevice], float], *, type_: str = "counter",
    cgroup: Callable[[DeviceIo], int | None] = _nothing, tier: Tier = Tier.FULL,
) -> DiskFamily:  # fmt: skip
    family = Family(name=f"container_fs_{name}", type=type_, help=help_)
    return DiskFamily(family=family, tier=tier, disk=disk, cgroup=cgroup)


DISK_FAMILIES = (
    _family(
        "reads_bytes_total",
        "Bytes read.",
        _octets("sectors_read"),
        cgroup=_of("octets", "read"),
        tier=Tier.STANDARD,
    ),
    _family(
        "writes_bytes_total",
        "Bytes written.",
        _octets("sectors_written"),
        cgroup=_of("octets", "write"),
        tier=Tier.STANDARD,
    ),
    _family(
        "reads_total",
        "Reads.",
        _field("reads"),
        cgroup=_of("operations", "read"),
        tier=Tier.STANDARD,
    ),
    _family(
        "writes_total",
        "Writes.",
        _field("writes"),
        cgroup=_of("operations", "write"),
        tier=Tier.STANDARD,
    ),
    _family("reads_merged_total", "Reads merged with others.", _field("reads_merged")),
    _family("writes_merged_total", "Writes merged with others.", _field("writes_merged")),
    _family("sector_reads_total", "Sectors of 512 bytes read.", _field("sectors_read")),
    _family("sector_writes_total", "Sectors of 512 bytes written.", _field("sectors_written")),
    _family("read_seconds_total", "Time that reads took, in seconds.", _seconds("read_ms")),
    _family("write_seconds_total", "Time that writes took, in seconds.", _seconds("write_ms")),
    _family("io_current", "Requests under way.", _field("in_flight"), type_="gauge"),
    _family("io_time_seconds_total", "Time with requests, in seconds.", _seconds("io_ms")),
    _family(
        "io_time_weighted_seconds_total",
        "Time of requests, summed over those under way, in seconds.",
        _seconds("weighted_ms"),
    ),
)
COSTS = tuple(
    (
        Family(
            name=f"container_fs_io_cost_{cost}_seconds_total",
            type="counter",
            help=f"Time by the kernel's cost model of disks ({cost}), in seconds.",
        ),
        cost,
    )
    for cost in ("usage", "wait", "indebt", "indelay")
)
BLKIO = Family(
    name="container_blkio_device_usage_total",
    type="counter",
    help="Bytes by kind of operation.",
)


def _fs(name: str, type_: str, help_: str) -> Family:
    return Family(name=f"container_fs_{name}", type=type_, help=help_)


USAGE = _fs("usage_bytes", "gauge", "In use: of a file system, or of a container's own layer.")
LIMIT = _fs("limit_bytes", "gauge", "Size of the file system.")
INODES = _fs("inodes_total", "gauge", "Inodes of the file system.")
INODES_FREE = _fs("inodes_free", "gauge", "Inodes left on the file system.")


def fs_lines(
    rows: Iterable[Row], disks: Disks, tier: Tier, *, at: float, openmetrics: bool
) -> Told:
    """How full file systems are, and how large containers' layers."""
    end = f" {stamp(at, openmetrics=openmetrics)}\n"
    usage = []
    for row in rows:
        if row.layer is not None:
            device = _quoted(row.layer.place)
            usage.append(f"{USAGE.name}{{{row.labels},device={device}}} {row.layer.used}{row.end}")
    if tier is Tier.CORE:
        yield USAGE, usage
        return

    def of_machine(family: Family, value: Callable[[MountedDevice], int]) -> list[str]:
        return [
            f'{family.name}{{container="",device={_quoted(one.device)}{_ROOT}}} {value(one)}{end}'
            for one in disks.mounted
        ]

    yield USAGE, usage + of_machine(USAGE, lambda one: one.space.used)
    yield LIMIT, of_machine(LIMIT, lambda one: one.space.capacity)
    yield INODES, of_machine(INODES, lambda one: one.space.inodes)
    yield INODES_FREE, of_machine(INODES_FREE, lambda one: one.space.inodes_free)


def disk_lines(
    rows: Iterable[Row], disks: Disks, tier: Tier, *, at: float, openmetrics: bool
) -> Told:
    """What was read and written."""
    if tier is Tier.CORE:
        return
    end = f" {stamp(at, openmetrics=openmetrics)}\n"
    names = {(one.major, one.minor): f"/dev/{one.name}" for one in disks.devices}
    seen = [
        (f"{row.labels},device={_quoted(names.get((io.major, io.minor), ''))}", io, row.end)
        for row in rows
        if row.kind is not CgroupKind.ROOT
        for io in row.use.io or ()
    ]
    for one in DISK_FAMILIES:
        if _TIERS.index(tier) < _TIERS.index(one.tier):
            continue
        name = one.family.name
        lines = [
            f"{name}{{{labels}}} {told}{ends}"
            for labels, io, ends in seen
            if (told := one.cgroup(io)) is not None
        ]
        lines += [
            f'{name}{{container="",device="/dev/{disk.name}"{_ROOT}}} {one.disk(disk)}{end}'
            for disk in disks.devices
        ]
        yield one.family, lines
    if tier is Tier.FULL:
        yield from _detailed(seen)


def _detailed(seen: list[tuple[str, DeviceIo, str]]) -> Told:
    lines = [
        f'{BLKIO.name}{{{labels},major="{io.major}",minor="{io.minor}",'
        f'operation="{operation.capitalize()}"}} {count}{end}'
        for labels, io, end in seen
        for operation, count in io.octets.items()
    ]
    yield BLKIO, lines
    for family, cost in COSTS:
        yield (
            family,
            [
                f"{family.name}{{{labels}}} {io.costs[cost] / 1e6}{end}"
                for labels, io, end in seen
                if cost in io.costs
            ],
        )


def _quoted(device: str) -> str:
    return f'"{escaped(device)}"'
