"""All sources of pods, joined: what is wanted changes here and nowhere else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import TypeAlias

import structlog

from nodeagent.core.merge import merge
from nodeagent.engine.ports import ManifestSource
from nodeagent.model.desired import DesiredPod, Problem, Source, SourceUpdate
from nodeagent.model.ids import PodUid

log = structlog.get_logger()

OnChange: TypeAlias = Callable[[Mapping[PodUid, DesiredPod], tuple[Problem, ...]], None]


class Sources:
    """Runs every source and hands on the joined set whenever it, or its problems, changed.

    `previous` are the pods of the agent's last run. Until a source has told its first update, its
    pods of then stand for it, so that no pod ends because a source is slow. `all_seen` is set
    once every source has told one; where there is no source, by `run`. The first call of
    `on_change` comes no later than that, even if nothing is wanted. A pod that `refuse` has
    something against is a problem and is not wanted.
    """

    def __init__(
        self,
        sources: Mapping[Source, ManifestSource],
        *,
        on_change: OnChange,
        previous: Iterable[DesiredPod] = (),
        refuse: Callable[[DesiredPod], str] = lambda _: "",
    ) -> None:
        self._sources, self._refuse = dict(sources), refuse
        self._on_change = on_change
        self._desired = {pod.uid: pod for pod in previous}
        self._updates = {
            source: SourceUpdate(source=source, pods=_pods_of(source, self._desired.values()))
            for source in self._sources
        }
        self._unseen = set(self._sources)
        self._problems: tuple[Problem, ...] | None = None  # None: nothing handed on yet
        self.all_seen = asyncio.Event()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What keeps manifests from being used now."""
        return self._problems or ()

    async def run(self) -> None:
        """Follow all sources, for ever. One that ends or fails ends this too: that is a bug."""
        if not self._sources:
            self._join()
            self.all_seen.set()
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as group:
            for name, source in self._sources.items():
                group.create_task(self._follow(name, source.updates()), name=f"source {name}")

    async def _follow(self, name: Source, updates: AsyncIterator[SourceUpdate]) -> None:
        async for update in updates:
            self._updates[name] = self._sifted(update)
            self._join()
            self._unseen.discard(name)
            if not self._unseen:
                self.all_seen.set()
        raise SourceEnded(name)

    def _sifted(self, update: SourceUpdate) -> SourceUpdate:
        """The update without the pods that are not to run here."""
        against = {pod.uid: text for pod in update.pods if (text := self._refuse(pod))}
        if not against:
            return update
        problems = [
            Problem(origin=pod.origin, message=against[pod.uid], pod=pod.key)
            for pod in update.pods
            if pod.uid in against
        ]
        return SourceUpdate(
            source=update.source,
            pods=tuple(pod for pod in update.pods if pod.uid not in against),
            problems=(*update.problems, *problems),
        )

    def _join(self) -> None:
        merged = merge(self._updates.values(), self._desired)
        new = [one for one in merged.problems if one not in self.problems]
        if not merged.changed and merged.problems == self._problems:
            return
        self._desired, self._problems = merged.desired, merged.problems
        for one in new:
            log.warning(
                "manifest not used",
                origin=one.origin,
                line=one.line,
                column=one.column,
                problem=one.message,
            )
        self._on_change(merged.desired, merged.problems)


class SourceEnded(Exception):
    """A source that must tell updates for ever came to an end: a bug."""


def _pods_of(source: Source, pods: Iterable[DesiredPod]) -> tuple[DesiredPod, ...]:
    return tuple(pod for pod in pods if pod.source is source)
