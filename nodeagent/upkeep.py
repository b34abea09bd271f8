"""Builds what keeps the node in order beside its pods: a piece of `app.py`."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from nodeagent.adapters.credentials.config import load_providers
from nodeagent.adapters.credentials.plugins import Plugins
from nodeagent.adapters.cri.connect import Cri
from nodeagent.adapters.host.disks import HostDisks
from nodeagent.adapters.host.docker_config import DockerConfig
from nodeagent.adapters.host.gauge import HostGauge
from nodeagent.adapters.host.leftovers import HostLeftovers
from nodeagent.adapters.host.log_files import HostLogFiles
from nodeagent.adapters.host.ooms import KernelOoms
from nodeagent.adapters.host.pull_files import HostPullFiles
from nodeagent.adapters.probes.checks import ProbeChecks
from nodeagent.adapters.probes.http import HttpHooks
from nodeagent.adapters.probes.pressure import ProcPressure
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.build import Driver
from nodeagent.core.bucket import Bucket
from nodeagent.core.image_access import AccessRules
from nodeagent.core.rules import enforced_capacity, eviction_rules, gc_rules, log_rules, probe_rules
from nodeagent.engine.dead import DeadLimit, DeadSweep
from nodeagent.engine.evict import Evictor, EvictParts
from nodeagent.engine.execute import Tools
from nodeagent.engine.gauge import GaugeParts, ImagePaths, NodeGauge, PodDisks
from nodeagent.engine.hooks import Hooks
from nodeagent.engine.image_access import ImageAccess
from nodeagent.engine.image_gc import GcPorts, ImageGc
from nodeagent.engine.log_rotation import LogRotation
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.observe import Observer
from nodeagent.engine.ports import Clock, DataSource, Recorder
from nodeagent.engine.probe_ports import Listener
from nodeagent.engine.probing import Probing
from nodeagent.engine.sources import Sources
from nodeagent.engine.startup import RootCgroups, Startup
from nodeagent.engine.state import NodeState
from nodeagent.engine.sweep import Sweep
from nodeagent.engine.system_oom import SystemOoms
from nodeagent.engine.workers import Workers
from nodeagent.metrics import AgentMetrics
from nodeagent.model.disk_figures import DiskFigures
from nodeagent.model.ids import PodUid
from nodeagent.model.node import PodDirs
from nodeagent.server.deeds import ImageDeeds
from nodeagent.settings import Settings


def pull_bucket(settings: Settings) -> Bucket:
    """How often images may be pulled."""
    kubelet = settings.kubelet
    return Bucket(rate=kubelet.registry_pull_qps, burst=kubelet.registry_burst)


class _Keys:
    """The node's own credentials: its docker configuration and its plugins."""

    def __init__(
        self, settings: Settings, threads: Threads, tell: Callable[[str, float, bool], None]
    ) -> None:
        root, given = str(settings.paths.root), settings.credential_providers
        self.configured = DockerConfig(root, threads).configured
        providers = load_providers(given.config, given.bin_dir) if given else ()
        folder = given.bin_dir if given else Path("/")
        self.provided = Plugins(providers, folder, tell=tell).provided


def image_access(
    settings: Settings,
    data: Callable[[], DataSource],
    threads: Threads,
    clock: Clock,
    metrics: AgentMetrics,
) -> ImageAccess:
    """Who may pull and use which image. SettingsError where a plugin is not as configured."""
    kubelet = settings.kubelet
    return ImageAccess(
        data=data,
        keys=_Keys(settings, threads, metrics.asked.plugin_ran),
        files=HostPullFiles(str(settings.paths.root), threads),
        clock=clock,
        checked=metrics.images.checked,
        rules=AccessRules(
            policy=kubelet.image_pull_credentials_verification_policy,
            allowed=kubelet.preloaded_images_verification_allowlist,
        ),
    )


def log_rotation(
    settings: Settings, threads: Threads, *, cri: Cri, state: NodeState, clock: Clock
) -> LogRotation:
    """Rotation of containers' logs as the settings say."""
    return LogRotation(
        state=state,
        files=HostLogFiles(threads),
        containers=cri.containers,
        clock=clock,
        rules=log_rules(settings),
    )


def image_gc(
    settings: Settings,
    threads: Threads,
    *,
    cri: Cri,
    ready: asyncio.Event,
    given: tuple[NodeState, ImageAccess, Recorder, Clock],
) -> ImageGc:
    """Image garbage collection as the settings say."""
    state, access, recorder, clock = given
    return ImageGc(
        GcPorts(
            images=cri.images,
            disks=HostDisks(threads),
            state=state,
            access=access,
            recorder=recorder,
            clock=clock,
        ),
        rules=gc_rules(settings),
        node=settings.node.name,
        ready=ready,
    )


def image_deeds(gc: ImageGc) -> ImageDeeds:
    """What the local API may do with images."""
    return ImageDeeds(
        report=lambda everything: gc.report(everything=everything),
        collect=lambda everything: gc.collect(everything=everything),
    )


