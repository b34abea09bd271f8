"""Evicts pods where the node runs short, and those that take more disk than they may."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from nodeagent.core.eviction import (
    DISK,
    INODES,
    RESOURCE,
    Sight,
    eviction_told,
    is_relieved,
    judge,
    ranked,
)
from nodeagent.core.local_limits import has_local_limits, violation
from nodeagent.core.qos import is_critical
from nodeagent.core.status import TERMINAL
from nodeagent.core.subject import subject_of
from nodeagent.engine.evict_ports import Gauge, Pods, Presses
from nodeagent.engine.ports import Clock, Recorder
from nodeagent.errors import AgentError
from nodeagent.model.events import EventType, Subject
from nodeagent.model.eviction import (
    EvictionRules,
    EvictionState,
    EvictionTold,
    Signal,
    Threshold,
    Verdict,
)
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndRequest, EndWhy, PodMemory

log = structlog.get_logger()

PERIOD: Final = 10.0
CLEANUP: Final = 30  # seconds that one pod's end is waited for before the next look
AT_ONCE: Final = 1.0  # grace of a pod after a hard threshold, and beyond its own limits
Reclaim = Callable[[], Awaitable[object]]


class EvictParts(msgspec.Struct, frozen=True, kw_only=True):
    """What eviction works with. `reclaim` frees the disk of what no pod needs."""

    gauge: Gauge
    pods: Pods
    node: Presses
    recorder: Recorder
    clock: Clock
    reclaim: Sequence[Reclaim]
    ready: asyncio.Event
    name: str  # of the node


class Evictor:
    """Looks each ten seconds; at most one pod goes for the node's sake at each look.

    `rules` are asked for anew each time. `on_evicted` hears of each eviction: the signal and
    the seconds since the look that showed it; the kind of limit, and None, of a pod's own.
    """

    def __init__(self, parts: EvictParts, *, rules: Callable[[], EvictionRules]) -> None:
        self._parts, self._rules = parts, rules
        self._state = EvictionState()
        self._subject = Subject(kind="Node", name=parts.name, uid=PodUid(parts.name))
        self.on_evicted: Callable[[str, float | None], None] = lambda signal, age: None

    async def run(self) -> None:
        """Look, for ever, once it is known which pods there are."""
        await self._parts.ready.wait()
        while True:
            try:
                gone = await self.look()
            except AgentError as error:
                log.warning("the node cannot be measured", error=str(error))
                gone = ()
            await self._until_gone(gone)
            await asyncio.sleep(PERIOD)

    async def look(self) -> tuple[PodUid, ...]:
        """One look at the node; the pods that were told to go."""
        looked_at = self._parts.clock.now()
        sight = await self._parts.gauge.node()
        verdict = self._judge(sight)
        self._state = verdict.state
        self._parts.node.press(verdict.pressure)
        beyond = self._beyond_limits()
        if beyond or not verdict.acting:
            return beyond
        return await self._relieve(verdict, sight, looked_at)

    def _judge(self, sight: Sight) -> Verdict:
        rules = self._rules()
        return judge(
            rules.thresholds,
            sight,
            self._state,
            transition=rules.transition,
            now=self._parts.clock.now(),
        )

    # --- the node's sake --------------------------------------------------------------------

    async def _relieve(
        self, verdict: Verdict, sight: Sight, looked_at: float
    ) -> tuple[PodUid, ...]:
        threshold = verdict.acting[0]
        resource = RESOURCE[threshold.signal]
        text = f"Attempting to reclaim {resource}"
        self._parts.recorder.event(self._subject, EventType.WARNING, "EvictionThresholdMet", text)
        log.warning("the node is short", signal=threshold.signal.value, threshold=threshold.value)
        if resource in (DISK, INODES) and await self._is_freed(threshold.signal):
            log.info("the node has room again without the end of a pod", resource=resource)
            return ()
        active = self._active()
        uses = await self._parts.gauge.pods(memory.pod for memory in active.values())
        own_images = self._parts.gauge.has_own_images()
        order = ranked(
            [memory.pod.pod for memory in active.values()],
            {str(uid): use for uid, use in uses.items()},
            threshold.signal,
            own_images=own_images,
        )
        for pod in order:
            memory = active[PodUid((pod.metadata.uid if pod.metadata else None) or "")]
            uid = memory.pod.uid
            told = eviction_told(pod, uses.get(uid), verdict.acting, sight)
            self._evict(memory, told, grace=self._grace(memory, threshold), disrupts=True)
            age = max(self._parts.clock.now() - looked_at, 0.0)
            self.on_evicted(threshold.signal.value, age)
            return (uid,)
        log.warning("no pod may be evicted", signal=threshold.signal.value)
        return ()

    async def _is_freed(self, signal: Signal) -> bool:
        """Take away what no pod needs; whether the node is short of nothing any more."""
        on_images = signal in (Signal.IMAGE_FS, Signal.IMAGE_INODES)
        if self._parts.gauge.has_own_images() and not on_images:
            return False
        for reclaim in self._parts.reclaim:
            try:
                await reclaim()
            except AgentError as error:
                log.warning("nothing freed", error=str(error))
        return is_relieved(self._rules().thresholds, await self._parts.gauge.node())

    def _grace(self, memory: PodMemory, threshold: Threshold) -> float:
        """Seconds; after a soft threshold what it asks for, up to evictionMaxPodGracePeriod."""
        if not threshold.grace:
            return AT_ONCE
        own = memory.pod.spec.terminationGracePeriodSeconds
        asked = 30.0 if own is None else float(own)
        most = self._rules().most_grace
        return asked if most < 0 else min(asked, most)

    def _active(self) -> dict[PodUid, PodMemory]:
        """Pods that run or may, oldest first."""
        found = {}
        for memory in self._parts.pods.memories():
            phase = memory.status.phase if memory.status else None
            if memory.admitted and memory.ending is None and phase not in TERMINAL:
                found[memory.pod.uid] = memory
        return found

    # --- a pod's own limits -----------------------------------------------------------------

    def _beyond_limits(self) -> tuple[PodUid, ...]:
        """Tell every pod to go that takes more of the disk than it may."""
        if not self._rules().local_limits:
            return ()
        limited = {
            uid: memory
            for uid, memory in self._active().items()
            if has_local_limits(memory.pod.spec) and not is_critical(memory.pod.pod)
        }
        if not limited:
            return ()
        own_images = self._parts.gauge.has_own_images()
        gone = []
        for uid, use in self._parts.gauge.disks(limited).items():
            broken = violation(limited[uid].pod.spec, use, own_images=own_images)
            if broken is not None:
                told = EvictionTold(message=broken.text)
                self._evict(limited[uid], told, grace=AT_ONCE, disrupts=False)
                self.on_evicted(broken.signal, None)
                gone.append(uid)
        return tuple(gone)

    # --- one pod ----------------------------------------------------------------------------

    def _evict(
        self, memory: PodMemory, told: EvictionTold, *, grace: float, disrupts: bool
    ) -> None:
        subject, text = subject_of(memory.pod), told.message
        recorder = self._parts.recorder
        recorder.event(subject, EventType.WARNING, "Evicted", text, told.annotations)
        log.warning("pod is evicted", pod=memory.pod.key, why=text)
        request = EndRequest(why=EndWhy.EVICTED, grace=grace, message=text, disrupts=disrupts)
        self._parts.pods.end(memory.pod.uid, request)

    async def _until_gone(self, uids: Sequence[PodUid]) -> None:
        """Wait until their volumes and cgroups are gone, not for ever."""
        for _ in range(CLEANUP):
            if all(self._is_gone(uid) for uid in uids):
                return
            await asyncio.sleep(1.0)
        log.warning("an evicted pod takes long to end", pods=list(uids))

    def _is_gone(self, uid: PodUid) -> bool:
        memory = self._parts.pods.memory(uid)
        return memory is None or memory.torn_down
