"""Tell the API server how its pods are, and let go of those that are over.

Each pod has at most one request on its way; what changes meanwhile goes with the next. The API's
own pod is what a report is compared with, so whatever somebody else wrote is put right, and a
status that is told already is never told again.
"""

import asyncio
from collections.abc import Callable

import msgspec
import structlog
from lightkube.models import core_v1 as v1

from nodeagent.aio.bell import Bell
from nodeagent.core.mirror import is_mirror_of
from nodeagent.core.status_patch import is_leaving, is_urgent, may_go, status_change
from nodeagent.engine.api_ports import Api
from nodeagent.engine.own_pods import OwnPods
from nodeagent.engine.ports import Clock
from nodeagent.engine.publish import Publisher
from nodeagent.errors import ApiConflict, ApiError, ApiInvalid, ApiNotFound
from nodeagent.model.api import PODS, Purpose
from nodeagent.model.desired import Source
from nodeagent.model.ids import PodKey, PodUid, pod_key
from nodeagent.model.memory import PodMemory

log = structlog.get_logger()

SETTLE = 0.25  # seconds that a change nobody waits for may wait for the next one
LEAVING = 1.0  # seconds that the end of a deleted pod's containers may wait for its last status
MOST_AT_ONCE = 10
HOLD_FIRST, HOLD_LONGEST = 0.5, 5.0  # seconds of silence while the server is away
FORBIDDEN = 403
AGAIN = 10.0  # seconds until a status that the server refused is tried again


class ReportCounts(msgspec.Struct):
    """How many reports were made, and how many were not needed."""

    patches: int = 0
    deletes: int = 0
    refused: int = 0


