"""One task for each pod: start it, ring it, let it go when its pod is forgotten."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from nodeagent.core import shutdown
from nodeagent.core.admission import admit
from nodeagent.core.orphan import orphan_pod
from nodeagent.core.remember import first_memory
from nodeagent.core.resize import rank
from nodeagent.core.status import TERMINAL
from nodeagent.core.userns import free_range
from nodeagent.engine.execute import Executor, Tools
from nodeagent.engine.state import NodeState
from nodeagent.engine.worker import PodWorker
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import IdRange
from nodeagent.model.memory import EndRequest, PodMemory, Rejected
from nodeagent.model.observed import ObservedPod

log = structlog.get_logger()


class Workers:
    """Owns the pods' tasks and their memories.

    Nothing starts before `run`: records must be known, every source must have spoken once and
    the runtime must have been looked at, so that no pod is ended for want of knowledge.
    """

    def __init__(
        self, *, state: NodeState, executor_tools: Callable[[], Tools], ready: asyncio.Event
    ) -> None:
        self._state, self._executor_tools, self._ready = state, executor_tools, ready
        self._tools: WorkerTools | None = None
        self._workers: dict[PodUid, PodWorker] = {}
        self._order: dict[PodUid, int] = {}
        self._born = 0
        self._group: asyncio.TaskGroup | None = None
        self._records: dict[PodUid, PodMemory] = {}
        self.refuses_all = False  # the machine goes down
        self.first_round = asyncio.Event()
        self.on_forgotten: Callable[[PodMemory], None] = lambda _: None

    def equip(self, tools: WorkerTools) -> None:
        """Hand over what workers use; once, before `run`."""
        self._tools = tools

    def restore(self, records: Iterable[PodMemory]) -> None:
        """What was remembered on disk; once, before `run`."""
        by_age = sorted(records, key=lambda memory: memory.seen_at)
        self._records = {memory.pod.uid: memory for memory in by_age}

    async def run(self) -> None:
        """Work on every pod, for ever."""
        await self._ready.wait()
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._state.listen(wish=self._hear_wish, sight=self.ring)
            try:
                for uid in self._all_known():
                    self._hear_wish(uid)
                for worker in tuple(self._workers.values()):
                    await worker.first_round.wait()
                self.first_round.set()
                await asyncio.Event().wait()
            finally:
                self._group = None

    def _all_known(self) -> list[PodUid]:
        """Pods in the order to begin with: those that have a record first, then by their wish."""
        known = list(self._records)
        known += [pod.uid for pod in self._state.all_desired()]
        known += [pod.uid for pod in self._state.all_observed()]
        return list(dict.fromkeys(known))

    # --- bells ------------------------------------------------------------------------------

    def ring(self, uid: PodUid) -> None:
        """Something of the pod may have changed; a pod nobody knows is taken in to be ended."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.ring()
        elif self._group is not None:
            self._begin(uid)

    def ring_all(self) -> None:
        """Something that concerns every pod changed."""
        for worker in self._workers.values():
            worker.ring()

    def _hear_wish(self, uid: PodUid) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.hear_wish()
        else:
            self._begin(uid)

    def _begin(self, uid: PodUid) -> None:
        memory = self._memory_for(uid)
        if memory is None:
            return
        if self._group is None or self._tools is None:
            return
        worker = PodWorker(memory, self._tools, Executor(self._executor_tools()))
        if uid in self._records:
            worker.restored()
            del self._records[uid]
        self._born += 1
        self._order[uid] = self._born
        self._workers[uid] = worker
        self._group.create_task(self._live(uid, worker), name=f"pod-{uid}")

    def _memory_for(self, uid: PodUid) -> PodMemory | None:
        """What a new worker begins with: the record, a fresh memory, or that of an orphan."""
        assert self._tools is not None
        if uid in self._records:
            return self._records[uid]
        now = self._tools.clock.now()
        wish = self._state.desired(uid)
        if wish is not None:
            return first_memory(wish, now=now)
        seen = self._state.observed(uid)
        if seen.is_gone:
            return None
        log.warning("pod in the runtime that nobody wants", pod=uid, name=seen.name)
        return PodMemory(pod=orphan_pod(seen), seen_at=now, admitted=True)

    async def _live(self, uid: PodUid, worker: PodWorker) -> None:
        try:
            await worker.run()
        finally:
            worker.first_round.set()
        del self._workers[uid]
        del self._order[uid]
        self.on_forgotten(worker.memory)
        for other in self._workers.values():
            if other.memory.pod.key == worker.memory.pod.key:
                other.ring()
        self.ring_waiting()
        wish = self._state.desired(uid)
        if (wish is not None and not wish.deleting) or not self._state.observed(uid).is_gone:
            self._begin(uid)

    # --- Neighbours -------------------------------------------------------------------------

    def is_blocked(self, memory: PodMemory) -> bool:
        """Whether an older pod of the same full name has not ended yet."""
        pod = memory.pod
        mine = self._order.get(pod.uid, 0)
        return memory.ending is None and any(
            other.memory.pod.key == pod.key
            and uid != pod.uid
            and (self._order[uid] < mine or self._is_leaving(other.memory))
            and not _is_over(other.memory)
            for uid, other in self._workers.items()
        )

    def _is_leaving(self, memory: PodMemory) -> bool:
        wish = self._state.desired(memory.pod.uid)
        return memory.ending is not None or wish is None or wish.deleting

    def refuse(self, memory: PodMemory) -> Rejected | None:
        """Admission among the pods that have been admitted, are not over and are to stay."""
        if self.refuses_all:
            return Rejected(reason=shutdown.REASON, message=shutdown.REFUSAL)
        unsupported = self._executor_tools().volumes.unsupported(memory.pod)
        if unsupported:
            return Rejected(reason="VolumeNotSupported", message=unsupported)
        return self._admit(memory, [m for m in self._holders(memory) if not self._is_leaving(m)])

    def must_wait(self, memory: PodMemory) -> bool:
        """Whether only pods that are about to leave stand in the way: then their end is awaited."""
        holders = self._holders(memory)
        if not any(self._is_leaving(m) for m in holders):
            return False
        return self.refuse(memory) is None and self._admit(memory, holders) is not None

    def ring_waiting(self) -> None:
        """Ring pods that are not admitted, then those that wait for more, whose turn is first."""
        waiting = [
            (uid, worker)
            for uid, worker in self._workers.items()
            if not worker.memory.admitted or worker.memory.pending is not None
        ]
        for _, worker in sorted(waiting, key=lambda pair: self._turn(*pair)):
            worker.ring()

    def _turn(self, uid: PodUid, worker: PodWorker) -> tuple[float, ...]:
        wish = self._state.desired(uid)
        if not worker.memory.admitted or wish is None:
            return (0, self._order[uid])
        return (1, *rank(worker.memory, wish.spec))

    def id_range(self, memory: PodMemory) -> IdRange | None:
        """User ids for a pod with hostUsers: false; None where it wants none or none are left."""
        assert self._tools is not None
        if memory.pod.spec.hostUsers is not False or memory.user is not None:
            return memory.user
        taken = [w.memory.user for w in self._workers.values() if w.memory.user is not None]
        rules = self._tools.rules()
        return free_range(taken, length=rules.ids_per_pod, most=rules.max_pods)

    def _holders(self, memory: PodMemory) -> list[PodMemory]:
        """Other pods that hold resources and ports of the node."""
        return [
            worker.memory
            for uid, worker in self._workers.items()
            if uid != memory.pod.uid and worker.memory.admitted and not _is_over(worker.memory)
        ]

    def _admit(self, memory: PodMemory, others: Iterable[PodMemory]) -> Rejected | None:
        assert self._tools is not None
        pods = [other.pod.pod for other in others]
        return admit(memory.pod, others=pods, node=self._tools.node(), rules=self._tools.rules())

    # --- asked by the server and by others --------------------------------------------------

    def memories(self) -> tuple[PodMemory, ...]:
        """What is remembered of every pod, in the order of their birth."""
        ranked = sorted(self._workers, key=lambda uid: self._order[uid])
        return tuple(self._workers[uid].memory for uid in ranked)

    def memory(self, uid: PodUid) -> PodMemory | None:
        """What is remembered of one pod."""
        worker = self._workers.get(uid)
        return worker.memory if worker is not None else None

    def seen(self, uid: PodUid) -> ObservedPod:
        """What the runtime has of a pod."""
        return self._state.observed(uid)

    def end(self, uid: PodUid, request: EndRequest) -> None:
        """End a pod for a reason of the node; one that nobody knows counts as ended."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.end(request)

    def restart(self, uid: PodUid, container: str, at: float) -> None:
        """Restart one container ("" for all) of the pod now, its back-off forgotten."""
        self._workers[uid].restart(container, at)


def _is_over(memory: PodMemory) -> bool:
    """Whether the pod no longer holds anything of the node."""
    phase = memory.status.phase if memory.status else None
    return memory.rejected is not None or (memory.torn_down and phase in TERMINAL)
