"""Who is told when a pod's status changed: the local API now, the API server once joined."""

from collections.abc import Callable

import msgspec
import structlog
from lightkube.models import core_v1 as v1

from nodeagent.core.status import TERMINAL
from nodeagent.core.times import as_time
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndWhy, PodMemory
from nodeagent.model.observed import ObservedPod

log = structlog.get_logger()


class Publisher:
    """Keeps every pod as it was last shown; listeners are called when that changed."""

    def __init__(self) -> None:
        self._shown: dict[PodUid, v1.Pod] = {}
        self._from: dict[PodUid, tuple[object, ...]] = {}
        self._listeners: list[Callable[[PodUid], None]] = []

    def listen(self, listener: Callable[[PodUid], None]) -> None:
        """Call this with a pod's uid after each change of what is shown of it."""
        self._listeners.append(listener)

    def publish(self, memory: PodMemory, seen: ObservedPod) -> None:
        """Show the pod as the memory has it; cheap where nothing changed."""
        uid = memory.pod.uid
        basis = (memory.pod, memory.status, memory.ending, bool(seen.running), memory.torn_down)
        if self._from.get(uid) == basis:
            return
        self._from[uid] = basis
        before = self._shown.get(uid)
        self._shown[uid] = shown = _as_shown(memory, seen, before)
        if before is not None:
            _log_change(memory, before, shown)
        for listener in self._listeners:
            listener(uid)

    def forget(self, uid: PodUid) -> None:
        """The pod is no more."""
        self._from.pop(uid, None)
        if self._shown.pop(uid, None) is not None:
            for listener in self._listeners:
                listener(uid)

    def pod(self, uid: PodUid) -> v1.Pod | None:
        """One pod as shown; None where there is none."""
        return self._shown.get(uid)

    def pods(self) -> tuple[v1.Pod, ...]:
        """Every pod as shown."""
        return tuple(self._shown.values())


def _as_shown(memory: PodMemory, seen: ObservedPod, before: v1.Pod | None) -> v1.Pod:
    """The pod with its status; a terminal phase is not told while a container may run.

    One that the API has already is nothing new to anybody.
    """
    status = memory.status or v1.PodStatus(phase="Pending")
    if status.phase in TERMINAL and seen.running and memory.pod.over is None:
        old = before.status.phase if before and before.status else None
        phase = old if old and old not in TERMINAL else "Running"
        status = msgspec.structs.replace(status, phase=phase)
    pod = memory.pod.pod
    ending = memory.ending
    if ending is not None and ending.why is EndWhy.DELETED and pod.metadata is not None:
        if pod.metadata.deletionTimestamp is None:
            metadata = msgspec.structs.replace(
                pod.metadata,
                deletionTimestamp=as_time(ending.deadline_at),
                deletionGracePeriodSeconds=int(ending.grace),
            )
            pod = msgspec.structs.replace(pod, metadata=metadata)
    return msgspec.structs.replace(pod, status=status)


def _log_change(memory: PodMemory, before: v1.Pod, after: v1.Pod) -> None:
    old, new = _phase(before), _phase(after)
    if old != new:
        log.debug("pod phase", pod=f"{memory.pod.namespace}/{memory.pod.name}", was=old, now=new)


def _phase(pod: v1.Pod) -> str:
    return (pod.status.phase if pod.status else None) or "Pending"
