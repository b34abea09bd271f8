"""Which pods want which things of the API: one task for each thing, for as long as it is wanted."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Generic, TypeVar

from nodeagent.model.ids import PodUid

K = TypeVar("K")


class Interests(Generic[K]):
    """Owns the tasks. `keep` runs while somebody wants its thing, and may return when it is done.

    `unwanted` is called when the last pod that wanted a thing no longer does.
    """

    def __init__(
        self, keep: Callable[[K], Awaitable[None]], *, unwanted: Callable[[K], None]
    ) -> None:
        self._keep, self._unwanted = keep, unwanted
        self._by_pod: dict[PodUid, frozenset[K]] = {}
        self._users: dict[K, set[PodUid]] = {}
        self._tasks: dict[K, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Keep everything that is wanted, for ever."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for key in self._users:
                    self._begin(key)
                await asyncio.Event().wait()
            finally:
                self._group = None

    def want(self, uid: PodUid, keys: Iterable[K]) -> None:
        """This, and nothing else, is what the pod wants from now on."""
        wanted = frozenset(keys)
        before = self._by_pod.get(uid, frozenset())
        self._by_pod[uid] = wanted
        for key in wanted - before:
            users = self._users.setdefault(key, set())
            users.add(uid)
            if len(users) == 1:
                self._begin(key)
        self._drop(uid, before - wanted)

    def forget(self, uid: PodUid) -> None:
        """The pod wants nothing any more."""
        self._drop(uid, self._by_pod.pop(uid, frozenset()))

    def users(self, key: K) -> frozenset[PodUid]:
        """The pods that want it now."""
        return frozenset(self._users.get(key, ()))

    @property
    def wanted(self) -> Mapping[K, set[PodUid]]:
        """All that is wanted, and by whom."""
        return self._users

    def _begin(self, key: K) -> None:
        if self._group is not None and key not in self._tasks:
            self._tasks[key] = self._group.create_task(self._live(key), name=f"keep {key}")

    async def _live(self, key: K) -> None:
        await self._keep(key)

    def _drop(self, uid: PodUid, keys: Iterable[K]) -> None:
        for key in keys:
            users = self._users[key]
            users.discard(uid)
            if users:
                continue
            del self._users[key]
            task = self._tasks.pop(key, None)
            if task is not None:
                task.cancel()
            self._unwanted(key)
