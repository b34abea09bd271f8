"""Builds what tells metrics and stats: a piece of `app.py`."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from nodeagent.adapters.cgroupfs.detect import detect
from nodeagent.adapters.cgroupfs.usage import CgroupUsage
from nodeagent.adapters.containerd.processes import listener
from nodeagent.adapters.cri.connect import Cri
from nodeagent.adapters.host.disk_usage import DiskWalker
from nodeagent.adapters.host.facts import HostFacts
from nodeagent.adapters.host.machine import (
    HostSpaces,
    cgroup_of,
    own_start,
    own_written,
    read_machine,
)
from nodeagent.aio.clock import WallClock
from nodeagent.aio.joined import Joined
from nodeagent.aio.lag import watch_lag
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.build import Driver
from nodeagent.core.cadvisor import cadvisor_page
from nodeagent.core.exposition import page_of, written
from nodeagent.core.log_paths import pod_log_directory
from nodeagent.core.mirror import is_mirror
from nodeagent.core.resource_metrics import resource_page
from nodeagent.core.summary import SystemPart, summary_of
from nodeagent.engine.disk_metrics import DiskCollector
from nodeagent.engine.disk_watch import DiskParts, DiskWatch
from nodeagent.engine.image_access import ImageAccess
from nodeagent.engine.image_gc import ImageGc
from nodeagent.engine.meter import Meter, MeterParts
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.observe import Observer
from nodeagent.engine.own_pods import OwnPods
from nodeagent.engine.pod_counts import PodCounts
from nodeagent.engine.pod_starts import PodStarts
from nodeagent.engine.probe_metrics import ProbeCollector
from nodeagent.engine.probing import Probing
from nodeagent.engine.publish import Publisher
from nodeagent.engine.pulls import Pulls
from nodeagent.engine.state import NodeState
from nodeagent.engine.volume_counts import VolumeCounts
from nodeagent.engine.workers import Workers
from nodeagent.metrics import AgentMetrics
from nodeagent.metrics.about import Feature
from nodeagent.model.disk_figures import DiskFigures
from nodeagent.model.node import PodDirs
from nodeagent.model.scrapes import Page, TextForm, Tier
from nodeagent.server.documents import build_labels
from nodeagent.server.figures import Asked, Figures
from nodeagent.settings import Settings, node_version
from nodeagent.settings.gates import LOCKED_ON, OFF, ON, stage_of
from nodeagent.storage import Storage


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What metering is built on."""

    cri: Cri
    metrics: AgentMetrics
    state: NodeState
    storage: Storage
    host: HostFacts
    driver: Driver
    keeper: NodeKeeper
    workers: Workers
    observer: Observer
    probing: Probing
    pulls: Pulls
    image_gc: ImageGc
    access: ImageAccess
    publisher: Publisher
    own: OwnPods | None


class Requests:
    """Counts the requests of the node's ports: a `Tally`."""

    def __init__(self, metrics: AgentMetrics) -> None:
        self._http, self._health = metrics.http, metrics.health

    def began(self, asked: Asked) -> None:
        """See `Tally`."""
        self._http.began(*_labels(asked))

    def ended(self, asked: Asked, seconds: float) -> None:
        """See `Tally`."""
        self._http.ended(seconds, *_labels(asked))

    def websocket(self, subresource: str) -> None:
        """See `Tally`."""
        self._http.websocket(subresource)

    def checked(self, name: str, *, wrong: bool) -> None:
        """See `Tally`."""
        self._health.checked(name, wrong=wrong)

    def forget_checks(self) -> None:
        """See `Tally`."""
        self._health.forget()


def _labels(asked: Asked) -> tuple[str, ...]:
    return asked.method, asked.path, asked.server_type, str(asked.long_running).lower()


