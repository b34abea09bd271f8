"""RuntimeClasses of the API: which handler of the runtime each name means."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from nodeagent.core.api_objects import Kept
from nodeagent.engine.api_ports import Api
from nodeagent.errors import ApiError
from nodeagent.model.api import RUNTIME_CLASSES, Purpose

log = structlog.get_logger()

AGAIN: Final = 5.0


class ApiClasses:
    """Watches all of them, for they are few. `on_change` takes handlers by the classes' names."""

    def __init__(self, api: Api, *, on_change: Callable[[Mapping[str, str]], None]) -> None:
        self._api, self._on_change = api, on_change
        self.handlers: dict[str, str] | None = None  # None: never read

    def restore(self, kept: Iterable[Kept]) -> None:
        """What an earlier run was told."""
        for one in kept:
            if one.classes is not None:
                self._take(one.classes)

    async def run(self) -> None:
        """Follow them, for ever."""
        while True:
            try:
                async for told in self._api.watch(RUNTIME_CLASSES, purpose=Purpose.DATA):
                    self._take({name: one.handler for name, one in sorted(told.items.items())})
            except ApiError as error:
                log.warning("runtime classes cannot be read", error=str(error))
            await asyncio.sleep(AGAIN * random.uniform(1.0, 1.5))

    def _take(self, handlers: dict[str, str]) -> None:
        if handlers != self.handlers:
            self.handlers = handlers
            self._on_change(handlers)
