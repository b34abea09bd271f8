"""Callers who ask for the same at the same time share one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _GaveUp(Exception):
    """Whoever made the answer was cancelled or failed; those who waited try themselves."""


class Joined(Generic[K, T]):
    """One making of each thing at a time; nothing is kept once it is made."""

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Future[T]] = {}

    async def get(self, key: K, make: Callable[[], Awaitable[T]]) -> T:
        """What is being made for `key` already, or what `make` makes now."""
        while (waiting := self._under_way.get(key)) is not None:
            try:
                return await asyncio.shield(waiting)
            except _GaveUp:
                continue
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            made = await make()
        except BaseException:
            future.set_exception(_GaveUp())
            future.exception()  # seen, should nobody have waited
            raise
        finally:
            del self._under_way[key]
        future.set_result(made)
        return made
