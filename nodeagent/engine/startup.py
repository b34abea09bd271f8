"""What must be known before the first pod is touched, and what must exist."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from nodeagent.core.resources import qos_cgroups, root_cgroup
from nodeagent.engine.node import NodeKeeper
from nodeagent.engine.observe import Observer
from nodeagent.engine.ports import Cgroups
from nodeagent.engine.sources import Sources
from nodeagent.engine.workers import Workers
from nodeagent.errors import AgentError, SettingsError
from nodeagent.model.node import NodeRules

log = structlog.get_logger()

REFRESH = 60.0


def choose_driver(configured: str, told: str) -> str:
    """The cgroup driver to use: the runtime's where it tells (KEP-4033), else the configured one.

    SettingsError where the configuration asks for systemd and the runtime uses cgroupfs: every
    container would land outside its pod's slice.
    """
    if not told or told == configured:
        return configured
    if configured == "systemd":
        raise SettingsError(
            op="configure",
            target="cgroupDriver",
            detail="systemd is configured here, but the container runtime uses cgroupfs; either "
            "set `SystemdCgroup = true` in containerd's config.toml under "
            '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options], '
            "or `cgroupDriver: cgroupfs` in the kubelet configuration",
        )
    return told


class RootCgroups:
    """Keeps kubepods and its two parents at what the pods of the moment ask for."""

    def __init__(
        self,
        *,
        cgroups: Callable[[], Cgroups],
        keeper: NodeKeeper,
        rules: Callable[[], NodeRules],
        workers: Workers,
        enforced: Callable[[], Mapping[str, int]],
    ) -> None:
        self._cgroups, self._keeper, self._rules = cgroups, keeper, rules
        self._workers, self._enforced = workers, enforced

    async def ensure(self) -> None:
        """They exist with the right values afterwards. HostError where the kernel refuses."""
        rules, node = self._rules(), self._keeper.facts
        await self._cgroups().ensure_root(root_cgroup(self._enforced(), rules=rules))
        specs = [memory.pod.spec for memory in self._workers.memories() if not memory.torn_down]
        for cgroup in qos_cgroups(specs, node=node, rules=rules):
            await self._cgroups().ensure_root(cgroup)

    async def run(self) -> None:
        """Once a minute, for ever."""
        while True:
            await asyncio.sleep(REFRESH)
            try:
                await self.ensure()
            except AgentError as error:
                log.warning("kubepods cgroups cannot be kept", error=str(error))


class Startup:
    """Opens the gate for the workers once everything is known that they decide by."""

    def __init__(
        self,
        *,
        keeper: NodeKeeper,
        observer: Observer,
        sources: Sources,
        learn_driver: Callable[[str], None],
        roots: RootCgroups,
        ready: asyncio.Event,
    ) -> None:
        self._keeper, self._observer, self._sources = keeper, observer, sources
        self._learn_driver, self._roots = learn_driver, roots
        self._ready = ready

    async def run(self) -> None:
        """Wait for the runtime's answer and first list, and for every source; then keep house."""
        await self._keeper.known.wait()
        self._learn_driver(self._keeper.info.cgroup_driver)
        await self._make_roots()
        await self._observer.first_look.wait()
        await self._sources.all_seen.wait()
        self._ready.set()
        await self._roots.run()

    async def _make_roots(self) -> None:
        pause = 1.0
        while True:
            try:
                await self._roots.ensure()
                return
            except AgentError as error:
                log.warning("kubepods cgroups cannot be made", error=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
