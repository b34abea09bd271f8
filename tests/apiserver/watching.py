"""Watches of the store: each change as the event that one watcher sees."""

import asyncio
from collections.abc import Callable

import msgspec

from tests.apiserver.kinds import Kind
from tests.apiserver.problems import Document
from tests.apiserver.selectors import Judge


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One object before and after; `last` is how a deleted one was at its end."""

    kind: Kind
    version: int
    old: Document | None
    new: Document | None
    last: Document | None = None


class Watch:
    """Events of one watch in their order; the iterator ends when the watch is closed."""

    def __init__(
        self,
        kind: Kind,
        judge: Judge,
        *,
        bookmarks: bool,
        on_close: Callable[["Watch"], None],
    ) -> None:
        self.kind = kind
        self._judge, self._bookmarks, self._on_close = judge, bookmarks, on_close
        self._events: asyncio.Queue[Document | None] = asyncio.Queue()
        self._closed = False

    def tell(self, change: Change) -> None:
        """A change of any kind happened."""
        if change.kind.resource != self.kind.resource:
            return
        before = change.old is not None and self._judge(change.old)
        now = change.new is not None and self._judge(change.new)
        if now:
            self._put("MODIFIED" if before else "ADDED", change.new)
        elif before:
            self._put("DELETED", change.last or self._as_of(change))

    def bookmark(self, version: str, *, initial_end: bool = False) -> None:
        """Tell how far the watcher is, if it wants to know."""
        if self._bookmarks or initial_end:
            metadata: Document = {"resourceVersion": version, "creationTimestamp": None}
            if initial_end:
                metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
            self._put(
                "BOOKMARK",
                {
                    "apiVersion": self.kind.api_version,
                    "kind": self.kind.kind,
                    "metadata": metadata,
                },
            )

    def expire(self, version: str) -> None:
        """The version of this watch is forgotten; nothing comes after that."""
        self._put(
            "ERROR",
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Failure",
                "message": f"too old resource version: 1 ({version})",
                "reason": "Expired",
                "code": 410,
            },
        )
        self.close()

    def close(self) -> None:
        """No more events; what is queued can still be read."""
        if not self._closed:
            self._closed = True
            self._events.put_nowait(None)
            self._on_close(self)

    async def next(self) -> Document | None:
        """The next event ({"type", "object"}), None at the end."""
        event = await self._events.get()
        if event is None:
            self._events.put_nowait(None)
        return event

    def _put(self, kind: str, document: Document | None) -> None:
        if not self._closed:
            self._events.put_nowait({"type": kind, "object": document})

    @staticmethod
    def _as_of(change: Change) -> Document:
        """An object that does not fit any more, with the version at which it ceased to."""
        assert change.old is not None
        metadata = {**change.old["metadata"], "resourceVersion": str(change.version)}
        return {**change.old, "metadata": metadata}
