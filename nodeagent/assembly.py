"""The engine's parts, each made once and handed what it needs."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from nodeagent import logs, upkeep
from nodeagent.adapters.cri.connect import Cri
from nodeagent.adapters.host.facts import read_facts
from nodeagent.adapters.host.files import HostPodFiles
from nodeagent.adapters.host.marker import FileMarker
from nodeagent.adapters.host.mounts import Kernel
from nodeagent.adapters.host.notify import Notifier
from nodeagent.adapters.host.ooms import KernelOoms
from nodeagent.adapters.host.records import PodRecords
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.aio.clock import WallClock
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.build import (
    Driver,
    HostReader,
    local_data,
    node_facts,
    pod_sources,
    software_of,
    taken_up,
)
from nodeagent.core.foresee import Present
from nodeagent.core.rules import gc_rules, log_rules, probe_rules
from nodeagent.engine.configs import Configs
from nodeagent.engine.drain import Drain
from nodeagent.engine.execute import Tools
from nodeagent.engine.foresight import Foresight
from nodeagent.engine.gate import Gate
from nodeagent.engine.journal import Journal, tell_problems
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.node_view import NodeView
from nodeagent.engine.observe import Observer
from nodeagent.engine.publish import Publisher
from nodeagent.engine.pulls import PARALLEL_PULLS, Pulls
from nodeagent.engine.service import Service
from nodeagent.engine.sources import Sources
from nodeagent.engine.state import NodeState
from nodeagent.engine.timed_sight import TimedSight
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.engine.workers import Workers
from nodeagent.metering import Given, Metering
from nodeagent.metrics import AgentMetrics
from nodeagent.model.desired import DesiredPod, Problem
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import PodDirs
from nodeagent.serving import Inside, heart, local_api, node_ports, pod_resources
from nodeagent.settings import Settings
from nodeagent.storage import Objects, Storage

if TYPE_CHECKING:
    from nodeagent.cluster import Cluster  # a node alone imports none of it


class Assembly:
    """Everything between the adapters and the doors of the agent. `load` before `components`."""

    def __init__(
        self,
        settings: Settings,
        cri: Cri,
        threads: Threads,
        metrics: AgentMetrics,
        cluster: "Cluster | None",
    ) -> None:
        self._settings, self._cri, self._threads = settings, cri, threads
        root = str(settings.paths.root)
        self.cluster = cluster
        self.clock, self.state, self.publisher = WallClock(), NodeState(), Publisher()
        self._dirs = PodDirs(root=root, logs=str(settings.paths.pod_logs))
        self._files = HostPodFiles(self._dirs, threads)
        self._careful = CarefulFiles(threads, Kernel())
        self._records, self._host = PodRecords(root, threads), read_facts(root)
        self._driver = Driver(settings, threads, metrics.node.cgroup)
        self.journal = Journal(
            settings.paths.root / "events.jsonl", clock=self.clock, threads=threads
        )
        self.observer = Observer(
            runtime=cri.runtime,
            sight=TimedSight(cri.sight, metrics.runtime),
            state=self.state,
            files=self._files,
            ooms=KernelOoms(threads),
            audit_period=settings.agent.audit_period,
        )
        self._ready = asyncio.Event()
        self.heart = heart(settings, self.observer)
        self.workers = Workers(
            state=self.state, executor_tools=lambda: self._tools, ready=self._ready
        )
        self.keeper = NodeKeeper(
            runtime=cri.runtime,
            facts=node_facts(settings, self._host),
            on_change=self.workers.ring_all,
        )
        self.access = upkeep.image_access(settings, lambda: self.data, threads, self.clock, metrics)
        self.image_gc = upkeep.image_gc(
            settings,
            threads,
            cri=cri,
            ready=self._ready,
            given=(self.state, self.access, self.journal, self.clock),
        )
        self.log_rotation = upkeep.log_rotation(
            settings, threads, cri=cri, state=self.state, clock=self.clock
        )
        self.pulls = Pulls(
            images=cri.images,
            recorder=self.journal,
            clock=self.clock,
            on_done=self.workers.ring,
            parallel=settings.kubelet.max_parallel_image_pulls or PARALLEL_PULLS,
            access=self.access,
            meter=metrics.images,
            bucket=upkeep.pull_bucket(settings),
        )
        self.probing = upkeep.probing(
            settings, cri=cri, recorder=self.journal, clock=self.clock, listener=self.workers
        )
        self.metrics = metrics
        self._watcher = Inotify()
        self.local = local_data(
            settings,
            threads,
            self._watcher,
            on_change=self.workers.ring_each,
            on_problems=lambda _: self._tell_problems(),
        )
        self.data: Objects = self.local
        if self.cluster is not None:
            self.data = self.cluster.data(
                self.local, on_change=self.workers.ring_each, keeper=self.keeper
            )
        facts, clock = (lambda: self.keeper.facts), self.clock
        member = self.cluster.membership(self.keeper, clock) if self.cluster else None
        self.storage = Storage(
            settings, threads, self.data, self.journal, self._watcher, node=facts, member=member
        )
        self.metering = Metering(
            settings,
            Given(
                cri=cri,
                metrics=metrics,
                state=self.state,
                storage=self.storage,
                host=self._host,
                driver=self._driver,
                keeper=self.keeper,
                workers=self.workers,
                observer=self.observer,
                probing=self.probing,
                pulls=self.pulls,
                image_gc=self.image_gc,
                access=self.access,
                publisher=self.publisher,
                own=self.cluster.own if self.cluster else None,
            ),
        )
        self._tools = self._make_tools()
        self.sources: Sources | None = None
        self.node_view = NodeView(self.keeper, self.clock, software_of(self._host))
        if self.cluster is not None:
            self._join(self.cluster)
        self._problems: tuple[Problem, ...] = ()

        self.drain = Drain(
            want=self.state.want,
            memories=self.workers.memories,
            marker=FileMarker(settings.paths.socket.parent / "draining"),
        )

    def _make_tools(self) -> Tools:
        configs = Configs(
            node=lambda: self.keeper.facts,
            rules=lambda: self._driver.rules,
            dirs=self._dirs,
            texts=HostReader(self._settings).texts,
            files=self._files,
            volumes=self.storage.registry,
            data=self.data,
        )
        return Tools(
            sandboxes=self._cri.sandboxes,
            containers=self._cri.containers,
            volumes=self.storage.registry,
            cgroups=self._driver,
            files=self._files,
            hooks=upkeep.hooks(self._cri, self.journal, self.metrics),
            recorder=self.journal,
            clock=self.clock,
            observer=self.observer,
            pulls=self.pulls,
            configs=configs,
            meter=self.metrics.pods,
            gate=Gate(self._settings.agent.max_parallel_starts or 2 * self._host.cpus),
            forget_probes=self.probing.forget,
        )

    def _join(self, cluster: "Cluster") -> None:
        """Hand the membership what of the node it works on."""
        from nodeagent.cluster import Parts

        cluster.join(
            Parts(
                keeper=self.keeper,
                runtime=self._cri.runtime,
                journal=self.journal,
                publisher=self.publisher,
                workers=self.workers,
                state=self.state,
                clock=self.clock,
                ready=self._ready,
                view=self.node_view,
                images=self.image_gc.images,
                metrics=self.metrics,
            )
        )

    async def load(self) -> None:
        """Take up what an earlier run left on disk."""
        await self.journal.load()
        await self.access.load()
        await self.storage.load()
        if self.cluster is not None:
            await self.cluster.load()
        records = await taken_up(await self._records.load_all())
        for memory in records:
            self.probing.restore(memory.pod.uid, memory.probes)
        self.workers.restore(records)
        self.workers.equip(self._worker_tools())
        self.workers.on_forgotten = self._forgotten
        previous = [m.pod for m in records if m.ending is None and not m.pod.deleting]
        self.sources = Sources(
            {
                **pod_sources(self._settings, self._threads, self._watcher, previous),
                **(self.cluster.source(records) if self.cluster else {}),
            },
            on_change=self._take_wishes,
            previous=previous,
            refuse=self.cluster.refuse if self.cluster else lambda _: "",
        )

    def components(self) -> dict[str, Component]:
        """Everything that runs, in the order of its start."""
        assert self.sources is not None
        startup = upkeep.startup(
            lambda: self._settings,
            self._driver,
            keeper=self.keeper,
            observer=self.observer,
            sources=self.sources,
            given=(self.workers, self._ready),
        )
        order = upkeep.Upkeep(
            settings=self._settings,
            threads=self._threads,
            state=self.state,
            dirs=self._dirs,
            driver=self._driver,
            tools=self._tools,
            workers=self.workers,
            ready=self._ready,
            evicts=upkeep.Evicts(
                settings=lambda: self._settings,
                keeper=self.keeper,
                image_gc=self.image_gc,
                images=self._cri.images,
                disks=self.metering.disks.ask,
                metrics=self.metrics,
            ),
        )
        inside = self._inside()
        return {
            "journal": self.journal.run,
            "pulls": self.pulls.run,
            "probing": self.probing.run,
            "runtime": self.keeper.run,
            "observer": self.observer.run,
            "workers": self.workers.run,
            "data": self.local.run,
            **(self.cluster.components() if self.cluster else {}),
            **self.storage.components(),
            "sources": self.sources.run,
            "startup": startup.run,
            "api": local_api(inside).run,
            "drain": self.drain.run,
            **node_ports(inside),
            **pod_resources(inside),
            "service": Service(Notifier(), self.workers, self.heart.beats).run,
            "log rotation": self.log_rotation.run,
            **order.components(),
            "image gc": self.image_gc.run,
            **self.metering.components(),
        }

    def _inside(self) -> Inside:
        foresight = Foresight(
            images=self._cri.images, present=self._present, kind=self._careful.kind
        )
        return Inside(
            settings=lambda: self._settings,
            cri=self._cri,
            state=self.state,
            clock=self.clock,
            publisher=self.publisher,
            workers=self.workers,
            drain=self.drain,
            journal=self.journal,
            heart=self.heart,
            figures=self.metering.figures(),
            metrics=self.metrics,
            node=self.node_view.node,
            problems=self._all_problems,
            foresee=foresight.foresee,
            images=upkeep.image_deeds(self.image_gc),
            api=self.cluster.client if self.cluster else None,
            in_api=self.cluster.own.get if self.cluster else lambda key: None,
        )

    def reload(self, settings: Settings) -> None:
        """Use what `core.reload` says can be used at once."""
        self._settings = settings
        as_json = settings.kubelet.logging.format == "json"
        logs.configure(verbosity=settings.verbosity, style=logs.Style.JSON if as_json else None)
        self._driver.reload(settings)
        fresh = node_facts(settings, self._host)
        self.keeper.facts = msgspec.structs.replace(
            self.keeper.facts, capacity=fresh.capacity, allocatable=fresh.allocatable
        )
        self._tools.gate.limit = settings.agent.max_parallel_starts or 2 * self._host.cpus
        self.image_gc.rules = gc_rules(settings)
        self.log_rotation.use(log_rules(settings))
        self.probing.use(probe_rules(settings))
        self.metering.use(settings)
        self.workers.ring_all()

    def _present(self) -> Present:
        return Present(
            memories=self.workers.memories(),
            node=self.keeper.facts,
            rules=self._driver.rules,
            manifests=str(self._settings.paths.manifests or ""),
            unsupported=self._tools.volumes.unsupported,
        )

    def _take_wishes(
        self, desired: Mapping[PodUid, DesiredPod], problems: tuple[Problem, ...]
    ) -> None:
        self._tell_problems()
        self.drain.take(desired)

    def _all_problems(self) -> tuple[Problem, ...]:
        return (*(self.sources.problems if self.sources else ()), *self.local.problems)

    def _tell_problems(self) -> None:
        problems, known = self._all_problems(), self._problems
        tell_problems(self.journal, problems, known=known, node=self._settings.node.name)
        self._problems = problems

    def _forgotten(self, memory: PodMemory) -> None:
        self.probing.forget(memory.pod.uid)
        self.data.forget(memory.pod.uid)
        self.storage.forget(memory.pod.uid)
        self.publisher.forget(memory.pod.uid)
        if self.cluster is not None:
            self.cluster.forgotten()

    def _worker_tools(self) -> WorkerTools:
        return WorkerTools(
            state=self.state,
            records=self._records,
            probing=self.probing,
            pulls=self.pulls,
            data=self.data,
            recorder=self.journal,
            clock=self.clock,
            node=lambda: self.keeper.facts,
            rules=lambda: self._driver.rules,
            neighbours=self.workers.neighbours,
            publish=self.publisher.publish,
            meter=self.metrics.pods,
            count_plan=lambda _: self.metrics.plans.inc(),
            count_bug=self.metrics.bugs.inc,
            look_soon=self.observer.look_soon,
        )
