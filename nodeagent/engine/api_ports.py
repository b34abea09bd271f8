"""What the engine needs of a cluster's API server, beside what `ports` has for the node itself.

The same rules hold: every call may be cancelled and repeated, errors are those of
`nodeagent.errors` (ApiError and its kinds).
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol, TypeVar

from nodeagent.core.api_objects import Kept
from nodeagent.model.api import ApiKind, Objects, Patch, Purpose

T = TypeVar("T")


class Api(Protocol):
    """Objects of the API server, with the node's own rights.

    ApiUnavailable: no answer, 5xx, or 429 (its `retry_after` says when); worth trying again.
    ApiConflict: 409. ApiForbidden: 401 and 403. ApiInvalid: 400 and 422. ApiGone: 410. Requests
    are held to the configured rate, but for those with Purpose.LEASE, NODE, and EVENTS, which
    have a rate of their own.
    """

    async def read(
        self, kind: ApiKind[T], name: str, namespace: str = "", *, purpose: Purpose
    ) -> T | None:
        """The object as it is now; None where there is none."""
        ...

    async def create(
        self,
        kind: ApiKind[T],
        body: T,
        namespace: str = "",
        *,
        purpose: Purpose,
        name: str = "",
        subresource: str = "",
    ) -> T:
        """Make it, and what the server made of it. ApiConflict where the name is taken.

        With `name` and `subresource`, a POST to that subresource (a token, an eviction). Reviews
        are created too: the answer carries their status. ApiNotFound for a 404.
        """
        ...

    async def replace(
        self, kind: ApiKind[T], body: T, namespace: str = "", *, purpose: Purpose
    ) -> T:
        """PUT the whole object. ApiConflict where its resourceVersion is old."""
        ...

    async def patch(
        self,
        kind: ApiKind[T],
        name: str,
        patch: Mapping[str, Any] | list[Any],
        namespace: str = "",
        *,
        purpose: Purpose,
        how: Patch = Patch.STRATEGIC,
        subresource: str = "",
    ) -> T:
        """Change it; the object afterwards. ApiNotFound where there is none."""
        ...

    async def delete(
        self,
        kind: ApiKind[T],
        name: str,
        namespace: str = "",
        *,
        purpose: Purpose,
        uid: str = "",
        grace: int | None = None,
    ) -> bool:
        """Delete it; False where there was none, or (with `uid`) one of another uid."""
        ...

    def watch(
        self,
        kind: ApiKind[T],
        namespace: str = "",
        *,
        purpose: Purpose,
        fields: str = "",
        labels: str = "",
    ) -> AsyncIterator[Objects[T]]:
        """All objects that match, first whole and then after every change, for ever.

        A list, then a watch with bookmarks, taken up again where it broke off, listed anew after
        a 410; waits between tries grow, with jitter, and never end it. Before the first answer of
        the server nothing comes. ApiForbidden alone leaves it: the caller decides when to ask
        again. Closing the iterator ends the watch.
        """
        ...


class Vault(Protocol):
    """What the API told, kept over a restart without it: on disk, readable by this node only."""

    async def load(self) -> tuple[Kept, ...]:
        """Everything that can be read; what cannot is told in the log and left out. Never fails."""
        ...

    async def save(self, name: str, one: Kept) -> None:
        """Keep it under this name, whole or not at all. HostError where the disk refuses."""
        ...

    async def remove(self, name: str) -> None:
        """Nothing is kept under this name afterwards. HostError where the disk refuses."""
        ...

    async def keep_only(self, names: frozenset[str]) -> None:
        """Remove everything that is kept under another name."""
        ...
