"""The JSON of /stats/summary, field by field as a kubelet has it (stats/v1alpha1).

What is not known is left out; 0 is a value.
"""

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Fields at their default are left out."""


class PsiData(msgspec.Struct, frozen=True, kw_only=True):
    """`total` in nanoseconds, the others in percent: whole numbers without a fraction, as Go
    writes them."""

    total: int = 0
    avg10: float = 0
    avg60: float = 0
    avg300: float = 0


class Psi(msgspec.Struct, frozen=True, kw_only=True):
    """Pressure of one resource."""

    full: PsiData = PsiData()
    some: PsiData = PsiData()


class CpuStats(_Part, frozen=True, kw_only=True):
    """CPU."""

    time: str
    usageNanoCores: int | None = None
    usageCoreNanoSeconds: int | None = None
    psi: Psi | None = None


class MemoryStats(_Part, frozen=True, kw_only=True):
    """Memory."""

    time: str
    availableBytes: int | None = None
    usageBytes: int | None = None
    workingSetBytes: int | None = None
    rssBytes: int | None = None
    pageFaults: int | None = None
    majorPageFaults: int | None = None
    psi: Psi | None = None


class IoStats(_Part, frozen=True, kw_only=True):
    """Disks."""

    time: str
    psi: Psi | None = None


class SwapStats(_Part, frozen=True, kw_only=True):
    """Swap."""

    time: str
    swapAvailableBytes: int | None = None
    swapUsageBytes: int | None = None


class InterfaceStats(_Part, frozen=True, kw_only=True):
    """One network interface."""

    name: str
    rxBytes: int | None = None
    rxErrors: int | None = None
    txBytes: int | None = None
    txErrors: int | None = None


class NetworkStats(_Part, frozen=True, kw_only=True):
    """The default interface (eth0) and all of them."""

    time: str
    name: str
    rxBytes: int | None = None
    rxErrors: int | None = None
    txBytes: int | None = None
    txErrors: int | None = None
    interfaces: tuple[InterfaceStats, ...] | None = None


class FsStats(_Part, frozen=True, kw_only=True):
    """A file system, or what a part of it takes."""

    time: str
    availableBytes: int | None = None
    capacityBytes: int | None = None
    usedBytes: int | None = None
    inodesFree: int | None = None
    inodes: int | None = None
    inodesUsed: int | None = None


class ClaimRef(msgspec.Struct, frozen=True, kw_only=True):
    """The claim a volume comes from."""

    name: str
    namespace: str


class VolumeFsStats(_Part, frozen=True, kw_only=True):
    """One volume of a pod."""

    time: str
    availableBytes: int | None = None
    capacityBytes: int | None = None
    usedBytes: int | None = None
    inodesFree: int | None = None
    inodes: int | None = None
    inodesUsed: int | None = None
    name: str = ""
    pvcRef: ClaimRef | None = None


class ContainerStats(_Part, frozen=True, kw_only=True):
    """One container, or one of the node's own parts."""

    name: str
    startTime: str
    cpu: CpuStats | None = None
    memory: MemoryStats | None = None
    io: IoStats | None = None
    rootfs: FsStats | None = None
    logs: FsStats | None = None
    swap: SwapStats | None = None


class ProcessStats(msgspec.Struct, frozen=True, kw_only=True):
    """Processes of a pod."""

    process_count: int


class PodRef(msgspec.Struct, frozen=True, kw_only=True):
    """Whose figures these are."""

    name: str
    namespace: str
    uid: str


class PodStats(_Part, frozen=True, kw_only=True, rename={"ephemeral_storage": "ephemeral-storage"}):
    """One pod."""

    podRef: PodRef
    startTime: str
    containers: list[ContainerStats]
    cpu: CpuStats | None = None
    memory: MemoryStats | None = None
    io: IoStats | None = None
    network: NetworkStats | None = None
    volume: tuple[VolumeFsStats, ...] | None = None
    ephemeral_storage: FsStats | None = None
    process_stats: ProcessStats | None = None
    swap: SwapStats | None = None


class RuntimeStats(_Part, frozen=True, kw_only=True):
    """Where the runtime keeps images and layers."""

    imageFs: FsStats | None = None
    containerFs: FsStats | None = None


class RlimitStats(_Part, frozen=True, kw_only=True):
    """Tasks on the machine, and how many there may be."""

    time: str
    maxpid: int | None = None
    curproc: int | None = None


class NodeStats(_Part, frozen=True, kw_only=True):
    """The node."""

    nodeName: str
    systemContainers: tuple[ContainerStats, ...] | None = None
    startTime: str
    cpu: CpuStats | None = None
    memory: MemoryStats | None = None
    io: IoStats | None = None
    network: NetworkStats | None = None
    fs: FsStats | None = None
    runtime: RuntimeStats | None = None
    rlimit: RlimitStats | None = None
    swap: SwapStats | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    node: NodeStats
    pods: list[PodStats]
