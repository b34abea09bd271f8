"""Objects of one kind as they are now: a list, then a watch, for ever."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
import structlog

from nodeagent.adapters.kube.encoding import Page, Unreadable, WatchEvent, decode
from nodeagent.adapters.kube.refusal import refusal
from nodeagent.adapters.kube.reply import TOO_LARGE, Broken, Reply
from nodeagent.errors import ApiError, ApiForbidden, ApiGone, ApiUnavailable
from nodeagent.model.api import PODS, ApiKind, Objects, Purpose, object_key

log = structlog.get_logger()

T = TypeVar("T")

PAGE: Final = 500
_FEWER: Final = 8  # a page that is too large is asked for in so many
_SHORT: Final = 300  # seconds a watch lasts at the least; at most twice that
_SHORT_OF_ONE: Final = 1800  # of a single object, which moves seldom and has no bookmarks
_SLACK: Final = 30.0  # what the server may take longer to end it
_FIRST_PAUSE: Final = 0.8
_LONGEST_PAUSE: Final = 30.0
_LONGEST_AWAY: Final = 8.0  # where there is no server at all: soon back once there is one
_SPREAD: Final = 2.0  # seconds over which watches come back after the server was away
_TOO_NEW: Final = 504  # "Too large resource version": what was heard last is not known there
_LONGEST_LINE: Final = 16 << 20  # bytes of one event; etcd takes objects of 1.5 MiB
_STEADY: Final = 10.0  # seconds after which a watch that ends was a good one


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects."""

    kind: ApiKind[Any]
    namespace: str
    purpose: Purpose
    fields: str
    labels: str

    @property
    def path(self) -> str:
        return self.kind.path(self.namespace)

    @property
    def query(self) -> dict[str, str]:
        chosen = {"fieldSelector": self.fields, "labelSelector": self.labels}
        return {name: value for name, value in chosen.items() if value}

    @property
    def of_one(self) -> bool:
        """Whether it is one object, by its name."""
        return self.fields.startswith("metadata.name=")


class Requests(Protocol):
    """What a watch needs of the client."""

    async def call(
        self, method: str, path: str, *, purpose: Purpose, query: Mapping[str, str] | None = None
    ) -> bytes:
        """One request and its answer's body."""
        ...

    async def stream(self, path: str, *, purpose: Purpose, query: Mapping[str, str]) -> Reply:
        """A request whose answer goes on."""
        ...

    async def returned(self, *, at_most: float) -> bool:
        """Wait for the server to be back."""
        ...

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        ...


