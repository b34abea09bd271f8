"""What eviction knows: signals of the node, thresholds, and what pods use of what is short."""

import enum
from collections.abc import Mapping

import msgspec

from nodeagent.model.ids import PodUid
from nodeagent.model.node import Pressure


class Signal(enum.StrEnum):
    """What may run short, with the Kubernetes spelling; the first two go before all others."""

    MEMORY = "memory.available"
    PODS_MEMORY = "allocatableMemory.available"  # of what the node grants to pods together
    NODE_FS = "nodefs.available"
    NODE_INODES = "nodefs.inodesFree"
    IMAGE_FS = "imagefs.available"
    IMAGE_INODES = "imagefs.inodesFree"
    PID = "pid.available"


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """One signal as measured."""

    available: int
    capacity: int


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """The node is short when less than `value` is available for `grace` seconds (0.0: hard).

    `value` and `reclaim` are quantities, or percentages of the capacity. Once it was short, it
    is until `reclaim` more than `value` is available.
    """

    signal: Signal
    value: str
    grace: float = 0.0
    reclaim: str = ""


class EvictionRules(msgspec.Struct, frozen=True, kw_only=True):
    """The node's settings. `most_grace`: seconds at the most for a pod after a soft threshold."""

    thresholds: tuple[Threshold, ...] = ()
    transition: float = 300.0  # seconds that a condition stays after it was last so
    most_grace: float = 0.0
    local_limits: bool = True  # localStorageCapacityIsolation


class EvictionState(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered from one look to the next; times are Unix seconds."""

    since: Mapping[Threshold, float] = {}  # thresholds that are met, and since when
    acting: tuple[Threshold, ...] = ()  # those whose grace is over
    pressed_at: Mapping[str, float] = {}  # condition -> when it was last so


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at the node leads to; `acting` are the thresholds to act on, first first."""

    state: EvictionState
    pressure: Pressure = Pressure()
    acting: tuple[Threshold, ...] = ()


class EvictionTold(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of an eviction: in the pod's status, and beside it in the event."""

    message: str
    annotations: Mapping[str, str] = {}


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """What something takes of a disk."""

    used: int = 0
    inodes: int = 0


class PodUse(msgspec.Struct, frozen=True, kw_only=True):
    """What one pod uses, as far as it is known; volumes are its emptyDirs and the like on disk."""

    memory: int | None = None  # working set
    tasks: int | None = None  # processes and their threads
    containers_memory: Mapping[str, int] = {}
    layers: Mapping[str, Space] = {}  # writable layers by container
    logs: Mapping[str, Space] = {}
    volumes: Mapping[str, Space] = {}
    disk_known: bool = False


Uses = Mapping[PodUid, PodUse]


class FileSystem(msgspec.Struct, frozen=True, kw_only=True):
    """How full one is, in bytes and inodes."""

    device: int
    capacity: int
    available: int
    inodes: int
    inodes_free: int


class HostSight(msgspec.Struct, frozen=True, kw_only=True):
    """The machine as a whole. Bytes; tasks are processes with their threads, as the kernel counts.

    `memory_inactive` is what of files nobody used of late; `file_systems` are by path.
    """

    memory: int
    memory_free: int
    memory_inactive: int
    tasks: int
    most_tasks: int
    file_systems: Mapping[str, FileSystem] = {}
