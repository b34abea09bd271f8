"""Paces work that the runtime is slow at, so that many pods at once finish soonest."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

SLOW = 10.0


class _Once:
    """Calls at most once."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call

    def __call__(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call()


class Gate:
    """At most `limit` holders; the waiting one with the lowest rank comes next, then the oldest.

    The runtime serializes much of its work, so more calls at once than it can use only make
    each of them slower, and its own bookkeeping dearer. A holder that takes longer than `slow`
    seconds hangs rather than works: its place is given to the next.
    """

    def __init__(self, limit: int, *, slow: float = SLOW) -> None:
        self.limit = max(limit, 1)
        self._slow = slow
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
        leave = _Once(self._leave)
        timer = asyncio.get_running_loop().call_later(self._slow, leave)
        try:
            yield
        finally:
            timer.cancel()
            leave()

    def _leave(self) -> None:
        self._held -= 1
        self._admit()

    async def _queue(self, rank: int) -> None:
        place = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._leave()
            raise

    def _admit(self) -> None:
        while self._waiting and self._held < self.limit:
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                self._held += 1
                place.set_result(None)
