"""The machine as metrics show it: what it is, its disks and its file systems."""

import msgspec

from nodeagent.model.usage import FileSystem


class BlockDevice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of /proc/diskstats: counters since the start of the machine, times in ms."""

    major: int
    minor: int
    name: str
    reads: int = 0
    reads_merged: int = 0
    sectors_read: int = 0
    read_ms: int = 0
    writes: int = 0
    writes_merged: int = 0
    sectors_written: int = 0
    write_ms: int = 0
    in_flight: int = 0
    io_ms: int = 0
    weighted_ms: int = 0


class MountedDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A file system on a block device, by the device's path."""

    device: str
    space: FileSystem


class Disks(msgspec.Struct, frozen=True, kw_only=True):
    """All disks and the file systems on them."""

    devices: tuple[BlockDevice, ...] = ()
    mounted: tuple[MountedDevice, ...] = ()


class Dimm(msgspec.Struct, frozen=True, kw_only=True):
    """Memory modules of one type."""

    type: str
    count: int
    capacity: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What does not change while the machine runs."""

    cores: int = 1
    physical_cores: int = 1
    sockets: int = 1
    books: int = 0
    drawers: int = 0
    memory: int = 0
    swap: int = 0
    dimms: tuple[Dimm, ...] = ()
    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel: str = ""
    os_image: str = ""
    started_at: float = 0.0
