"""Builds what keeps the node in order beside its pods: a piece of `app.py`."""

import asyncio

import msgspec

from nodeagent.adapters.cri.connect import Cri
from nodeagent.adapters.host.leftovers import HostLeftovers
from nodeagent.adapters.host.log_files import HostLogFiles
from nodeagent.aio.supervise import Component
from nodeagent.aio.threads import Threads
from nodeagent.build import Driver
from nodeagent.engine.dead import DeadLimit
from nodeagent.engine.execute import Tools
from nodeagent.engine.log_rotation import LogRotation
from nodeagent.engine.state import NodeState
from nodeagent.engine.sweep import Sweep
from nodeagent.engine.workers import Workers
from nodeagent.model.ids import PodUid
from nodeagent.model.node import PodDirs
from nodeagent.settings import Settings


class Upkeep(msgspec.Struct, frozen=True, kw_only=True):
    """What the components are made of."""

    settings: Settings
    threads: Threads
    cri: Cri
    state: NodeState
    dirs: PodDirs
    driver: Driver
    tools: Tools
    workers: Workers
    ready: asyncio.Event

    def components(self) -> dict[str, Component]:
        """What runs, in the order of its start."""
        kubelet, dead = self.settings.kubelet, self.settings.dead_containers
        rotation = LogRotation(
            state=self.state,
            files=HostLogFiles(self.threads),
            containers=self.cri.containers,
            clock=self.tools.clock,
            period=kubelet.container_log_monitor_interval,
            max_bytes=kubelet.container_log_max_size_bytes,
            max_files=kubelet.container_log_max_files,
        )
        sweep = Sweep(
            leftovers=HostLeftovers(self.dirs, self.threads),
            files=self.tools.files,
            volumes=self.tools.volumes,
            cgroups=lambda: self.driver,
            is_known=self._is_known,
            alive=self._alive,
            ready=self.ready,
        )
        limit = DeadLimit(
            state=self.state,
            per_container=dead.per_container,
            total=dead.total,
            allow=self._allow_dead,
        )
        return {"log rotation": rotation.run, "sweep": sweep.run, "dead": limit.run}

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
