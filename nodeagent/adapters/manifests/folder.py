"""A folder of documents or one file: watched, settled, level-triggered."""

import asyncio
import errno
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import structlog

from nodeagent.adapters.manifests.scan import (
    Content,
    Look,
    Request,
    SeenFile,
    is_manifest,
    look,
    wall_clock,
)
from nodeagent.adapters.manifests.settle import WHOLE, Settling
from nodeagent.aio import inotify
from nodeagent.aio.bell import Bell
from nodeagent.aio.threads import Threads
from nodeagent.model.desired import Problem

log = structlog.get_logger()

T = TypeVar("T")

RESCAN = 60.0
_POLL = 1.0  # without inotify
_OF_FOLDER = inotify.GONE | inotify.OVERFLOW | inotify.ATTRIB
_LIMITS = {
    errno.EMFILE: "fs.inotify.max_user_instances",
    errno.ENOSPC: "fs.inotify.max_user_watches",
}


class Found(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What the files hold: the last good value of each, by file name, and what is wrong."""

    values: dict[str, T] = {}
    problems: tuple[Problem, ...] = ()


class Folder(Generic[T]):
    """What the files at `path` hold, told anew whenever it changed.

    A file that turned bad keeps its last good value; `last_good` (by name of the file) is what
    they had before the start. A folder that cannot be read keeps everything; one that is missing
    is empty, and is found when it comes. `watcher` may be shared; without one, or where the
    kernel grants no watch, files are looked at every second.
    """

    def __init__(
        self,
        path: Path,
        content: Content[T],
        *,
        threads: Threads,
        watcher: inotify.Inotify | None,
        last_good: Mapping[str, T] | None = None,
        rescan: float = RESCAN,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self._path = str(path.absolute())
        self._content = content
        self._threads = threads
        self._watcher = watcher
        self._rescan = rescan
        self._now = now
        self._files: dict[str, SeenFile[T]] = {
            name: SeenFile(value=value) for name, value in (last_good or {}).items()
        }
        self._settling = Settling()
        self._bell = Bell()
        self._tokens: dict[tuple[str, int], int] = {}  # watched folder and mask -> token
        self._look: Look[T] = Look(files={})
        self._refused = False  # the kernel granted no watch
        self._warned = False

    async def follow(self) -> AsyncGenerator[Found[T], None]:
        """The whole of what is there, first at once and then whenever it changed."""
        told: Found[T] | None = None
        try:
            await self._see()
            if self._settling.wake_at() is not None:  # what is being written is part of the first
                await self._rest()
                await self._see()
            while True:
                found = self._found()
                if found != told:
                    told = found
                    yield found
                await self._rest()
                await self._see()
        finally:
            self._unwatch(list(self._tokens))

    async def _see(self) -> None:
        """Look until what was watched during the look is all that had to be watched."""
        while True:
            held, done = self._settling.take(now=_monotonic())
            if WHOLE in held:
                return
            request: Request[T] = Request(
                path=self._path,
                content=self._content,
                now=self._now(),
                before=self._files,
                held=held,
                done=done,
            )
            self._look = await self._threads.run(look, request)
            self._files = self._look.files
            for name in self._look.unsettled:
                self._settling.defer(name, now=_monotonic())
            if not self._watch():
                return

    async def _rest(self) -> None:
        """Wait until it is time to look again."""
        until = _monotonic() + (min(_POLL, self._rescan) if self._polling else self._rescan)
        while True:
            wake_at = self._settling.wake_at()
            left = min(until, until if wake_at is None else wake_at) - _monotonic()
            if left <= 0:
                return
            await self._bell.wait(at_most=left)

    @property
    def _polling(self) -> bool:
        return self._watcher is None or self._refused

    def _found(self) -> Found[T]:
        problems: list[Problem] = [self._look.problem] if self._look.problem is not None else []
        values: dict[str, T] = {}
        for name in sorted(self._files):
            file = self._files[name]
            problems += file.problems
            if file.value is not None:
                values[name] = file.value
        return Found(values=values, problems=tuple(problems))

    def _watch(self) -> bool:
        """Watch what the last look named, and nothing else; says whether that is anything new."""
        if self._watcher is None:
            return False
        wanted = {
            place: inotify.NAMES if _only_whole(names) else inotify.CONTENT
            for place, names in self._look.watch.items()
        }
        if self._look.folder:
            wanted[self._look.folder] = inotify.CONTENT
        self._refused = False
        new = [watch for watch in wanted.items() if watch not in self._tokens]
        added = [self._watch_one(*watch) for watch in new]
        self._unwatch([watch for watch in self._tokens if watch not in wanted.items()])
        return any(added)

    def _watch_one(self, place: str, mask: int) -> bool:
        assert self._watcher is not None
        try:
            self._tokens[place, mask] = self._watcher.add(
                place, lambda change: self._heard(place, change), mask=mask
            )
        except OSError as error:
            self._missed(place, error)
            return False
        return True

    def _unwatch(self, watches: list[tuple[str, int]]) -> None:
        for watch in watches:
            token = self._tokens.pop(watch)
            if self._watcher is not None:
                self._watcher.remove(token)

    def _missed(self, place: str, error: OSError) -> None:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):  # it has just gone: look again
            self._settling.defer(WHOLE, now=_monotonic())
            return
        self._refused = True
        if self._warned:
            return
        self._warned = True
        knob = _LIMITS.get(error.errno or 0)
        hint = f"raise the sysctl {knob}" if knob else error.strerror
        log.warning("files are polled, not watched", path=place, mend=hint)

    def _heard(self, place: str, change: inotify.Change) -> None:
        """One event of a watched folder: on the event loop, must not block."""
        if change.mask & _OF_FOLDER and not change.name:
            if change.mask & inotify.GONE:
                self._unwatch([watch for watch in self._tokens if watch[0] == place])
            names = {WHOLE}
        else:
            names = set(self._look.watch.get(place, {}).get(change.name, ()))
            if place == self._look.folder and is_manifest(change.name):
                names.add(change.name)
        for name in names:
            self._settling.note(name, change, now=_monotonic())
        if names:
            self._bell.ring()


def _only_whole(names: Mapping[str, set[str]]) -> bool:
    return all(concerned == {WHOLE} for concerned in names.values())


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
