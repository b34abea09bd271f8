"""What containers, pods and the node use, as read at one moment. Sizes in bytes, times in Unix
seconds, CPU in nanoseconds; None is what the kernel does not tell here."""

import enum

import msgspec


class Group(enum.StrEnum):
    """Figures that are read together, because the kernel has them in the same files."""

    CPU = "cpu"
    CPU_SPLIT = "user and system time"
    QUOTA = "CPU quota"
    CFS = "throttling"  # where there is a quota
    SHARES = "CPU shares and period"
    MEMORY = "memory"
    MEMORY_MORE = "peak and failures"
    KERNEL = "kernel memory"
    OOM = "kills"
    SWAP = "swap"
    LIMITS = "limits of memory and swap"
    RESERVED = "memory reservation"
    IO = "disk io"
    PSI = "pressure"
    TASKS = "processes and threads"
    FILES = "descriptors, sockets, ulimits, states of tasks"


class Pressure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line of a pressure file: percent over windows, and microseconds since the beginning."""

    avg10: float = 0.0
    avg60: float = 0.0
    avg300: float = 0.0
    total: int = 0


class Pressures(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """PSI of one resource: `some` tasks waited, or all of them (`full`)."""

    some: Pressure = Pressure()
    full: Pressure = Pressure()


class DeviceIo(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was read from and written to one block device, by kind of operation.

    Keys are the kernel's words in lower case: read, write, discard, sync, async, total.
    """

    major: int
    minor: int
    octets: dict[str, int] = {}
    operations: dict[str, int] = {}
    costs: dict[str, int] = {}  # io.cost: usage, wait, indebt, indelay in microseconds


class OpenFiles(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the processes of a cgroup hold open, and what they do."""

    descriptors: int = 0
    sockets: int = 0
    most_open: int | None = None  # soft limit of the first process; -1: none
    states: dict[str, int] = {}  # letter of /proc/<pid>/stat -> tasks


class Use(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One cgroup. What was not asked for, or is not told on this host, stays None."""

    at: float
    cpu_ns: int | None = None
    user_ns: int | None = None
    system_ns: int | None = None
    periods: int | None = None
    throttled: int | None = None  # periods
    throttled_ns: int | None = None
    bursts: int | None = None
    burst_ns: int | None = None
    quota: int | None = None  # microseconds; None: no limit
    period: int | None = None
    shares: int | None = None
    memory: int | None = None
    working_set: int | None = None
    cache: int | None = None
    rss: int | None = None
    mapped: int | None = None
    active_file: int | None = None
    inactive_file: int | None = None
    faults: int | None = None
    major_faults: int | None = None
    own_faults: int | None = None  # without those of cgroups below
    own_major_faults: int | None = None
    peak: int | None = None
    failures: int | None = None
    kernel: int | None = None
    oom_kills: int | None = None
    swap: int | None = None
    memory_limit: int | None = None  # None: no limit
    swap_limit: int | None = None  # of swap alone; None: no limit
    memsw_limit: int | None = None  # of memory and swap together (cgroup v1); None: no limit
    soft_limit: int | None = None
    io: tuple[DeviceIo, ...] | None = None
    cpu_psi: Pressures | None = None
    memory_psi: Pressures | None = None
    io_psi: Pressures | None = None
    processes: int | None = None
    threads: int | None = None
    threads_max: int | None = None  # None: no limit
    files: OpenFiles | None = None


class Interface(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Counters of one network interface."""

    name: str
    rx_bytes: int = 0
    rx_packets: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_bytes: int = 0
    tx_packets: int = 0
    tx_errors: int = 0
    tx_dropped: int = 0


class CgroupKind(enum.StrEnum):
    """What a cgroup is the cgroup of."""

    ROOT = "root"
    SLICE = "slice"  # of the host, or kubepods and its QoS classes
    POD = "pod"
    CONTAINER = "container"
    SANDBOX = "sandbox"


class SeenCgroup(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cgroup by its path below the mount; `uid` of its pod, `id` of its container or sandbox."""

    path: str
    kind: CgroupKind
    uid: str = ""
    id: str = ""


class ReadingWish(msgspec.Struct, frozen=True, kw_only=True):
    """What to read: `groups` for each kind of cgroup, of which those without any are left out.

    `parents`: kubepods and its QoS classes as the driver has them below the mount. `sandboxes`:
    ids of sandboxes, and whether they have a network of their own. `slices`: paths to be read in
    any case; `host`: the host's own slices, with `deep` their children too.
    """

    groups: dict[CgroupKind, frozenset[Group]]
    parents: tuple[str, ...] = ()
    sandboxes: dict[str, bool] = {}
    slices: tuple[str, ...] = ()
    host: bool = True
    deep: bool = False
    network: bool = False


class CgroupReading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one cgroup uses; `network` only for sandboxes: the host's where there is no other."""

    cgroup: SeenCgroup
    use: Use
    network: tuple[Interface, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All cgroups of the node as read at one moment, and the host's network interfaces."""

    at: float
    cgroups: tuple[CgroupReading, ...] = ()
    network: tuple[Interface, ...] = ()


class FileSystem(msgspec.Struct, frozen=True, kw_only=True):
    """How full a file system is; available is what others than root may still use."""

    at: float
    capacity: int
    available: int
    used: int
    inodes: int = 0
    inodes_free: int = 0


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """What lies below a folder, on its file system alone. `whole` is False where some could not be
    looked at."""

    at: float
    used: int
    inodes: int
    whole: bool = True


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A container's writable layer as the runtime measures it, and where layers are."""

    at: float
    used: int
    inodes: int
    place: str = ""


class ImageStore(msgspec.Struct, frozen=True, kw_only=True):
    """Where the runtime keeps images or layers, and what they take there."""

    place: str
    used: int
    inodes: int
