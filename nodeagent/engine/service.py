"""Tell the service manager that the agent is up, and that its loop still turns."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import structlog

from nodeagent.engine.workers import Workers

log = structlog.get_logger()

LONGEST_START = 45.0  # a pod that hangs must not make the service manager give up on us


class ServiceManager(Protocol):
    """Who started the agent, if anybody; every call is quick and never fails."""

    @property
    def watchdog_period(self) -> float:
        """Seconds between two `alive` calls; 0.0 for no watchdog."""
        ...

    def ready(self, status: str = "") -> bool:
        """Start-up is over."""
        ...

    def alive(self) -> bool:
        """The loop turns."""
        ...

    def stopping(self, status: str = "") -> bool:
        """The end has begun."""
        ...


class Service:
    """READY after the first full reconcile; then signs of life as long as it `beats`."""

    def __init__(
        self, manager: ServiceManager, workers: Workers, beats: Callable[[], bool]
    ) -> None:
        self._manager, self._workers, self._beats = manager, workers, beats

    async def run(self) -> None:
        """For ever. The watchdog is fed from the start, for a slow start is no hang."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(), name="watchdog")
                group.create_task(self._announce(), name="ready")
                await asyncio.Event().wait()
        finally:
            self._manager.stopping("pods go on running")

    async def _announce(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_START):
                await self._workers.first_round.wait()
        count = len(self._workers.memories())
        self._manager.ready(f"{count} pods")
        log.info("agent is ready", pods=count)

    async def _feed(self) -> None:
        period = self._manager.watchdog_period
        while period > 0:
            if self._beats():
                self._manager.alive()
            else:
                log.error("work is stuck: the watchdog is not fed")
            await asyncio.sleep(period)
