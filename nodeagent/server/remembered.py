"""Answers that are kept for a while: bounded, and asked once however many want them."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from nodeagent.aio.joined import Joined

T = TypeVar("T")
MOST = 4096  # answers; the oldest go first


class Remembered(Generic[T]):
    """`now` counts seconds and never goes back."""

    def __init__(self, now: Callable[[], float], *, most: int = MOST) -> None:
        self._now, self._most = now, most
        self._known: dict[bytes, tuple[float, T]] = {}
        self._asked: Joined[bytes, T] = Joined()

    def __len__(self) -> int:
        return len(self._known)

    async def get(
        self, key: bytes, ask: Callable[[], Awaitable[T]], *, keep: Callable[[T], float]
    ) -> T:
        """The answer of `ask`, or an earlier one not older than `keep` says in seconds.

        While one caller asks, others with the same key wait for its answer; its error is theirs,
        and is not kept.
        """
        known = self._known.get(key)
        if known is not None and self._now() < known[0]:
            return known[1]

        async def asked() -> T:
            answer = await ask()
            self._known.pop(key, None)
            self._known[key] = (self._now() + keep(answer), answer)
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]
            return answer

        return await self._asked.get(key, asked)
