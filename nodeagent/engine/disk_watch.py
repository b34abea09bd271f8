"""What disks hold: looked at only while somebody asks, slowly, and never for a pod to wait on."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Mapping

import msgspec
import structlog

from nodeagent.aio.bell import Bell
from nodeagent.engine.meter_ports import RuntimeStats, VolumeFigures, Walker
from nodeagent.engine.ports import Clock
from nodeagent.errors import AgentError
from nodeagent.model.disk_figures import DiskFigures, PodDisk, VolumeUse
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.memory import PodMemory
from nodeagent.model.usage import DiskUse

log = structlog.get_logger()

MOST_NEW = 10  # containers whose layers are asked for one by one
SOON = 2.0  # seconds between such questions
SHORT = 0.2  # seconds that a scrape waits for their answers


class DiskParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the watch works with. `log_folder` is where a container's logs are."""

    runtime: RuntimeStats
    walker: Walker
    volumes: VolumeFigures
    clock: Clock
    memories: Callable[[], Iterable[PodMemory]]
    log_folder: Callable[[PodMemory, str], str]


class DiskWatch:
    """Keeps what was found last. A round begins when somebody asks and the last one is old.

    `period` (volumeStatsAggPeriod) is the least time between the beginnings of two rounds; a
    negative one turns walks off, and only the runtime is asked then. Pods that run something new
    are walked between rounds, once. `on_round` hears what a round took, `on_walked` what the walk
    over one volume did.
    """

    def __init__(self, parts: DiskParts, *, period: float) -> None:
        self._parts, self._period = parts, period
        self._bell = Bell()
        self._asked_at = 0.0
        self._running: Mapping[ContainerId, PodUid] = {}  # as of the last scrape
        self._walked: frozenset[ContainerId] = frozenset()  # since they run
        self.figures = DiskFigures()
        self.on_round: Callable[[float], None] = lambda seconds: None
        self.on_walked: Callable[[float], None] = lambda seconds: None

    def ask(self) -> DiskFigures:
        """What is known now; a new round begins soon if it is old."""
        if self._is_old():
            self._bell.ring()
        return self.figures

    def _is_old(self) -> bool:
        return not 0 <= self._parts.clock.now() - self.figures.at < max(self._period, 1.0)

    async def fresh(self, running: Mapping[ContainerId, PodUid]) -> DiskFigures:
        """The same with the layers of containers that were not there at the last round.

        The runtime has those figures already, so it is asked now, about a few at once, seldom,
        and never for long: what it does not tell then comes with the next call or round. Volumes
        and logs of pods that run them are walked soon.
        """
        figures, now = self.ask(), self._parts.clock.now()
        self._running = running
        if running.keys() - self._walked:
            self._bell.ring()
        new = tuple(itertools.islice((i for i in running if i not in figures.layers), MOST_NEW))
        if (not new and figures.images) or 0 <= now - self._asked_at < SOON:
            return figures
        self._asked_at = now
        try:
            async with asyncio.timeout(SHORT):
                await self._learn(new)
        except (AgentError, TimeoutError) as error:
            log.debug("runtime does not tell of new layers", error=str(error) or "in time")
        return self.figures

    async def _learn(self, new: tuple[ContainerId, ...]) -> None:
        if not self.figures.images:
            images, containers = await self._parts.runtime.image_stores()
            self.figures = msgspec.structs.replace(
                self.figures, images=images, containers=containers
            )
        told = await asyncio.gather(*map(self._parts.runtime.layer, new))
        found = {i: layer for i, layer in zip(new, told, strict=True) if layer is not None}
        self.figures = msgspec.structs.replace(
            self.figures, layers={**self.figures.layers, **found}
        )

    async def run(self) -> None:
        """Go round whenever asked, for ever."""
        while True:
            await self._bell.wait(at_most=None)
            began = self._parts.clock.now()
            if self._is_old():
                await self._go_round()
                self.on_round(self._parts.clock.now() - began)
            else:
                await self._walk_new()
            await asyncio.sleep(max(min(self._period, SOON), 1.0))

    async def _go_round(self) -> None:
        """The runtime's figures first, which are quick; then each pod, slowly."""
        self.figures = msgspec.structs.replace(self.figures, at=self._parts.clock.now())
        try:
            layers = await self._parts.runtime.layers()
            images, containers = await self._parts.runtime.image_stores()
            self.figures = msgspec.structs.replace(
                self.figures, layers=layers, images=images, containers=containers
            )
        except AgentError as error:
            log.warning("runtime does not tell its disk usage", error=str(error))
        if self._period < 0:
            return
        memories = {memory.pod.uid: memory for memory in self._parts.memories()}
        known = {uid: pod for uid, pod in self.figures.pods.items() if uid in memories}
        self.figures = msgspec.structs.replace(self.figures, pods=known)
        self._walked = frozenset(self._running)
        for memory in memories.values():
            await self._put(memory)

    async def _walk_new(self) -> None:
        """Pods that run what did not run when they were walked."""
        new = self._running.keys() - self._walked
        self._walked |= new
        if self._period < 0:
            return
        uids = {self._running[container] for container in new}
        for memory in [one for one in self._parts.memories() if one.pod.uid in uids]:
            await self._put(memory)

    async def _put(self, memory: PodMemory) -> None:
        if memory.admitted and not memory.torn_down:
            pod = await self._pod(memory)
            self.figures = msgspec.structs.replace(
                self.figures, pods={**self.figures.pods, memory.pod.uid: pod}
            )

    async def _pod(self, memory: PodMemory) -> PodDisk:
        walker, volumes = self._parts.walker, []
        try:
            for stats in await self._parts.volumes.stats(memory.pod):
                use = await self._walk(stats.folder) if stats.folder else None
                volumes.append(VolumeUse(stats=stats, use=use))
        except AgentError as error:
            log.warning("volumes not measured", pod=memory.pod.key, error=str(error))
        logs = {}
        for name in _containers(memory):
            use = await walker.measure(self._parts.log_folder(memory, name))
            if use is not None:
                logs[name] = use
        return PodDisk(volumes=tuple(volumes), logs=logs)

    async def _walk(self, folder: str) -> DiskUse | None:
        began = time.monotonic()
        try:
            return await self._parts.walker.measure(folder)
        finally:
            self.on_walked(time.monotonic() - began)


def _containers(memory: PodMemory) -> list[str]:
    spec = memory.pod.spec
    kinds = (spec.initContainers, spec.containers, spec.ephemeralContainers)
    return [one.name for kind in kinds for one in kind or ()]
