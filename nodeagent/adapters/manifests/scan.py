"""One look at a folder of manifests; blocking, for a thread. Says what it found, keeps nothing."""

import errno
import os
import stat
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from nodeagent.adapters.manifests.settle import SETTLE, WHOLE
from nodeagent.core.manifest import Origin, keep_seen, read_manifest
from nodeagent.core.manifest_yaml import MAX_BYTES
from nodeagent.model.desired import DesiredPod, Problem, Source

_SUFFIXES = (".yaml", ".yml", ".json")
_MOST_LINKS = 40  # as the kernel
_ABSENT = (errno.ENOENT, errno.ENOTDIR)

Identity = tuple[int, ...]


class SeenFile(msgspec.Struct, frozen=True, kw_only=True):
    """One manifest file: which bytes were read, the last good pod, what is wrong now."""

    identity: Identity = ()
    pod: DesiredPod | None = None
    problems: tuple[Problem, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a look needs: the place, what was there before, and what not to touch.

    `held` names stay as `before` has them. `done` names were closed or renamed into place, so
    even a file changed this instant is complete.
    """

    path: str
    node_name: str
    now: float
    before: Mapping[str, SeenFile]
    held: frozenset[str] = frozenset()
    done: frozenset[str] = frozenset()


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What was there. `unsettled` names changed this instant and wait for another look.

    `watch`: folder -> name inside -> manifests (or WHOLE) that a change of the name concerns.
    `folder`: where every manifest name counts, "" while there is none.
    """

    files: dict[str, SeenFile]
    problem: Problem | None = None
    unsettled: frozenset[str] = frozenset()
    watch: dict[str, dict[str, set[str]]] = {}
    folder: str = ""


def is_manifest(name: str) -> bool:
    """Whether a file of this name in the folder may run: never editors' swap files and backups."""
    return not name.startswith(".") and name.endswith(_SUFFIXES)


def look(request: Request) -> Look:
    """Read what changed since `before`. A missing folder is an empty one; an unreadable one
    changes nothing but says so in `problem`."""
    watch: dict[str, dict[str, set[str]]] = {}
    for folder, name in _trail("/", request.path):
        watch.setdefault(folder, {}).setdefault(name, set()).add(WHOLE)
    try:
        folder, names, single = _names(request.path)
    except OSError as error:
        if error.errno in _ABSENT:
            return Look(files={}, watch=watch)
        problem = _problem(request.path, None, f"cannot be read: {error.strerror}; nothing changes")
        return Look(files=dict(request.before), problem=problem, watch=watch)
    if not single:  # a folder that is there tells its own end; above it may be a busy /tmp
        above, _, last = folder.rpartition("/")
        watch.get(above or "/", {}).pop(last, None)
        watch = {place: watched for place, watched in watch.items() if watched}
    files: dict[str, SeenFile] = {}
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


def _names(path: str) -> tuple[str, list[str], bool]:
    """The folder, the names in it that count, and whether the path is a single file."""
    if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116 (Path objects cost more than this)
        folder, _, name = path.rpartition("/")
        return os.path.realpath(folder or "/"), [name], True
    names = sorted(name for name in os.listdir(path) if is_manifest(name))  # noqa: PTH208
    return os.path.realpath(path), names, False


def _look_at(origin: str, name: str, request: Request) -> SeenFile | None:
    """The file as it is now; None where it is too fresh to be surely whole, or just vanished."""
    before = request.before.get(name, SeenFile())
    try:
        found = os.stat(origin)  # noqa: PTH116
        identity = _identity(found)
        if identity == before.identity:
            return before
        fresh = 0 <= request.now - found.st_mtime < SETTLE
        if fresh and name not in request.done:
            return None
        text, after = _read(origin, found)
    except OSError as error:
        return _unreadable(origin, before, error)
    except _Unfit as error:
        return _bad(origin, before, identity, str(error))
    if after != identity:
        return None
    where = Origin(
        source=Source.FILE, place=origin, node_name=request.node_name, seen_at=request.now
    )
    result = read_manifest(text, where)
    if isinstance(result, DesiredPod):
        pod = keep_seen(result, before.pod) if before.pod is not None else result
        return SeenFile(identity=identity, pod=pod)
    pod_key = before.pod.key if before.pod is not None else ""
    problems = tuple(msgspec.structs.replace(one, pod=pod_key) for one in result)
    return SeenFile(identity=identity, pod=before.pod, problems=problems)


class _Unfit(Exception):
    """Not a file to read."""


def _read(path: str, found: os.stat_result) -> tuple[bytes, Identity]:
    """The bytes, and the identity once they were read."""
    if stat.S_ISDIR(found.st_mode):
        raise _Unfit("is a folder; manifests are files")
    if not stat.S_ISREG(found.st_mode):
        raise _Unfit(f"is {_KINDS.get(stat.S_IFMT(found.st_mode), 'no ordinary file')}")
    if found.st_size > MAX_BYTES:
        raise _Unfit(f"is larger than 1 MiB ({found.st_size} bytes)")
    # O_NONBLOCK: between stat and open the file may have become a FIFO that nobody writes to
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise _Unfit("is no ordinary file")
        text = file.read(MAX_BYTES + 1)
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


def _unreadable(origin: str, before: SeenFile, error: OSError) -> SeenFile | None:
    if error.errno in _ABSENT:
        if not Path(origin).is_symlink():
            return None
        return _bad(origin, before, (), "is a link to nothing")
    return _bad(origin, before, (), f"cannot be read: {error.strerror}")


def _bad(origin: str, before: SeenFile, identity: Identity, message: str) -> SeenFile:
    problem = _problem(origin, before.pod, message)
    return SeenFile(identity=identity, pod=before.pod, problems=(problem,))


def _problem(origin: str, pod: DesiredPod | None, message: str) -> Problem:
    return Problem(origin=origin, message=message, pod=pod.key if pod is not None else "")


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
