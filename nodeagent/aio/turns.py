"""One at a time for each key, while other keys go on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nodeagent.aio.slots import Slots


class Turns:
    """Whoever wants the same key waits for the one before; in the order of asking."""

    def __init__(self) -> None:
        self._slots: dict[str, Slots] = {}
        self._wanted: dict[str, int] = {}

    @asynccontextmanager
    async def of(self, key: str) -> AsyncIterator[None]:
        """Hold the key within."""
        slots = self._slots.setdefault(key, Slots(1))
        self._wanted[key] = self._wanted.get(key, 0) + 1
        try:
            async with slots:
                yield
        finally:
            self._wanted[key] -= 1
            if not self._wanted[key]:
                del self._wanted[key], self._slots[key]
