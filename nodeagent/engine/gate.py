"""Paces work that the runtime is slow at, so that many pods at once finish soonest."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """At most `limit` holders; the waiting one with the lowest rank comes next, then the oldest.

    The runtime serializes much of its work, so more calls at once than it can use only make
    each of them slower, and its own bookkeeping dearer.
    """

    def __init__(self, limit: int) -> None:
        self.limit = max(limit, 1)
        self._held = 0
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def hold(self, *, rank: int) -> AsyncIterator[None]:
        """Wait for a place, keep it inside the block. Lower ranks go first."""
        if self._held >= self.limit or self._waiting:
            await self._queue(rank)
        else:
            self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._admit()

    async def _queue(self, rank: int) -> None:
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._held -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        while self._waiting and self._held < self.limit:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                self._held += 1
                place.set_result(None)
