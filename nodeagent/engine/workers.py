"""One task for each pod: start it, ring it, let it go when its pod is forgotten."""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from nodeagent.core.orphan import orphan_pod
from nodeagent.core.remember import first_memory
from nodeagent.engine.execute import Executor, Tools
from nodeagent.engine.neighbours import Crowd, Neighbourhood
from nodeagent.engine.state import NodeState
from nodeagent.engine.worker import PodWorker
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndRequest, Health, PodMemory
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
        self.neighbours = Neighbourhood(
            Crowd(
                workers=self._workers,
                order=self._order,
                state=state,
                tools=self._equipment,
                unsupported=lambda pod: executor_tools().volumes.unsupported(pod),
                refuses_all=lambda: self.refuses_all,
            )
        )
        self.on_forgotten: Callable[[PodMemory], None] = lambda _: None

    def equip(self, tools: WorkerTools) -> None:
        """Hand over what workers use; once, before `run`."""
        self._tools = tools

    def _equipment(self) -> WorkerTools:
        assert self._tools is not None, "nothing works before it is equipped"
        return self._tools

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

    def health_changed(self, uid: PodUid, container: str, health: Health) -> None:
        """A probe decided: the pod looks again."""
        self.ring(uid)

    def memory_changed(self, uid: PodUid) -> None:
        """A streak of a probe changed: the pod's record is saved when it comes to rest."""
        self.ring(uid)

    def ring_each(self, uids: Iterable[PodUid]) -> None:
        """Something that concerns these pods changed."""
        for uid in uids:
            self.ring(uid)

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
        self._tools.meter.orphaned()
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
        self.neighbours.ring_waiting("pods_removed")
        wish = self._state.desired(uid)
        if wish is not None and not wish.deleting:
            self._equipment().meter.restarted(static=wish.is_static)
            self._begin(uid)
        elif not self._state.observed(uid).is_gone:
            self._begin(uid)

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