class Metering:
    """Answers the metrics endpoints and /stats/summary."""

    def __init__(self, settings: Settings, given: Given) -> None:
        self._metrics, self._endpoint = given.metrics, settings.runtime.endpoint
        self._runtime_cgroups, self._misc = (
            settings.runtime.cgroups,
            settings.kubelet.system_cgroups,
        )
        given.metrics.add_probes(ProbeCollector(given.probing.counts))
        # A reading of many pods must not wait for the files of a pod that starts.
        self._threads = Threads(2, name="metering")
        self.use(settings)
        self._started = own_start()
        self._pages: Joined[tuple[Page, TextForm], bytes] = Joined()
        self._summaries: Joined[bool, bytes] = Joined()
        root, logs = str(settings.paths.root), str(settings.paths.pod_logs)
        dirs, clock = PodDirs(root=root, logs=logs), WallClock()
        self.walker = DiskWalker()
        self.disks = DiskWatch(
            DiskParts(
                runtime=given.cri.stats,
                walker=self.walker,
                volumes=given.storage.registry,
                clock=clock,
                memories=given.workers.memories,
                log_folder=lambda memory, name: f"{pod_log_directory(memory.pod, dirs)}/{name}",
            ),
            period=settings.kubelet.volume_stats_agg_period,
        )
        self.disks.on_round = given.metrics.storage.went_round
        self.disks.on_walked = lambda seconds: given.metrics.storage.measured("du", seconds)
        _listen(given, settings, self.disks.ask)
        self.meter = Meter(
            MeterParts(
                usage=CgroupUsage(detect(), self._threads),
                spaces=HostSpaces(self._threads),
                disks=self.disks,
                state=given.state,
                clock=clock,
                machine=read_machine(given.host),
                rules=lambda: given.driver.rules,
                runtime=lambda: given.keeper.info,
                images=given.image_gc.images,
                memories=given.workers.memories,
                parts=self._system_parts,
                places=(root, logs),
                node_name=settings.node.name,
                version=node_version(),
            )
        )

    def figures(self) -> Figures:
        """What servers are given."""
        return Figures(
            started_at=int(self._started),
            text=self._text,
            summary=self._summary,
            tally=Requests(self._metrics),
        )

    def components(self) -> dict[str, Component]:
        """What runs: the walk over disks, which waits until somebody asks, and a look at the
        loop's own timers."""
        return {"disk usage": self._watch_disks, "loop lag": self._watch_lag}

    async def _watch_disks(self) -> None:
        await self.meter.begin()
        await self.disks.run()

    async def _watch_lag(self) -> None:
        await watch_lag(self._metrics.loop_lag.observe, steady=asyncio.get_running_loop().time)

    def use(self, settings: Settings) -> None:
        """Take the tier and the gates of new settings."""
        self._metrics.about.features(_features(settings))
        self._tier = Tier(settings.agent.metrics.tier.value)

    def close(self) -> None:
        """Let the threads end."""
        self._threads.close()
        self.walker.close()

    async def _text(self, page: Page, form: TextForm) -> bytes:
        return await self._pages.get((page, form), lambda: self._make(page, form))

    async def _make(self, page: Page, form: TextForm) -> bytes:
        openmetrics = form.openmetrics
        text: Callable[[], Iterable[str]]
        if page is Page.CADVISOR:
            tier = self._tier
            scene = await self.meter.scene(tier)
            text = lambda: cadvisor_page(scene, tier, openmetrics=openmetrics)  # noqa: E731
        elif page is Page.RESOURCE:
            reading, pods, failed = await self.meter.resource()
            text = lambda: [  # noqa: E731
                resource_page(reading, pods, failed=failed, openmetrics=openmetrics)
            ]
        else:
            known = {Page.PROBES: self._metrics.probes, Page.SLIS: self._metrics.slis}
            collected = tuple(known.get(page, self._metrics.own)())
            text = lambda: [page_of(collected, openmetrics=openmetrics)]  # noqa: E731
        return await self._threads.run(lambda: written(text(), packed=form.gzip))

    async def _summary(self, only_cpu_and_memory: bool) -> bytes:
        return await self._summaries.get(
            only_cpu_and_memory, lambda: self._make_summary(only_cpu_and_memory)
        )

    async def _make_summary(self, only: bool) -> bytes:
        sight = await self.meter.sight(only_cpu_and_memory=only)
        return await self._threads.run(
            lambda: msgspec.json.encode(summary_of(sight, only_cpu_and_memory=only))
        )

    def _system_parts(self) -> tuple[SystemPart, ...]:
        """The agent, the runtime and, where there is `systemCgroups`, what else was put there."""
        runtime = self._runtime_cgroups
        if not runtime:
            pid = listener(Path(self._endpoint.removeprefix("unix://")))
            runtime = cgroup_of(pid or "none")
        found = {"kubelet": cgroup_of(os.getpid()), "runtime": runtime, "misc": self._misc}
        return tuple(
            SystemPart(name=name, path=path, started_at=self._started)
            for name, path in found.items()
            if path
        )


def _features(settings: Settings) -> Iterator[Feature]:
    for name in sorted(LOCKED_ON | ON | OFF):
        yield Feature(name=name, stage=stage_of(name), enabled=settings.gate(name))


def _listen(given: Given, settings: Settings, ask: Callable[[], DiskFigures]) -> None:
    """Those who do something tell those who count it."""
    metrics, publisher, clock = given.metrics, given.publisher, WallClock()
    own = given.own
    metrics.add(
        PodCounts(
            given.state,
            given.workers.memories,
            node=settings.node.name,
            mirrors=lambda: sum(map(is_mirror, own.items.values())) if own is not None else 0,
        )
    )
    given.observer.on_missed = metrics.missed_events.inc
    given.image_gc.on_removed = metrics.images.removed
    storage = given.storage
    storage.tell(metrics.storage.operated, metrics.storage.measured, metrics.storage.called)
    metrics.add(
        VolumeCounts(given.workers.memories, kind=storage.registry.kind, sockets=storage.sockets)
    )
    metrics.add(DiskCollector(ask, given.workers.memories))
    metrics.count_written(own_written)
    metrics.about.built(build_labels(node_version()), cgroups=given.driver.version)
    metrics.images.count_records(
        lambda: given.access.pulls_begun, lambda: given.access.pulls_recorded
    )
    starts = PodStarts(metrics.pods, memory=given.workers.memory, clock=clock)
    given.pulls.on_pulled = starts.pulled
    publisher.listen(lambda uid: starts.hear(uid, publisher.pod(uid)))
