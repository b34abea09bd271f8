"""Run every source of pods, merge what they want, hand it on when it changed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from nodeagent.core.merge import merge
from nodeagent.engine.ports import ManifestSource
from nodeagent.model.desired import DesiredPod, Problem, SourceUpdate
from nodeagent.model.ids import PodUid

log = structlog.get_logger()

OnChange = Callable[[Mapping[PodUid, DesiredPod]], None]


class Sources:
    """The only one that says what is wanted. `all_seen` is set once every source has spoken."""

    def __init__(
        self,
        sources: Sequence[ManifestSource],
        *,
        on_change: OnChange,
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda _: None,
        before: Mapping[PodUid, DesiredPod] | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._on_change, self._on_problems = on_change, on_problems
        self._latest: dict[int, SourceUpdate] = {}
        self._desired: dict[PodUid, DesiredPod] = dict(before or {})
        self.problems: tuple[Problem, ...] = ()
        self.all_seen = asyncio.Event()

    async def run(self) -> None:
        """Listen to all of them, for ever."""
        if not self._sources:
            self.all_seen.set()
        async with asyncio.TaskGroup() as group:
            for number, source in enumerate(self._sources):
                group.create_task(self._follow(number, source), name=f"source-{number}")
            await asyncio.Event().wait()

    async def _follow(self, number: int, source: ManifestSource) -> None:
        async for update in source.updates():
            self._latest[number] = update
            if len(self._latest) == len(self._sources):
                self._take()

    def _take(self) -> None:
        """Merge; nothing is handed on before every source has spoken, so that none is missed."""
        merged = merge(self._latest.values(), self._desired)
        self._desired = merged.desired
        if merged.problems != self.problems:
            self._tell_problems(merged.problems)
        if merged.changed or not self.all_seen.is_set():
            self._on_change(merged.desired)
        self.all_seen.set()

    def _tell_problems(self, problems: tuple[Problem, ...]) -> None:
        known = set(self.problems)
        self.problems = problems
        for problem in problems:
            if problem not in known:
                log.warning(
                    "manifest is not used",
                    file=problem.origin,
                    line=problem.line,
                    column=problem.column,
                    error=problem.message,
                )
        self._on_problems(problems)
