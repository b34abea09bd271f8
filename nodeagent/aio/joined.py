"""Callers who ask for the same at the same time share one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Joined(Generic[K, T]):
    """One making of each thing at a time; nothing is kept once it is made."""

    def __init__(self) -> None:
        self._under_way: dict[K, asyncio.Future[T]] = {}

    async def get(self, key: K, make: Callable[[], Awaitable[T]]) -> T:
        """What is being made for `key` already, or what `make` makes now.

        Its error is everybody's who waited. Where its maker is cancelled, the next one makes it.
        """
        while (waiting := self._under_way.get(key)) is not None:
            await asyncio.wait((waiting,))
            if not waiting.cancelled():
                return waiting.result()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._under_way[key] = future
        try:
            made = await make()
        except Exception as error:
            future.set_exception(error)
            future.exception()  # seen, should nobody have waited
            raise
        else:
            future.set_result(made)
            return made
        finally:
            future.cancel()  # where it is neither made nor failed
            del self._under_way[key]