class StatusReport:
    """The only one who writes the status of this node's pods, and the one who deletes them last.

    `memory` gives what the worker of a pod remembers, None once it is forgotten. `on_told` hears
    how many seconds a change of a status took to reach the server.
    """

    def __init__(
        self,
        *,
        api: Api,
        own: OwnPods,
        publisher: Publisher,
        memory: Callable[[PodUid], PodMemory | None],
        clock: Clock,
    ) -> None:
        self._api, self._own, self._publisher = api, own, publisher
        self._memory, self._clock = memory, clock
        self._keys: dict[PodUid, PodKey] = {}
        self._due: dict[PodUid, tuple[float, bool]] = {}  # when at the earliest; not urgent
        self._flying: set[PodUid] = set()
        self._settled: dict[PodUid, tuple[v1.PodStatus, v1.PodStatus | None]] = {}
        self._hold, self._held_until = 0.0, 0.0
        self._bell = Bell()
        self.counts = ReportCounts()
        self._since: dict[PodUid, float] = {}  # when the first change came that is not told yet
        self.on_told: Callable[[float], None] = lambda seconds: None
        publisher.listen(self._hear_pod)
        own.listen(self._hear_api)

    async def run(self) -> None:
        """Report for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._bell.wait(at_most=self._until_next())
                for uid in self._ready():
                    del self._due[uid]
                    self._flying.add(uid)
                    group.create_task(self._tell(uid), name=f"report {uid}")

    # --- what is to be told -----------------------------------------------------------------

    def _hear_pod(self, uid: PodUid) -> None:
        """A worker shows its pod otherwise, or no longer."""
        shown = self._publisher.pod(uid)
        if shown is None:
            for known in (self._keys, self._due, self._settled, self._since):
                known.pop(uid, None)
            return
        self._keys[uid] = _key(shown)
        self._consider(uid, shown)

    def _hear_api(self, changed: frozenset[str]) -> None:
        """The API has these pods otherwise: one of ours may have to be told again."""
        for uid, key in self._keys.items():
            shown = self._publisher.pod(uid) if key in changed else None
            if shown is not None:
                self._consider(uid, shown)

    def _consider(self, uid: PodUid, shown: v1.Pod) -> None:
        known = self._target(uid, shown)
        if known is None or shown.status is None:
            return
        urgent, settle = is_urgent(known, shown.status), SETTLE
        if is_leaving(known, shown.status):
            urgent, settle = False, LEAVING
        urgent = urgent or self._is_over(uid, known)
        at = self._clock.now() + (0.0 if urgent else settle)
        self._since.setdefault(uid, self._clock.now())
        before = self._due.get(uid)
        if before is None or (at, not urgent) < before:
            self._due[uid] = (at, not urgent)
            self._bell.ring()

    def _target(self, uid: PodUid, shown: v1.Pod) -> v1.Pod | None:
        """The pod in the API that the status goes to: itself, or the mirror of a static pod."""
        known = self._own.get(_key(shown))
        if known is None or known.metadata is None:
            return None
        return known if known.metadata.uid == uid or is_mirror_of(known, shown) else None

    def _is_over(self, uid: PodUid, known: v1.Pod) -> bool:
        """Whether nothing of the pod is left here but its record, and its object may go."""
        memory = self._memory(uid)
        over = memory is not None and memory.torn_down and memory.pod.source is Source.API
        return over and known.metadata is not None and bool(known.metadata.deletionTimestamp)

    # --- when -------------------------------------------------------------------------------

    def _ready(self) -> list[PodUid]:
        """Whose turn it is: the urgent ones first; one alone while the server is away."""
        now = self._clock.now()
        if now < self._held_until:
            return []
        most = (1 if self._hold else MOST_AT_ONCE) - len(self._flying)
        due = [
            (later, at, uid)
            for uid, (at, later) in self._due.items()
            if at <= now and uid not in self._flying
        ]
        return [uid for _, _, uid in sorted(due)[: max(most, 0)]]

    def _until_next(self) -> float | None:
        """Seconds until somebody's turn comes; None where only a ring can bring one."""
        full = len(self._flying) >= (1 if self._hold else MOST_AT_ONCE)
        waiting = [at for uid, (at, _) in self._due.items() if uid not in self._flying]
        if not waiting or full:
            return None
        return max(min(waiting), self._held_until) - self._clock.now()

    # --- telling ----------------------------------------------------------------------------

    async def _tell(self, uid: PodUid) -> None:
        """One pod's report; what could not be told is told later."""
        try:
            await self._report(uid)
            self._hold = 0.0
        except (ApiNotFound, ApiConflict) as error:
            self._hold = 0.0  # gone, or another pod of the same name: the watch will say so
            log.debug("pod is another in the API", pod=self._keys.get(uid), error=str(error))
            self._later(uid, AGAIN)
        except ApiError as error:
            if isinstance(error, ApiInvalid) or error.code == FORBIDDEN:
                self._hold = 0.0  # this pod's trouble alone
                self.counts.refused += 1
                log.warning("status is refused", pod=self._keys.get(uid), error=str(error))
                self._later(uid, AGAIN)
            else:
                self._go_silent(error)
                self._later(uid, 0.0)
        finally:
            self._flying.discard(uid)
            self._bell.ring()

    async def _report(self, uid: PodUid) -> None:
        shown = self._publisher.pod(uid)
        known = self._target(uid, shown) if shown is not None else None
        if shown is None or shown.status is None or known is None:
            return
        key, status = _key(shown), shown.status
        since = self._since.pop(uid, None)
        namespace, _, name = key.partition("/")
        patch = {} if self._is_settled(uid, status, known) else status_change(known, status)
        if patch:
            self.counts.patches += 1
            try:
                known = await self._api.patch(
                    PODS, name, patch, namespace, purpose=Purpose.STATUS, subresource="status"
                )
            except ApiError:
                if since is not None and uid in self._keys:
                    self._since[uid] = since
                raise
            self._own.put(key, known)
            self._settled[uid] = (status, known.status)
            if since is not None:
                self.on_told(max(self._clock.now() - since, 0.0))
        if may_go(known) and self._is_over(uid, known):
            self.counts.deletes += 1
            await self._api.delete(PODS, name, namespace, purpose=Purpose.STATUS, uid=uid, grace=0)
            log.info("pod let go", pod=key)

    def _is_settled(self, uid: PodUid, status: v1.PodStatus, known: v1.Pod) -> bool:
        """Whether the server's pod is what it made of this very status: its own way to write it."""
        return self._settled.get(uid) == (status, known.status)

    def _later(self, uid: PodUid, seconds: float) -> None:
        if uid in self._keys:
            self._due.setdefault(uid, (self._clock.now() + seconds, True))

    def _go_silent(self, error: ApiError) -> None:
        """The server is away: everybody waits, then one asks for all."""
        if not self._hold:
            log.warning("pods cannot be reported", error=str(error))
        self._hold = min(max(self._hold * 2, HOLD_FIRST), HOLD_LONGEST)
        self._held_until = self._clock.now() + max(self._hold, error.retry_after)


def _key(pod: v1.Pod) -> PodKey:
    assert pod.metadata is not None
    return pod_key(pod.metadata.namespace or "default", pod.metadata.name or "")
