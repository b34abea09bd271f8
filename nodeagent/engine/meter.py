"""Answers for scrapers: reads the node when asked, and keeps nothing but the last CPU counters."""

from collections.abc import Callable, Iterable, Mapping

import msgspec

from nodeagent.aio.joined import Joined
from nodeagent.core.cadvisor import Scene
from nodeagent.core.cgroups import driver_path, qos_paths
from nodeagent.core.container_families import GROUPS
from nodeagent.core.images import sandbox_image
from nodeagent.core.rates import Load, Rate, births_of, next_loads, next_rates
from nodeagent.core.resource_metrics import GROUPS as RESOURCE_GROUPS
from nodeagent.core.summary import Sight, SystemPart
from nodeagent.core.summary_groups import CPU_AND_MEMORY, EVERYTHING
from nodeagent.engine.disk_watch import DiskWatch
from nodeagent.engine.meter_ports import Spaces, UsageReader
from nodeagent.engine.ports import Clock
from nodeagent.engine.state import NodeState
from nodeagent.errors import AgentError
from nodeagent.model.disk_figures import NodeSpace
from nodeagent.model.ids import ContainerId, PodUid
from nodeagent.model.machine import Machine
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase, RuntimeInfo, SeenImage
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import CgroupKind, Group, Reading, ReadingWish


class MeterParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the meter works with. `places`: the agent's folder, and that of pods' logs."""

    usage: UsageReader
    spaces: Spaces
    disks: DiskWatch
    state: NodeState
    clock: Clock
    machine: Machine
    rules: Callable[[], NodeRules]
    runtime: Callable[[], RuntimeInfo]
    images: Callable[[], Iterable[SeenImage]]
    memories: Callable[[], Iterable[PodMemory]]
    parts: Callable[[], tuple[SystemPart, ...]]
    places: tuple[str, str]
    node_name: str
    version: str


class Meter:
    """Reads when asked. Whoever asks for the same reading meanwhile shares it."""

    def __init__(self, parts: MeterParts) -> None:
        self._parts = parts
        self._readings: Joined[str, tuple[Reading, bool]] = Joined()
        self._rates: Mapping[str, Rate] = {}
        self._loads: Mapping[str, Load] = {}

    async def begin(self) -> None:
        """Read CPU once, so that the first who asks is told a rate."""
        await self.sight(only_cpu_and_memory=True)

    async def scene(self, tier: Tier) -> Scene:
        """Everything that `/metrics/cadvisor` shows in a tier."""
        parts = self._parts
        layers = (await parts.disks.fresh(self._running())).layers
        reading, failed = await self._read(f"cadvisor-{tier}", GROUPS[tier], deep=tier is Tier.FULL)
        self._loads = next_loads(self._loads, reading.cgroups)
        info = parts.runtime()
        return Scene(
            reading=reading,
            pods=self._pods(),
            layers=layers,
            sick=frozenset(_sick(parts.memories())),
            loads={path: (load.running, load.waiting) for path, load in self._loads.items()},
            sandbox_image=sandbox_image(info, parts.images()),
            machine=parts.machine,
            disks=await parts.spaces.disks(),
            failed=failed,
            version=parts.version,
            runtime_version=info.version,
        )

    async def resource(self) -> tuple[Reading, tuple[ObservedPod, ...], bool]:
        """What `/metrics/resource` shows: a reading, the pods, and whether it failed."""
        reading, failed = await self._read("resource", RESOURCE_GROUPS, network=False)
        return reading, self._pods(), failed

    async def sight(self, *, only_cpu_and_memory: bool) -> Sight:
        """Everything that /stats/summary shows."""
        parts, only = self._parts, only_cpu_and_memory
        groups = CPU_AND_MEMORY if only else EVERYTHING
        figures = parts.disks.figures if only else await parts.disks.fresh(self._running())
        system = (
            SystemPart(name="pods", path=self._parents()[0], started_at=parts.machine.started_at),
            *parts.parts(),
        )
        reading, _ = await self._read(
            "cpu-and-memory" if only else "summary",
            groups,
            network=not only,
            slices=tuple(part.path for part in system),
        )
        sight = Sight(
            node_name=parts.node_name,
            reading=reading,
            rates=self._rates,
            pods=self._pods(),
            figures=figures,
            machine=parts.machine,
            parts=system,
        )
        if only:
            return sight
        images = figures.images[0].place if figures.images else ""
        layers = figures.containers[0].place if figures.containers else images
        found = await parts.spaces.spaces((*parts.places, images, layers))
        root, logs, image_space, layer_space = found
        space = NodeSpace(root=root, logs=logs, images=image_space, containers=layer_space)
        return msgspec.structs.replace(sight, space=space, tasks=await parts.spaces.tasks())

    def _pods(self) -> tuple[ObservedPod, ...]:
        return tuple(self._parts.state.all_observed())

    def _running(self) -> dict[ContainerId, PodUid]:
        """Containers that run, with their pods."""
        return {
            one.id: pod.uid
            for pod in self._pods()
            for one in pod.containers
            if one.phase is Phase.RUNNING
        }

    def _parents(self) -> tuple[str, ...]:
        rules = self._parts.rules()
        paths = qos_paths(root=rules.cgroup_root)
        return tuple(driver_path(path, rules.cgroup_driver) for path in paths)

    async def _read(
        self,
        what: str,
        groups: dict[CgroupKind, frozenset[Group]],
        *,
        network: bool = True,
        deep: bool = False,
        slices: tuple[str, ...] = (),
    ) -> tuple[Reading, bool]:
        """A reading of these groups, and whether cgroups could not be read at all."""
        wish = ReadingWish(
            groups=groups,
            parents=self._parents(),
            sandboxes={
                box.id: not box.host_network
                for pod in self._parts.state.all_observed()
                for box in pod.sandboxes
                if box.ready
            },
            slices=slices,
            host=not slices,
            deep=deep,
            network=network,
        )
        return await self._readings.get(what, lambda: self._read_now(wish))

    async def _read_now(self, wish: ReadingWish) -> tuple[Reading, bool]:
        try:
            reading = await self._parts.usage.read(wish)
        except AgentError:
            return Reading(at=self._parts.clock.now()), True
        births = births_of(self._pods())
        self._rates = {**self._rates, **next_rates(self._rates, reading.cgroups, births)}
        if Group.CPU in wish.groups.get(CgroupKind.POD, ()):
            self._forget(reading)
        return reading, not reading.cgroups

    def _forget(self, reading: Reading) -> None:
        """Rates of pods' cgroups that are there no more."""
        there = {one.cgroup.path for one in reading.cgroups}
        parents = self._parents()
        self._rates = {
            path: rate
            for path, rate in self._rates.items()
            if path in there or not path.startswith(parents) or path in parents
        }


def _sick(memories: Iterable[PodMemory]) -> Iterable[str]:
    return (health.id for memory in memories for health in memory.health.values() if health.failed)
