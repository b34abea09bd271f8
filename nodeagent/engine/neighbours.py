"""Pods beside each other: who is admitted, who waits for whom, who makes room for whom."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
import structlog

from nodeagent.core import shutdown
from nodeagent.core.admission import admit
from nodeagent.core.ending import spec_grace
from nodeagent.core.preemption import unrecovered, victims
from nodeagent.core.resize import rank
from nodeagent.core.status import PREEMPTED, TERMINAL
from nodeagent.core.subject import subject_of
from nodeagent.core.userns import free_range
from nodeagent.engine.state import NodeState
from nodeagent.engine.worker import PodWorker
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import IdRange
from nodeagent.model.memory import EndRequest, EndWhy, PodMemory, Rejected

log = structlog.get_logger()

UNASKED: Final = 5.0  # seconds that a fresh pod may take to ask before younger ones do


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """The pods of the node, as `Workers` keeps them; `order` is that of their birth."""

    workers: Mapping[PodUid, PodWorker]
    order: Mapping[PodUid, int]
    state: NodeState
    tools: Callable[[], WorkerTools]
    unsupported: Callable[[DesiredPod], str]
    refuses_all: Callable[[], bool]


class Neighbourhood:
    """What one pod's worker is told of the others. Implements `Neighbours`."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self.freed_by = ""

    def is_blocked(self, memory: PodMemory) -> bool:
        """Whether an older pod of the same full name has not ended yet."""
        pod, order = memory.pod, self._crowd.order
        mine = order.get(pod.uid, 0)
        return memory.ending is None and any(
            other.memory.pod.key == pod.key
            and uid != pod.uid
            and (order[uid] < mine or self._is_leaving(uid))
            and not is_over(other.memory)
            for uid, other in self._crowd.workers.items()
        )

    def comes_later(self, memory: PodMemory) -> bool:
        """Whether an older pod has not asked for admission yet: what it gets cannot be had.

        One that does not come to ask within seconds holds up nobody.
        """
        mine = self._crowd.order.get(memory.pod.uid, 0)
        return any(order < mine for order, _ in self._unasked())

    def ring_next(self, memory: PodMemory) -> None:
        """This pod has asked: the next one looks again."""
        others = [pair for pair in self._unasked() if pair[1].memory.pod.uid != memory.pod.uid]
        if others:
            min(others, key=lambda pair: pair[0])[1].ring()

    def _unasked(self) -> list[tuple[int, PodWorker]]:
        """Fresh pods that are about to ask, with the order of their birth."""
        since = self._crowd.tools().clock.now() - UNASKED
        return [
            (self._crowd.order[uid], worker)
            for uid, worker in self._crowd.workers.items()
            if not (worker.has_asked or worker.memory.admitted or worker.memory.rejected)
            and worker.memory.seen_at >= since
            and not self._is_leaving(uid)
        ]

    def refuse(self, memory: PodMemory) -> Rejected | None:
        """Admission among the pods that have been admitted, are not over and are to stay."""
        return self._refuse_beside(memory, self._staying(memory))

    def as_told(self, memory: PodMemory, refused: Rejected) -> Rejected:
        """The refusal in the words for a pod that will not be asked about again."""
        tools, others = self._crowd.tools(), [one.pod.pod for one in self._staying(memory)]
        node, rules = tools.node(), tools.rules()
        return unrecovered(refused, memory.pod.pod, others=others, node=node, rules=rules)

    def must_wait(self, memory: PodMemory) -> bool:
        """Whether only pods that are about to leave stand in the way: then their end is awaited.

        A critical pod that lacks resources makes others leave.
        """
        staying = self._staying(memory)
        refused = self._refuse_beside(memory, staying)
        if refused is None:
            holders = self._holders(memory)
            return len(staying) < len(holders) and self._admit(memory, holders) is not None
        chosen = self._victims(memory, staying)
        for victim in chosen:
            self._preempt(victim, memory)
            self._crowd.tools().meter.preempted(refused.reason)
        return bool(chosen)

    def ring_waiting(self, why: str) -> None:
        """Ring pods that are not admitted, then those that wait for more, whose turn is first."""
        self.freed_by = why
        waiting = [
            (uid, worker)
            for uid, worker in self._crowd.workers.items()
            if not worker.memory.admitted or worker.memory.pending is not None
        ]
        for _, worker in sorted(waiting, key=lambda pair: self._turn(*pair)):
            worker.ring()

    def _turn(self, uid: PodUid, worker: PodWorker) -> tuple[float, ...]:
        wish = self._crowd.state.desired(uid)
        if not worker.memory.admitted or wish is None:
            return (0, self._crowd.order[uid])
        return (1, *rank(worker.memory, wish.spec))

    def id_range(self, memory: PodMemory) -> IdRange | None:
        """User ids for a pod with hostUsers: false; None where it wants none or none are left."""
        if memory.pod.spec.hostUsers is not False or memory.user is not None:
            return memory.user
        workers = self._crowd.workers.values()
        taken = [w.memory.user for w in workers if w.memory.user is not None]
        rules = self._crowd.tools().rules()
        return free_range(taken, length=rules.ids_per_pod, most=rules.max_pods)

    def _is_leaving(self, uid: PodUid) -> bool:
        wish = self._crowd.state.desired(uid)
        return self._crowd.workers[uid].is_to_end or wish is None or wish.deleting

    def _holders(self, memory: PodMemory) -> list[PodMemory]:
        """Other pods that hold resources and ports of the node."""
        return [
            worker.memory
            for uid, worker in self._crowd.workers.items()
            if uid != memory.pod.uid and worker.memory.admitted and not is_over(worker.memory)
        ]

    def _staying(self, memory: PodMemory) -> list[PodMemory]:
        return [m for m in self._holders(memory) if not self._is_leaving(m.pod.uid)]

    def _refuse_beside(self, memory: PodMemory, others: Iterable[PodMemory]) -> Rejected | None:
        if self._crowd.refuses_all():
            return Rejected(reason=shutdown.REASON, message=shutdown.REFUSAL)
        unsupported = self._crowd.unsupported(memory.pod)
        if unsupported:
            return Rejected(reason="VolumeNotSupported", message=unsupported)
        return self._admit(memory, others)

    def _admit(self, memory: PodMemory, others: Iterable[PodMemory]) -> Rejected | None:
        tools, pods = self._crowd.tools(), [other.pod.pod for other in others]
        return admit(memory.pod, others=pods, node=tools.node(), rules=tools.rules())

    # --- preemption -------------------------------------------------------------------------

    def _victims(self, memory: PodMemory, staying: list[PodMemory]) -> list[PodMemory]:
        """Pods to end so that this one is admitted; none where that alone would not help."""
        tools, pods = self._crowd.tools(), [other.pod.pod for other in staying]
        chosen = {
            id(pod)
            for pod in victims(memory.pod.pod, others=pods, node=tools.node(), rules=tools.rules())
        }
        if not chosen:
            return []
        left = [other for other in staying if id(other.pod.pod) not in chosen]
        if self._refuse_beside(memory, left) is not None:
            return []
        return [other for other in staying if id(other.pod.pod) in chosen]

    def _preempt(self, victim: PodMemory, by: PodMemory) -> None:
        log.warning("pod makes room for a critical one", pod=victim.pod.key, critical=by.pod.key)
        recorder = self._crowd.tools().recorder
        recorder.event(subject_of(victim.pod), EventType.WARNING, "Preempting", PREEMPTED)
        request = EndRequest(why=EndWhy.PREEMPTED, grace=spec_grace(victim), message=PREEMPTED)
        self._crowd.workers[victim.pod.uid].end(request)


def is_over(memory: PodMemory) -> bool:
    """Whether the pod no longer holds anything of the node."""
    phase = memory.status.phase if memory.status else None
    return memory.rejected is not None or (memory.torn_down and phase in TERMINAL)
