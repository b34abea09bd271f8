"""A meter's world: cgroups as folders, a runtime that tells layers, folders that are measured."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from nodeagent.adapters.cgroupfs.usage import CgroupUsage
from nodeagent.aio.threads import Threads
from nodeagent.engine.disk_watch import DiskParts, DiskWatch
from nodeagent.engine.meter import Meter, MeterParts
from nodeagent.engine.state import NodeState
from nodeagent.errors import CriUnavailable, HostError
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId
from nodeagent.model.machine import Disks, Machine
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import RuntimeInfo
from nodeagent.model.usage import (
    DiskUse,
    FileSystem,
    ImageStore,
    Layer,
    Reading,
    ReadingWish,
)
from nodeagent.model.volume_stats import VolumeStats
from tests.fakes.cgroup_trees import AT, Tree

SPACE = FileSystem(at=AT, capacity=1000, available=400, used=500, inodes=100, inodes_free=60)


class FakeClock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = AT

    def now(self) -> float:
        return self.at


class FakeUsage:
    """Reads a tree; counts how often, and fails when told to."""

    def __init__(self, tree: Tree, clock: FakeClock) -> None:
        self.threads = Threads(1)
        self._real = CgroupUsage(tree.layout, self.threads, proc=str(tree.proc), now=clock.now)
        self.readings = 0
        self.broken = False

    async def read(self, wish: ReadingWish) -> Reading:
        self.readings += 1
        if self.broken:
            raise HostError(op="read", target="cgroups", detail="broken")
        return await self._real.read(wish)


class FakeStats:
    """A runtime that measures; away when told to be."""

    def __init__(self) -> None:
        self.known: dict[ContainerId, Layer] = {}
        self.away = self.slow = False
        self.asked = 0
        self.asked_new: list[ContainerId] = []

    async def layers(self) -> Mapping[ContainerId, Layer]:
        self.asked += 1
        if self.away:
            raise CriUnavailable(op="ListContainerStats", target="runtime", detail="away")
        return dict(self.known)

    async def layer(self, container: ContainerId) -> Layer | None:
        self.asked_new.append(container)
        if self.away:
            raise CriUnavailable(op="ListContainerStats", target=container, detail="away")
        if self.slow:
            await asyncio.Event().wait()
        return self.known.get(container)

    async def image_stores(self) -> tuple[tuple[ImageStore, ...], tuple[ImageStore, ...]]:
        return (ImageStore(place="/images", used=70, inodes=7),), ()


class FakeWalker:
    """Folders with sizes; notes what was measured, and says when it was two."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.measured: list[str] = []
        self.two = asyncio.Event()

    async def measure(self, folder: str) -> DiskUse | None:
        self.measured.append(folder)
        if len(self.measured) == 2:
            self.two.set()
        size = self.sizes.get(folder)
        return None if size is None else DiskUse(at=AT, used=size, inodes=2)


class FakeVolumes:
    """Volumes by the uid of their pod."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[VolumeStats, ...]] = {}

    async def stats(self, pod: DesiredPod) -> tuple[VolumeStats, ...]:
        return self.known.get(pod.uid, ())


class FakeSpaces:
    """Every file system is as full as the others."""

    async def spaces(self, paths: tuple[str, ...]) -> tuple[FileSystem | None, ...]:
        return tuple(SPACE if path else None for path in paths)

    async def disks(self) -> Disks:
        return Disks()

    async def tasks(self) -> tuple[int, int] | None:
        return 200, 32768


class MeterWorld:
    """A meter over all of these; pods are below `root`."""

    def __init__(self, tree: Tree, *, period: float = 60.0, root: str = "") -> None:
        self.tree, self.clock, self.state = tree, FakeClock(), NodeState()
        self.usage, self.stats = FakeUsage(tree, self.clock), FakeStats()
        self.walker, self.volumes = FakeWalker(), FakeVolumes()
        self.memories: list[PodMemory] = []
        for pod in tree.pods:
            self.state.saw(pod)
        self.disks = DiskWatch(
            DiskParts(
                runtime=self.stats,
                walker=self.walker,
                volumes=self.volumes,
                clock=self.clock,
                memories=lambda: self.memories,
                log_folder=lambda memory, name: f"/logs/{memory.pod.uid}/{name}",
            ),
            period=period,
        )
        self.meter = Meter(
            MeterParts(
                usage=self.usage,
                spaces=FakeSpaces(),
                disks=self.disks,
                state=self.state,
                clock=self.clock,
                machine=Machine(memory=1 << 34, started_at=AT - 1000),
                rules=lambda: NodeRules(cgroup_root=root),
                runtime=lambda: RuntimeInfo(version="2.1", sandbox_image="pause:1"),
                images=tuple,
                memories=lambda: self.memories,
                parts=tuple,
                places=("/root", "/logs"),
                node_name="node1",
                version="v1",
            )
        )

    def set_cpu(self, path: str, nanos: int) -> None:
        """The cgroup has used so much CPU up to now (cgroup v1)."""
        for folder in self.tree.folders(path):
            if folder.parts and "cpuacct" in folder.parts:
                Path(folder, "cpuacct.usage").write_text(f"{nanos}\n")

    def close(self) -> None:
        self.usage.threads.close()
