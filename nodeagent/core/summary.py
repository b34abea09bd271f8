"""The answer of /stats/summary, made of one reading and of what disks were found to hold.

Source: stats/v1alpha1; only running containers and the newest sandbox of each pod are told.
"""

from collections.abc import Iterable, Mapping

import msgspec

from nodeagent.core.rates import Rate
from nodeagent.core.summary_parts import (
    cpu_of,
    io_of,
    memory_of,
    network_of,
    part_of_fs,
    swap_of,
    time_text,
    volume_of,
    whole_fs,
)
from nodeagent.model.disk_figures import DiskFigures, NodeSpace, PodDisk
from nodeagent.model.machine import Machine
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer
from nodeagent.model.summary import (
    ContainerStats,
    FsStats,
    NodeStats,
    PodRef,
    PodStats,
    ProcessStats,
    RlimitStats,
    RuntimeStats,
    Summary,
)
from nodeagent.model.usage import CgroupKind, CgroupReading, FileSystem, ImageStore, Reading
from nodeagent.model.volume_stats import VolumeStats


class SystemPart(msgspec.Struct, frozen=True, kw_only=True):
    """One of the node's own parts ("kubelet", "runtime", "pods"): its cgroup and its start."""

    name: str
    path: str
    started_at: float


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a summary is made of."""

    node_name: str
    reading: Reading
    rates: Mapping[str, Rate]
    pods: tuple[ObservedPod, ...] = ()
    figures: DiskFigures = DiskFigures()
    space: NodeSpace = NodeSpace()
    machine: Machine = Machine()
    parts: tuple[SystemPart, ...] = ()
    tasks: tuple[int, int] | None = None  # how many there are, how many there may be


def summary_of(sight: Sight, *, only_cpu_and_memory: bool) -> Summary:
    """The answer; with `only_cpu_and_memory` nothing of networks, disks and processes."""
    by_path = {one.cgroup.path: one for one in sight.reading.cgroups}
    root = by_path.get("/")
    members: dict[str, list[CgroupReading]] = {}
    for one in sight.reading.cgroups:
        if one.cgroup.uid:
            members.setdefault(one.cgroup.uid, []).append(one)
    pods = [
        made
        for pod in sight.pods
        if (made := _pod(pod, members.get(pod.uid, []), sight, only=only_cpu_and_memory))
    ]
    return Summary(node=_node(root, by_path, sight, only=only_cpu_and_memory), pods=pods)


def _node(
    root: CgroupReading | None, by_path: Mapping[str, CgroupReading], sight: Sight, *, only: bool
) -> NodeStats:
    machine, at = sight.machine, time_text(sight.reading.at)
    parts = tuple(
        _part(part, by_path[part.path], sight, only=only)
        for part in sight.parts
        if part.path in by_path
    )
    node = NodeStats(
        nodeName=sight.node_name, startTime=time_text(machine.started_at), systemContainers=parts
    )
    if root is not None:
        limit = machine.memory or None
        node = msgspec.structs.replace(
            node,
            cpu=cpu_of(root, sight.rates),
            memory=memory_of(root, limit=limit),
            swap=swap_of(root, limit=machine.swap),
            io=None if only else io_of(root),
        )
    if only:
        return node
    rlimit = None
    if sight.tasks is not None:
        rlimit = RlimitStats(time=at, curproc=sight.tasks[0], maxpid=sight.tasks[1])
    return msgspec.structs.replace(
        node,
        network=network_of(sight.reading.network, at),
        fs=whole_fs(sight.space.root),
        runtime=_runtime(sight),
        rlimit=rlimit,
    )


def _runtime(sight: Sight) -> RuntimeStats:
    figures, space = sight.figures, sight.space
    images = _store(figures.images, space.images)
    apart = _store(figures.containers, space.containers) if figures.containers else images
    return RuntimeStats(imageFs=images, containerFs=apart)


def _store(stores: tuple[ImageStore, ...], space: FileSystem | None) -> FsStats | None:
    if not stores or space is None:
        return None
    whole = whole_fs(space)
    assert whole is not None
    return msgspec.structs.replace(
        whole, usedBytes=stores[0].used, inodesUsed=stores[0].inodes or whole.inodesUsed
    )


def _part(part: SystemPart, one: CgroupReading, sight: Sight, *, only: bool) -> ContainerStats:
    return ContainerStats(
        name=part.name,
        startTime=time_text(part.started_at),
        cpu=cpu_of(one, sight.rates),
        memory=memory_of(one),
        swap=swap_of(one),
        io=None if only else io_of(one),
    )


def _pod(
    pod: ObservedPod, cgroups: Iterable[CgroupReading], sight: Sight, *, only: bool
) -> PodStats | None:
    """None for a pod that does not run."""
    box = pod.sandbox
    if box is None or not box.ready:
        return None
    own = next((one for one in cgroups if one.cgroup.kind is CgroupKind.POD), None)
    by_id = {one.cgroup.id: one for one in cgroups if one.cgroup.id}
    disk = sight.figures.pods.get(pod.uid, PodDisk())
    running = [c for c in pod.containers if c.phase is Phase.RUNNING and c.id in by_id]
    containers = [_container(c, by_id[c.id], disk, sight, only=only) for c in running]
    stats = PodStats(
        podRef=PodRef(name=pod.name, namespace=pod.namespace, uid=pod.uid),
        startTime=time_text(box.created_at),
        containers=containers,
    )
    if own is not None:
        stats = msgspec.structs.replace(
            stats,
            cpu=cpu_of(own, sight.rates),
            memory=memory_of(own),
            swap=swap_of(own),
            io=None if only else io_of(own),
        )
    if only:
        return stats
    sandbox = by_id.get(box.id)
    network = None
    if sandbox is not None and sandbox.network:
        network = network_of(sandbox.network, time_text(sandbox.use.at))
    counts = [one.use.processes for one in by_id.values() if one.use.processes is not None]
    return msgspec.structs.replace(
        stats,
        network=network,
        volume=tuple(v for one in disk.volumes if (v := volume_of(one)) is not None) or None,
        ephemeral_storage=_ephemeral(containers, disk, sight),
        process_stats=ProcessStats(process_count=sum(counts)) if counts else None,
    )


def _container(
    container: SeenContainer, one: CgroupReading, disk: PodDisk, sight: Sight, *, only: bool
) -> ContainerStats:
    stats = ContainerStats(
        name=container.name,
        startTime=time_text(container.created_at),
        cpu=cpu_of(one, sight.rates),
        memory=memory_of(one),
        swap=swap_of(one),
    )
    if only:
        return stats
    layer, logs = sight.figures.layers.get(container.id), disk.logs.get(container.name)
    place = sight.space.containers if sight.figures.containers else sight.space.images
    return msgspec.structs.replace(
        stats,
        io=io_of(one),
        rootfs=part_of_fs(place, layer.used, layer.inodes, layer.at) if layer else None,
        logs=part_of_fs(sight.space.logs, logs.used, logs.inodes, logs.at) if logs else None,
    )


def _ephemeral(containers: Iterable[ContainerStats], disk: PodDisk, sight: Sight) -> FsStats | None:
    """Layers, logs and volumes on the node's own disk; the file system is the agent's."""
    if sight.space.root is None or not sight.figures.at:
        return None
    parts = [fs for one in containers for fs in (one.rootfs, one.logs) if fs is not None]
    uses = [
        one.use for one in disk.volumes if one.use is not None and not _lives_elsewhere(one.stats)
    ]
    used = sum(fs.usedBytes or 0 for fs in parts) + sum(use.used for use in uses)
    inodes = sum(fs.inodesUsed or 0 for fs in parts) + sum(use.inodes for use in uses)
    return part_of_fs(sight.space.root, used, inodes, sight.figures.at)


def _lives_elsewhere(stats: VolumeStats) -> bool:
    return bool(stats.claim) or stats.in_memory
