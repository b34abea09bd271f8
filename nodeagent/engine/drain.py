"""Empty the node on request and keep it empty: pods end in order, none starts, until undone."""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
import structlog

from nodeagent.aio.bell import Bell
from nodeagent.core.pod_state import state_of
from nodeagent.core.qos import has_system_priority
from nodeagent.model.desired import DesiredPod
from nodeagent.model.drain import DrainState, Left
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory

log = structlog.get_logger()

LOOK = 1.0  # seconds until the next look at who is left


class Marker(Protocol):
    """Remembers over a restart of the agent, but not over a reboot, that the node is drained."""

    def is_set(self) -> bool: ...

    def set(self) -> None:
        """HostError where it cannot be kept."""
        ...

    def clear(self) -> None:
        """HostError where it cannot be removed."""
        ...


class Drain:
    """Stands between the sources and the desired set: while draining, wishes are held back.

    Pods end as if their manifests were gone, each within its own grace; those of a system priority
    class only once all others have ended. Manifests are still read, and what they ask for then
    starts when the drain is undone.
    """

    def __init__(
        self,
        *,
        want: Callable[[Mapping[PodUid, DesiredPod]], object],
        memories: Callable[[], tuple[PodMemory, ...]],
        marker: Marker,
    ) -> None:
        self._want, self._memories, self._marker = want, memories, marker
        self._latest: Mapping[PodUid, DesiredPod] = {}
        self._passed: Mapping[PodUid, DesiredPod] | None = None
        self._bell = Bell()
        self.draining = marker.is_set()

    def take(self, desired: Mapping[PodUid, DesiredPod]) -> None:
        """What the sources want now."""
        self._latest = desired
        self._pass_on()

    def begin(self) -> None:
        """End every pod and start none; safe to repeat."""
        self._marker.set()
        if not self.draining:
            log.info("drain begins", pods=len(self._memories()))
        self.draining = True
        self._pass_on()
        self._bell.ring()

    def undo(self) -> None:
        """Start again what the manifests ask for; safe to repeat."""
        self._marker.clear()
        if self.draining:
            log.info("drain undone", pods=len(self._latest))
        self.draining = False
        self._pass_on()

    def state(self) -> DrainState:
        """Who is left."""
        return DrainState(
            draining=self.draining, left=tuple(_left(memory) for memory in self._memories())
        )

    async def run(self) -> None:
        """Let the critical pods go once the others have; for ever."""
        while True:
            await self._bell.wait(at_most=LOOK if self.draining else None)
            self._pass_on()

    def _pass_on(self) -> None:
        allowed = self._allowed()
        if allowed != self._passed:
            self._passed = allowed
            self._want(allowed)

    def _allowed(self) -> Mapping[PodUid, DesiredPod]:
        if not self.draining:
            return self._latest
        present = {memory.pod.uid: memory.pod for memory in self._memories()}
        if all(has_system_priority(pod.pod) for pod in present.values()):
            return {}
        return {
            uid: pod
            for uid, pod in self._latest.items()
            if uid in present and has_system_priority(pod.pod)
        }


def _left(memory: PodMemory) -> Left:
    pod = msgspec.structs.replace(memory.pod.pod, status=memory.status)
    return Left(
        namespace=memory.pod.namespace,
        name=memory.pod.name,
        state="Terminating" if memory.ending else state_of(pod).word,
        until=memory.ending.deadline_at if memory.ending else 0.0,
        critical=has_system_priority(memory.pod.pod),
    )