def hooks(cri: Cri, recorder: Recorder, metrics: AgentMetrics) -> Hooks:
    """Lifecycle hooks, and who counts what becomes of them."""
    made = Hooks(runtime=cri.containers, http=HttpHooks(), recorder=recorder)
    metrics.node.count_hooks(lambda: made.http_fallbacks, lambda: made.sleeps_cut)
    return made


def probing(
    settings: Settings, *, cri: Cri, recorder: Recorder, clock: Clock, listener: Listener
) -> Probing:
    """Probes of all pods as the settings say."""
    return Probing(
        checks=ProbeChecks(cri.containers),
        pressure=ProcPressure(),
        recorder=recorder,
        clock=clock,
        listener=listener,
        rules=probe_rules(settings),
    )


def startup(
    settings: Callable[[], Settings],
    driver: Driver,
    *,
    keeper: NodeKeeper,
    observer: Observer,
    sources: Sources,
    given: tuple[Workers, asyncio.Event],
) -> Startup:
    """What opens the gate for the workers and keeps the parents of pods' cgroups."""
    workers, ready = given
    roots = RootCgroups(
        cgroups=lambda: driver,
        keeper=keeper,
        rules=lambda: driver.rules,
        workers=workers,
        enforced=lambda: enforced_capacity(settings(), keeper.facts.capacity),
    )
    return Startup(
        keeper=keeper,
        observer=observer,
        sources=sources,
        learn_driver=driver.learn,
        roots=roots,
        ready=ready,
    )


class Evicts(msgspec.Struct, frozen=True, kw_only=True):
    """What eviction needs beside the rest of the upkeep. `settings` are those in force."""

    settings: Callable[[], Settings]
    keeper: NodeKeeper
    image_gc: ImageGc
    images: ImagePaths
    disks: Callable[[], DiskFigures]
    metrics: AgentMetrics


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """What the components are made of."""

    settings: Settings
    threads: Threads
    state: NodeState
    dirs: PodDirs
    driver: Driver
    tools: Tools
    workers: Workers
    ready: asyncio.Event
    evicts: Evicts

    def components(self) -> dict[str, Component]:
        """What runs, in the order of its start."""
        dead = self.settings.dead_containers
        sweep = Sweep(
            leftovers=HostLeftovers(self.dirs, self.threads),
            files=self.tools.files,
            volumes=self.tools.volumes,
            cgroups=lambda: self.driver,
            is_known=self._is_known,
            alive=self._alive,
            ready=self.ready,
        )
        sweep.on_swept = self.evicts.metrics.node.swept
        limit = DeadLimit(
            state=self.state,
            per_container=dead.per_container,
            total=dead.total,
            allow=self._allow_dead,
        )
        name, recorder = self.settings.node.name, self.tools.recorder
        return {
            "sweep": sweep.run,
            "dead": limit.run,
            "eviction": self._evictor().run,
            "system ooms": SystemOoms(KernelOoms(self.threads), recorder, node=name).run,
        }

    def _evictor(self) -> Evictor:
        """Who ends pods where the node runs short."""
        given, driver = self.evicts, self.driver
        gauge = NodeGauge(
            GaugeParts(
                host=HostGauge(self.threads),
                cgroups=driver,
                disks=PodDisks(given.disks, seen=self.workers.seen),
                images=given.images,
                rules=lambda: driver.rules,
                pods_limit=lambda: enforced_capacity(
                    given.settings(), given.keeper.facts.capacity
                ).get("memory", 0),
                seen=self.workers.seen,
                root=str(self.settings.paths.root),
            )
        )
        dead = DeadSweep(self._allow_dead, usual=lambda: driver.rules.dead_per_container)
        evictor = Evictor(
            EvictParts(
                gauge=gauge,
                pods=self.workers,
                node=given.keeper,
                recorder=self.tools.recorder,
                clock=self.tools.clock,
                reclaim=(dead.sweep, lambda: given.image_gc.collect(everything=True)),
                ready=self.ready,
                name=self.settings.node.name,
            ),
            rules=lambda: eviction_rules(given.settings()),
        )
        evictor.on_evicted = given.metrics.node.evicted
        return evictor

    def _is_known(self, uid: PodUid) -> bool:
        seen = self.state.observed(uid)
        return (
            self.workers.memory(uid) is not None
            or self.state.desired(uid) is not None
            or not seen.is_gone
            or bool(seen.trouble)
        )

    def _alive(self) -> frozenset[str]:
        return frozenset(c.id for pod in self.state.all_observed() for c in pod.containers)

    def _allow_dead(self, number: int) -> None:
        if self.driver.rules.dead_per_container != number:
            self.driver.rules = msgspec.structs.replace(
                self.driver.rules, dead_per_container=number
            )
            self.workers.ring_all()
