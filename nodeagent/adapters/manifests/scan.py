"""One look at a folder of documents; blocking, for a thread. Says what it found, keeps nothing."""

import errno
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec

from nodeagent.adapters.manifests.settle import SETTLE, WHOLE
from nodeagent.model.desired import Problem

T = TypeVar("T")

_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_LINKS = 40  # as the kernel
_ABSENT = (errno.ENOENT, errno.ENOTDIR)

Identity = tuple[int, ...]


class Content(Protocol[T]):
    """What the files of a folder hold. Called in a thread."""

    @property
    def max_bytes(self) -> int:
        """The largest file that is read."""
        ...

    def read(
        self, text: bytes, *, origin: str, before: T | None, now: float
    ) -> tuple[T | None, tuple[Problem, ...]]:
        """The value of a file, or None and all that is wrong with it.

        `before` is the last good value of the file.
        """
        ...

    def name(self, value: T) -> str:
        """The pod that a value is, for problems of its file; "" where it is none."""
        ...

    def refuse(self, path: str, about: os.stat_result) -> str:
        """Why nothing may be read from the folder, or one file, as it is; "" if it may."""
        ...


class SeenFile(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One file: which bytes were read, the last good value, what is wrong now."""

    identity: Identity = ()
    value: T | None = None
    problems: tuple[Problem, ...] = ()


class Request(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What a look needs: the place, what was there before, and what not to touch.

    `held` names stay as `before` has them. `done` names were closed or renamed into place, so
    even a file changed this instant is complete.
    """

    path: str
    content: Content[T]
    now: float
    before: Mapping[str, SeenFile[T]]
    held: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()


class Look(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What was there. `unsettled` names changed this instant and wait for another look.

    `watch`: folder -> name inside -> files (or WHOLE) that a change of the name concerns.
    `folder`: where every such name counts, "" while there is none.
    """

    files: dict[str, SeenFile[T]]
    problem: Problem | None = None
    unsettled: frozenset[str] = frozenset()
    watch: dict[str, dict[str, set[str]]] = {}
    folder: str = ""


def is_manifest(name: str) -> bool:
    """Whether a file of this name in the folder may run: never editors' swap files and backups."""
    return not name.startswith(".") and name.endswith(_SUFFIXES)


def look(request: Request[T]) -> Look[T]:
    """Read what changed since `before`. A missing folder is an empty one; one that is unreadable
    or refused changes nothing but says so in `problem`."""
    watch: dict[str, dict[str, set[str]]] = {}
    for folder, name in _trail("/", request.path):
        watch.setdefault(folder, {}).setdefault(name, set()).add(WHOLE)
    try:
        folder, names, single = _names(request.path, request.content)
    except OSError as error:
        if error.errno in _ABSENT:
            return Look(files={}, watch=watch)
        return _nothing_new(request, watch, f"cannot be read: {error.strerror}; nothing changes")
    except _Unfit as error:
        return _nothing_new(request, watch, str(error), folder=os.path.realpath(request.path))
    if not single:  # a folder that is there tells its own end; above it may be a busy /tmp
        above, _, last = folder.rpartition("/")
        watch.get(above or "/", {}).pop(last, None)
        watch = {place: watched for place, watched in watch.items() if watched}
    files: dict[str, SeenFile[T]] = {}
    unsettled: set[str] = set()
    for name in names:
        origin = request.path if single else f"{request.path}/{name}"
        for place, link in _trail(folder, name):
            watch.setdefault(place, {}).setdefault(link, set()).add(name)
        seen = None if name in request.held else _look_at(origin, name, request)
        if seen is None:
            unsettled.add(name)
        else:
            files[name] = seen
    for name in {*request.held, *unsettled} & request.before.keys():
        files[name] = request.before[name]
    unsettled -= request.held
    return Look(files=files, unsettled=frozenset(unsettled), watch=watch, folder=folder)


def _nothing_new(
    request: Request[T],
    watch: dict[str, dict[str, set[str]]],
    message: str,
    *,
    folder: str = "",
) -> Look[T]:
    problem = Problem(origin=request.path, message=message)
    return Look(files=dict(request.before), problem=problem, watch=watch, folder=folder)


def _names(path: str, content: Content[T]) -> tuple[str, list[str], bool]:
    """The folder, the names in it that count, and whether the path is a single file."""
    about = os.stat(path)  # noqa: PTH116 (Path objects cost more than this)
    if why := content.refuse(path, about):
        raise _Unfit(why)
    if not stat.S_ISDIR(about.st_mode):
        folder, _, name = path.rpartition("/")
        return os.path.realpath(folder or "/"), [name], True
    names = sorted(name for name in os.listdir(path) if is_manifest(name))  # noqa: PTH208
    return os.path.realpath(path), names, False


def _look_at(origin: str, name: str, request: Request[T]) -> SeenFile[T] | None:
    """The file as it is now; None where it is too fresh to be surely whole, or just vanished."""
    before: SeenFile[T] = request.before.get(name) or SeenFile()
    content = request.content
    shown = origin.encode(errors="backslashreplace").decode()
    if shown != origin:  # events, records and pods' uids are made of it
        return _bad(shown, before, (), "has a name that is not UTF-8; rename it", content)
    try:
        found = os.stat(origin)  # noqa: PTH116
        identity = _identity(found)
        if identity == before.identity:
            return before
        fresh = 0 <= request.now - found.st_mtime < SETTLE
        if fresh and name not in request.done:
            return None
        text, after = _read(origin, found, content.max_bytes)
    except OSError as error:
        return _unreadable(origin, before, error, content)
    except _Unfit as error:
        return _bad(origin, before, identity, str(error), content)
    if after != identity:
        return None
    value, problems = content.read(text, origin=origin, before=before.value, now=request.now)
    if not problems:
        return SeenFile(identity=identity, value=value)
    pod = content.name(before.value) if before.value is not None else ""
    problems = tuple(msgspec.structs.replace(one, pod=pod) for one in problems)
    return SeenFile(identity=identity, value=before.value, problems=problems)


class _Unfit(Exception):
    """Not a file to read."""


def _read(path: str, found: os.stat_result, most: int) -> tuple[bytes, Identity]:
    """The bytes, and the identity once they were read."""
    if stat.S_ISDIR(found.st_mode):
        raise _Unfit("is a folder; manifests are files")
    if not stat.S_ISREG(found.st_mode):
        raise _Unfit(f"is {_KINDS.get(stat.S_IFMT(found.st_mode), 'no ordinary file')}")
    if found.st_size > most:
        raise _Unfit(f"is larger than {most >> 20} MiB ({found.st_size} bytes)")
    # O_NONBLOCK: between stat and open the file may have become a FIFO that nobody writes to
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise _Unfit("is no ordinary file")
        text = file.read(most + 1)
        return text, _identity(os.fstat(fd))


_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _identity(found: os.stat_result) -> Identity:
    times = (found.st_mtime_ns, found.st_ctime_ns)
    return (found.st_dev, found.st_ino, found.st_mode, found.st_size, *times)


def _unreadable(
    origin: str, before: SeenFile[T], error: OSError, content: Content[T]
) -> SeenFile[T] | None:
    if error.errno in _ABSENT:
        if not Path(origin).is_symlink():
            return None
        return _bad(origin, before, (), "is a link to nothing", content)
    return _bad(origin, before, (), f"cannot be read: {error.strerror}", content)


def _bad(
    origin: str, before: SeenFile[T], identity: Identity, message: str, content: Content[T]
) -> SeenFile[T]:
    pod = content.name(before.value) if before.value is not None else ""
    problem = Problem(origin=origin, message=message, pod=pod)
    return SeenFile(identity=identity, value=before.value, problems=(problem,))


def _trail(base: str, path: str) -> Iterator[tuple[str, str]]:
    """Each (folder, name) on the way to a file that can make it mean another file.

    These are the links on the way and the end of it, or the first name that is missing.
    """
    todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    links = 0
    while todo:
        part = todo.pop()
        if part == "..":
            base = base.rpartition("/")[0] or "/"
            continue
        here = f"{base.rstrip('/')}/{part}"
        try:
            target = os.readlink(here)  # noqa: PTH115
        except OSError as error:
            if error.errno != errno.EINVAL:  # EINVAL: there, and no link
                yield base, part
                return
            if not todo:
                yield base, part
            base = here
            continue
        yield base, part
        links += 1
        if links > _MOST_LINKS:
            return
        if target.startswith("/"):
            base = "/"
        todo += [step for step in reversed(target.split("/")) if step not in ("", ".")]


def wall_clock() -> float:
    """Unix seconds."""
    return time.time()
