"""Measures how long pods that are new took to start, each once."""

from collections.abc import Callable

from lightkube.models import core_v1 as v1

from nodeagent.core.startup import has_started, is_stateful, time_covered, time_of_init
from nodeagent.core.status import TERMINAL
from nodeagent.engine.pod_meter import PodMeter
from nodeagent.engine.ports import Clock
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import PodMemory


class PodStarts:
    """`memory` is what a pod's worker remembers.

    A pod that an earlier run of the agent knew, or that ran when it was first shown, is old.
    """

    def __init__(
        self, meter: PodMeter, *, memory: Callable[[PodUid], PodMemory | None], clock: Clock
    ) -> None:
        self._meter, self._memory, self._clock = meter, memory, clock
        self._since = clock.now()
        self._pulls: dict[PodUid, list[tuple[float, float]]] = {}  # of pods that are starting
        self._old: set[PodUid] = set()
        self._had_network = False

    def pulled(self, uid: PodUid, asked_at: float, done_at: float) -> None:
        """An image was pulled for a pod."""
        if uid in self._pulls:
            self._pulls[uid].append((asked_at, done_at))

    def hear(self, uid: PodUid, pod: v1.Pod | None) -> None:
        """A pod is shown so now; None once it is shown no more."""
        if pod is None:
            self._forget(uid)
            return
        status = pod.status or v1.PodStatus()
        if uid in self._old:
            return
        if status.phase in TERMINAL:
            self._settle(uid)
        elif has_started(status):
            if uid in self._pulls:
                self._tell(uid, pod)
            self._settle(uid)
        elif self._is_new(uid):
            self._pulls.setdefault(uid, [])
        else:
            self._settle(uid)

    def _is_new(self, uid: PodUid) -> bool:
        memory = self._memory(uid)
        return uid in self._pulls or (memory is not None and memory.seen_at >= self._since)

    def _settle(self, uid: PodUid) -> None:
        self._pulls.pop(uid, None)
        self._old.add(uid)

    def _forget(self, uid: PodUid) -> None:
        self._pulls.pop(uid, None)
        self._old.discard(uid)

    def _tell(self, uid: PodUid, pod: v1.Pod) -> None:
        spec, memory = pod.spec or v1.PodSpec(containers=[]), self._memory(uid)
        if memory is None:
            return
        made = pod.metadata.creationTimestamp if pod.metadata is not None else None
        began = memory.seen_at if made is None or memory.pod.is_static else made.timestamp()
        is_first = not self._had_network and not spec.hostNetwork and not is_stateful(spec)
        self._had_network = self._had_network or is_first
        self._meter.started(
            max(self._clock.now() - began, 0.0),
            without=time_covered(self._pulls[uid]) + time_of_init(pod),
            stateful=is_stateful(spec),
            first_with_network=is_first,
        )