class Follower(Generic[T]):
    """Lists and watches one selection. Source of the resource versions: client-go's reflector."""

    def __init__(self, requests: Requests, chosen: Selection) -> None:
        self._requests, self._chosen = requests, chosen
        self._items: dict[str, T] = {}
        self._deleted: dict[str, T] = {}
        self._version = ""  # of the last thing heard; "" where a list is due
        # "0": the list may be of any age; "": only the newest will do. An old list of pods would
        # look as if some had gone, and they would be ended.
        self._floor = "" if chosen.kind is PODS else "0"
        self._page_size = PAGE
        self._pause = 0.0
        self._told = False
        self._opened_at, self._seconds = 0.0, 0
        self._rest_of_line = bytearray()

    async def updates(self) -> AsyncIterator[Objects[T]]:
        """See `Api.watch`."""
        while True:
            try:
                if not self._version:
                    changed = await self._list()
                    if changed or not self._told:
                        self._told = True
                        yield self._objects(changed)
                reply = await self._open()
                try:
                    while (news := await self._next(reply)) is not None:
                        if news:
                            yield self._objects(news)
                finally:
                    reply.close()
                await self._after_end()
            except ApiForbidden:
                raise
            except ApiError as error:
                await self._after_failure(error)

    def _objects(self, changed: set[str]) -> Objects[T]:
        deleted, self._deleted = self._deleted, {}
        return Objects(items=dict(self._items), changed=frozenset(changed), deleted=deleted)

    # --- the list ---------------------------------------------------------------------------

    async def _list(self) -> set[str]:
        """Read everything; the names that are new, other or gone."""
        found: dict[str, T] = {}
        query = {**self._chosen.query, "limit": str(self._page_size)}
        if self._floor:
            query["resourceVersion"] = self._floor
        while True:
            raw = await self._requests.call(
                "GET", self._chosen.path, purpose=self._chosen.purpose, query=query
            )
            page = self._page(raw)
            for item in page.items or ():
                one = self._decoded(item)
                if one is not None:
                    found[object_key(one)] = one
            if not page.metadata.continue_:
                break
            query.pop("resourceVersion", None)
            query["continue"] = page.metadata.continue_
        before, self._items = self._items, found
        self._version = page.metadata.resourceVersion or "0"
        return {
            key
            for key in before.keys() | found.keys()
            if _version_of(before.get(key)) != _version_of(found.get(key))
        }

    def _page(self, raw: bytes) -> Page:
        try:
            return decode(raw, Page)
        except Unreadable as error:
            raise ApiUnavailable(
                op="list", target=self._chosen.path, detail=f"no list: {error}"
            ) from error

    # --- the watch --------------------------------------------------------------------------

    async def _open(self) -> Reply:
        least = _SHORT_OF_ONE if self._chosen.of_one else _SHORT
        self._seconds = random.randint(least, 2 * least)
        query = {
            **self._chosen.query,
            "watch": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(self._seconds),
        }
        if not self._chosen.of_one:
            query["allowWatchBookmarks"] = "true"
        self._rest_of_line = bytearray()
        self._opened_at = asyncio.get_running_loop().time()
        return await self._requests.stream(
            self._chosen.path, purpose=self._chosen.purpose, query=query
        )

    async def _next(self, reply: Reply) -> set[str] | None:
        """Take what has come, waiting for something; the names it changed. None at the end."""
        changed: set[str] = set()
        try:
            async with asyncio.timeout(self._seconds + _SLACK):
                chunk = await reply.chunk()
        except (Broken, TimeoutError) as error:
            raise ApiUnavailable(
                op="watch", target=self._chosen.path, detail=str(error) or "silent for too long"
            ) from error
        if not chunk:
            return None
        while True:
            for line in self._lines(chunk):
                if line.strip():
                    self._take(line, changed)
            if not reply.waiting:
                return changed
            chunk = await reply.chunk()

    def _lines(self, chunk: bytes) -> list[bytes]:
        """The lines that end in this chunk; what is left of it waits for its end."""
        self._rest_of_line += chunk
        if b"\n" in chunk:
            *lines, rest = bytes(self._rest_of_line).split(b"\n")
            self._rest_of_line = bytearray(rest)
            return lines
        if len(self._rest_of_line) > _LONGEST_LINE:
            raise ApiUnavailable(
                op="watch", target=self._chosen.path, detail="an event without an end"
            )
        return []

    def _take(self, line: bytes, changed: set[str]) -> None:
        try:
            event = decode(line, WatchEvent)
        except Unreadable as error:
            raise ApiUnavailable(
                op="watch", target=self._chosen.path, detail=f"no event: {error}"
            ) from error
        if event.type == "ERROR":
            raise refusal("watch", self._chosen.path, 0, event.object, {})
        self._pause = 0.0
        if event.type == "BOOKMARK":
            self._version = _Versioned.read(event.object) or self._version
            return
        one = self._decoded(event.object)
        if one is None:
            self._version = _Versioned.read(event.object) or self._version
            return
        key, version = object_key(one), _version_of(one)
        if event.type == "DELETED":
            self._items.pop(key, None)
            self._deleted[key] = one
            changed.add(key)
        elif version != _version_of(self._items.get(key)):
            self._items[key] = one
            changed.add(key)
        self._version = version or self._version

    def _decoded(self, raw: msgspec.Raw) -> T | None:
        try:
            one: T = decode(raw, self._chosen.kind.type)
            object_key(one)
        except (Unreadable, AttributeError) as error:
            log.warning(
                "object not understood", kind=self._chosen.kind.kind, error=str(error)[:500]
            )
            return None
        return one

    # --- waiting ----------------------------------------------------------------------------

    async def _after_end(self) -> None:
        """The server ended the watch, as it does in time: go on, but not if it does so always."""
        if asyncio.get_running_loop().time() - self._opened_at < _STEADY:
            await self._rest(0.0)

    async def _after_failure(self, error: ApiError) -> None:
        log.debug("watch broke off", kind=self._chosen.kind.kind, error=str(error))
        if isinstance(error, ApiGone):
            # Only the newest list will do: with a limit, a list "as of a version" is of exactly
            # that one, and the watch from there would be too old again.
            self._floor, self._version = "", ""
        elif error.code == _TOO_NEW:
            self._floor, self._version = "", ""  # the server was set back to an earlier state
        elif error.reason == TOO_LARGE:
            # A list of any age takes no notice of a limit.
            self._floor, self._page_size = "", max(self._page_size // _FEWER, 1)
        await self._rest(error.retry_after)

    async def _rest(self, least: float) -> None:
        """Wait longer after each failure in a row, with jitter; less once the server is back."""
        first = self._pause == 0.0
        self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        if first and not least and self._requests.connected:
            await asyncio.sleep(random.uniform(0.0, 0.2))
            return
        pause = self._pause * random.uniform(1.0, 2.0)
        if not self._requests.connected:
            pause = min(pause, _LONGEST_AWAY)
        if least > pause:
            await asyncio.sleep(least * random.uniform(1.0, 1.2))
        elif await self._requests.returned(at_most=pause):
            await asyncio.sleep(random.uniform(0.0, _SPREAD))


class _Versioned(msgspec.Struct, frozen=True):
    """Of an object only where it is in the order of things."""

    class _Meta(msgspec.Struct, frozen=True):
        resourceVersion: str = ""

    metadata: _Meta = _Meta()

    @classmethod
    def read(cls, raw: msgspec.Raw) -> str:
        try:
            return decode(raw, cls).metadata.resourceVersion
        except Unreadable:
            return ""


def _version_of(one: Any) -> str | None:
    version: str | None = one.metadata.resourceVersion if one is not None else None
    return version
