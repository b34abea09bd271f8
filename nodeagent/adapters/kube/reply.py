"""One request and its answer as it comes, whatever the connection below speaks."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from nodeagent.model.api import Purpose

MOST: Final = 128 << 20  # bytes of an answer
TOO_LARGE: Final = "AnswerTooLarge"  # the reason of an error because of it


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. `path` has its query; names of headers are in lower case."""

    purpose: Purpose
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Broken(Exception):
    """The connection ended. `unseen`: the server has surely not begun with the request."""

    def __init__(self, detail: str, *, unseen: bool = False) -> None:
        super().__init__(detail)
        self.unseen = unseen


class TooLarge(Broken):
    """The answer is larger than what is taken of one."""


class Reply:
    """One answer: a connection fills it, one reader takes it; it must be closed or read whole.

    `taken` is called with the weight of what the reader took or left unread, `left` once when the
    reader closes before the end.
    """

    def __init__(self, *, taken: Callable[[int], None], left: Callable[[], None]) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self._taken, self._left = taken, left
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._over = False
        self._broken: Broken | None = None
        self._waiter: asyncio.Future[None] | None = None

    # --- the reader -------------------------------------------------------------------------

    async def head(self) -> None:
        """Wait until `status` and `headers` are there. Broken where the connection ended."""
        while not self.status:
            if self._broken is not None:
                raise self._broken
            await self._news()

    async def chunk(self) -> bytes:
        """The next bytes of the body, b"" at its end. Broken where the connection ended."""
        while not self._chunks:
            if self._broken is not None:
                raise self._broken
            if self._over:
                return b""
            await self._news()
        data, weight = self._chunks.popleft()
        self._taken(weight)
        return data

    async def body(self) -> bytes:
        """All the rest of the body. TooLarge where it is larger than what is taken of one."""
        parts: list[bytes] = []
        size = 0
        while part := await self.chunk():
            parts.append(part)
            size += len(part)
            if size > MOST:
                raise TooLarge(f"the answer is larger than {MOST >> 20} MiB")
        return b"".join(parts)

    @property
    def waiting(self) -> bool:
        """Whether there is something to take without waiting."""
        return bool(self._chunks)

    def close(self) -> None:
        """The reader wants no more; may be repeated, also after the end."""
        unread = sum(weight for _, weight in self._chunks)
        self._chunks.clear()
        if unread:
            self._taken(unread)
        if not self._over and self._broken is None:
            self._over = True
            self._left()

    async def _news(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # --- the connection ---------------------------------------------------------------------

    def start(self, status: int, headers: Mapping[str, str]) -> None:
        """The head came."""
        self.status, self.headers = status, headers
        self._wake()

    def add(self, data: bytes, weight: int) -> None:
        """Bytes of the body came."""
        self._chunks.append((data, weight))
        self._wake()

    def end(self) -> None:
        """The body is whole."""
        self._over = True
        self._wake()

    def fail(self, error: Broken) -> None:
        """Nothing more will come. What came before can still be read."""
        if not self._over:
            self._broken = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
