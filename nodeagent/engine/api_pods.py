"""The pods that the API gives this node, as a source of pods like any other."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.aio.bell import Bell
from nodeagent.core.api_pod import age_order, desired_of
from nodeagent.core.mirror import is_mirror
from nodeagent.engine.own_pods import OwnPods
from nodeagent.engine.ports import Clock
from nodeagent.model.desired import DesiredPod, Problem, Source, SourceUpdate
from nodeagent.model.ids import PodUid

PATIENCE: Final = 1.0  # seconds in which a connection must be there
LONGEST: Final = 10.0  # and in which the pods must have come


class ApiPods:
    """Pods bound to this node, without mirror pods.

    `previous` are the API's pods of the agent's last run: they stand for the API's while it does
    not answer, so that no pod ends for a server that is away, and every pod is back after a reboot
    without it. `ended` are those whose end had begun; they are not wanted anew. `connected` tells
    whether there is a connection at all.

    A pod that is deleted by force is told once more before it is gone, with the grace of that
    delete. One that a list no longer has is just gone.
    """

    def __init__(
        self,
        own: OwnPods,
        *,
        previous: Iterable[DesiredPod],
        ended: Iterable[DesiredPod] = (),
        connected: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._own, self._connected, self._clock = own, connected, clock
        self._previous = tuple(pod for pod in previous if pod.source is Source.API)
        known = [*self._previous, *(pod for pod in ended if pod.source is Source.API)]
        self._pods = {pod.uid: pod for pod in known}
        self._by_name: dict[str, DesiredPod] = {}
        self._problems: dict[str, Problem] = {}
        self._changed: set[str] = set()
        self._deleted: dict[str, v1.Pod] = {}
        self._bell = Bell()
        own.listen(self._hear)

    async def updates(self) -> AsyncIterator[SourceUpdate]:
        """See `ManifestSource`."""
        if not await self._answered():
            yield SourceUpdate(source=Source.API, pods=self._previous)
            await self._own.seen.wait()
        self._changed |= self._own.items.keys()
        while True:
            leaving = self._take_deleted()
            self._take()
            if leaving:
                yield self._update(leaving)
            yield self._update(())
            await self._bell.wait(at_most=None)

    async def _answered(self) -> bool:
        """Whether the API told its pods, within the time that pods are kept waiting for it."""
        waited = 0.0
        while not self._own.seen.is_set() and waited < LONGEST:
            await self._bell.wait(at_most=PATIENCE)
            waited += PATIENCE
            if not self._connected():
                break
        return self._own.seen.is_set()

    def _update(self, leaving: Iterable[DesiredPod]) -> SourceUpdate:
        pods = sorted([*self._by_name.values(), *leaving], key=age_order)
        problems = tuple(self._problems[key] for key in sorted(self._problems))
        return SourceUpdate(source=Source.API, pods=tuple(pods), problems=problems)

    def _hear(self, changed: frozenset[str]) -> None:
        self._changed |= changed
        self._deleted |= self._own.deleted
        self._bell.ring()

    def _take_deleted(self) -> list[DesiredPod]:
        """The last wishes for pods that were wanted till now."""
        deleted, self._deleted = self._deleted, {}
        leaving = []
        for pod in deleted.values():
            before = self._pods.get(PodUid((pod.metadata.uid if pod.metadata else None) or ""))
            if before is None:
                continue
            wish = desired_of(pod, seen_at=self._clock.now(), before=before)
            if wish is not None and wish.deleting:
                leaving.append(wish)
        return leaving

    def _take(self) -> None:
        """Make wishes of the pods that changed."""
        names, self._changed = self._changed, set()
        for name in names:
            self._problems.pop(name, None)
            self._by_name.pop(name, None)
            pod = self._own.get(name)
            if pod is None or is_mirror(pod):
                continue
            uid = PodUid((pod.metadata.uid if pod.metadata else None) or "")
            wish = desired_of(pod, seen_at=self._clock.now(), before=self._pods.get(uid))
            if wish is None:
                message = "the API tells a pod without a uid, a name or containers"
                self._problems[name] = Problem(origin="", message=message, pod=name)
                continue
            self._by_name[name] = self._pods[uid] = wish
        if names:
            self._pods = {pod.uid: pod for pod in self._by_name.values()}
