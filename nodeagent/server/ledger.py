"""Versions of objects: gives each change of a list a number, so that clients can watch from one.

Nothing is recorded but the newest state of each object and a bounded list of deletions: a watcher
that fell behind sees where things are now, not each step in between.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import msgspec

from nodeagent.server.refusals import Refusal

Seen = TypeVar("Seen")
Shown = TypeVar("Shown")
TOMBSTONES = 512


class Entry(msgspec.Struct, Generic[Seen, Shown], frozen=True):
    """One object, as it is shown, and the versions at which it came and last changed."""

    seen: Seen
    shown: Shown
    born: int
    version: int


class Change(msgspec.Struct, Generic[Shown], frozen=True):
    """One step of a watch: ADDED, MODIFIED or DELETED."""

    kind: str
    object: Shown
    version: int


class Ledger(Generic[Seen, Shown]):
    """The versions of one kind of object.

    `key` names an object for its whole life; `show` returns what clients get, with a version.
    `start` must be higher than any version of an earlier run: Unix seconds will do.
    """

    def __init__(
        self, *, key: Callable[[Seen], str], show: Callable[[Seen, str], Shown], start: int
    ) -> None:
        self._key, self._show = key, show
        self.version = start
        self._floor = start  # deletions up to here are forgotten
        self._entries: dict[str, Entry[Seen, Shown]] = {}
        self._gone: deque[tuple[int, int, Shown]] = deque()

    def refresh(self, objects: Iterable[Seen]) -> tuple[Shown, ...]:
        """Take what there is now; the same objects as clients see them, in the same order."""
        now = {self._key(one): one for one in objects}
        for key in [key for key in self._entries if key not in now]:
            self._bury(self._entries.pop(key))
        self._entries = {key: self._entry(one, self._entries.get(key)) for key, one in now.items()}
        return tuple(entry.shown for entry in self._entries.values())

    def since(self, version: int) -> list[Change[Shown]]:
        """What changed after that version, oldest first. 410 where that is no longer known."""
        if not self._floor <= version <= self.version:
            raise Refusal(410, f"too old resource version: {version} ({self._floor})")
        steps = [
            Change("ADDED" if entry.born > version else "MODIFIED", entry.shown, entry.version)
            for entry in self._entries.values()
            if entry.version > version
        ]
        steps += [
            Change("DELETED", one, at) for at, born, one in self._gone if at > version >= born
        ]
        return sorted(steps, key=lambda step: step.version)

    def _entry(self, one: Seen, old: Entry[Seen, Shown] | None) -> Entry[Seen, Shown]:
        if old and _same(old.seen, one):
            return old
        self.version += 1
        born = old.born if old else self.version
        return Entry(one, self._show(one, str(self.version)), born, self.version)

    def _bury(self, entry: Entry[Seen, Shown]) -> None:
        self.version += 1
        last = self._show(entry.seen, str(self.version))
        self._gone.append((self.version, entry.born, last))
        if len(self._gone) > TOMBSTONES:
            self._floor = self._gone.popleft()[0]


def _same(old: object, new: object) -> bool:
    """Equal; parts that are the very same object are not looked into."""
    if old is new:
        return True
    if not isinstance(old, msgspec.Struct) or type(old) is not type(new):
        return bool(old == new)
    pairs = ((getattr(old, field), getattr(new, field)) for field in old.__struct_fields__)
    return all(a is b or a == b for a, b in pairs)
