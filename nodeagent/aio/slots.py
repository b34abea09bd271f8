"""So many at once and no more, where the number can change while some are held or waited for."""

import asyncio
from collections import deque


class Slots:
    """At most `limit` holders (1 at the least); who waits longest comes next."""

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 1)
        self._held = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def resize(self, limit: int) -> None:
        """A larger limit lets waiting ones in at once; a smaller one takes no slot away."""
        self._limit = max(limit, 1)
        self._admit()

    async def __aenter__(self) -> None:
        """Wait for a slot."""
        if self._held < self._limit:
            self._held += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Give the slot to the next."""
        self._leave()

    def _leave(self) -> None:
        self._held -= 1
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._held < self._limit:
            place = self._waiting.popleft()
            if not place.done():
                self._held += 1
                place.set_result(None)
