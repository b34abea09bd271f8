"""Looks at the runtime, with how long they took told to whoever counts."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from nodeagent.engine.ports import Sight
from nodeagent.model.ids import ContainerId, PodUid, SandboxId
from nodeagent.model.observed import ObservedPod, SeenContainer, SeenSandbox


class LookMeter(Protocol):
    """Hears of looks; its calls are quick and never fail."""

    def relisted(self, seconds: float, *, failed: bool) -> None:
        """Everything was listed, or was to be."""
        ...

    def looked(self, seconds: float) -> None:
        """Something of one pod was looked at, or was to be."""
        ...


class TimedSight:
    """The same `Sight`."""

    def __init__(self, sight: Sight, meter: LookMeter) -> None:
        self._sight, self._meter = sight, meter

    async def list_pods(self) -> tuple[ObservedPod, ...]:
        """See `Sight`."""
        began, failed = time.monotonic(), True
        try:
            found = await self._sight.list_pods()
            failed = False
        finally:
            self._meter.relisted(time.monotonic() - began, failed=failed)
        return found

    async def look(self, uid: PodUid) -> ObservedPod:
        """See `Sight`."""
        with self._timed():
            return await self._sight.look(uid)

    async def look_container(self, container: ContainerId) -> SeenContainer | None:
        """See `Sight`."""
        with self._timed():
            return await self._sight.look_container(container)

    async def look_sandbox(self, sandbox: SandboxId) -> SeenSandbox | None:
        """See `Sight`."""
        with self._timed():
            return await self._sight.look_sandbox(sandbox)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self._meter.looked(time.monotonic() - began)
