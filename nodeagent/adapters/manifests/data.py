"""Config maps, secrets, volumes and claims from local folders, for a node without API server."""

import asyncio
import os
import stat
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

import msgspec
import structlog
from lightkube.models import core_v1 as v1

from nodeagent.adapters.manifests.folder import RESCAN, Folder, Found
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.core.claims import bind
from nodeagent.core.data_questions import ByKey
from nodeagent.core.objects import MAX_BYTES, read_objects
from nodeagent.core.references import pod_references
from nodeagent.model.data import (
    Claim,
    DataKey,
    DataKind,
    DataObject,
    PersistentVolume,
    key_of,
)
from nodeagent.model.desired import DesiredPod, Problem
from nodeagent.model.ids import PodUid

log = structlog.get_logger()

Objects: TypeAlias = tuple[DataObject, ...]


class LocalData(ByKey):
    """A data source over folders, each with the kinds that are read from it.

    `on_change` is called with the uids of followed pods when an object they refer to came, went or
    changed, `on_problems` when what keeps files from being used changed. A folder with secrets
    that others than root and the agent may look into is refused. A file that turned bad keeps its
    last good version for as long as the agent runs. Nothing is written to disk but which claim has
    which volume, in the file `bindings`, so that no restart of the agent gives a claim another
    one.
    """

    def __init__(
        self,
        folders: Mapping[Path, Collection[DataKind]],
        *,
        threads: Threads,
        watcher: Inotify | None,
        on_change: Callable[[Iterable[PodUid]], None],
        on_problems: Callable[[tuple[Problem, ...]], None] = lambda _: None,
        bindings: Path | None = None,
        rescan: float = RESCAN,
    ) -> None:
        self._folders = {
            str(path): Folder(path, _Files(kinds), threads=threads, watcher=watcher, rescan=rescan)
            for path, kinds in folders.items()
        }
        self._places = {kind: str(path) for path, kinds in folders.items() for kind in kinds}
        self._on_change, self._on_problems = on_change, on_problems
        self._found: dict[str, Found[Objects]] = {}
        self._objects: dict[DataKey, DataObject] = {}
        self._versions: dict[DataKey, int] = {}
        self._count = 0
        self._followed: dict[PodUid, tuple[DesiredPod, frozenset[DataKey]]] = {}
        self._threads, self._bindings = threads, bindings
        self._bound: dict[str, str] = {}
        self._saved: dict[str, str] = {}
        self._all_read = asyncio.Event()
        self.problems: tuple[Problem, ...] = ()

    async def run(self) -> None:
        """Follow all folders, for ever."""
        if not self._folders:
            self._all_read.set()
        if self._bindings is not None:
            self._bound = self._saved = await self._threads.run(_load, self._bindings)
        async with asyncio.TaskGroup() as group:
            for place, folder in self._folders.items():
                group.create_task(self._read(place, folder), name=f"data in {place}")
            await asyncio.Event().wait()

    # --- a data source ----------------------------------------------------------------------

    async def services(self, namespace: str) -> tuple[v1.Service, ...] | None:
        """See `DataSource`: there are none without a cluster."""
        return ()

    def uses(self, key: DataKey) -> bool:
        """Whether a followed pod refers to it, or to a claim that is bound to it."""
        for _, keys in self._followed.values():
            claims = (self._objects.get(one) for one in keys if one.kind is DataKind.CLAIM)
            bound = {one.volume for one in claims if isinstance(one, Claim)}
            if key in keys or (key.kind is DataKind.VOLUME and key.name in bound):
                return True
        return False

    def place(self, kind: DataKind) -> str:
        """See `DataSource`."""
        return self._places.get(kind, "")

    def follow(self, pod: DesiredPod) -> str:
        """See `DataSource`."""
        known = self._followed.get(pod.uid)
        if known is None or known[0] is not pod:
            keys = known[1] if known is not None and known[0] == pod else pod_references(pod)
            known = self._followed[pod.uid] = (pod, keys)
        return ".".join(str(self._version(key)) for key in sorted(known[1]))

    def forget(self, uid: PodUid) -> None:
        """See `DataSource`."""
        self._followed.pop(uid, None)

    # --- what the folders hold --------------------------------------------------------------

    async def _get(self, key: DataKey) -> DataObject | None:
        await self._all_read.wait()
        return self._objects.get(key)

    def _version(self, key: DataKey) -> int:
        """A number that is another whenever the object is; a claim's volume counts with it."""
        own, one = self._versions.get(key, 0), self._objects.get(key)
        if isinstance(one, Claim) and one.volume:
            return max(own, self._versions.get(DataKey(DataKind.VOLUME, "", one.volume), 0))
        return own

    async def _read(self, place: str, folder: Folder[Objects]) -> None:
        async with aclosing(folder.follow()) as found:
            async for one in found:
                self._found[place] = one
                self._take()
                await self._save()

    async def _save(self) -> None:
        """Only once every folder was read, or what is bound would look like what is not."""
        if self._bindings is None or self._bound == self._saved or not self._all_read.is_set():
            return
        bound = dict(self._bound)
        try:
            await self._threads.run(_write, self._bindings, bound)
            self._saved = bound
        except OSError as error:
            log.warning("claims not recorded", path=str(self._bindings), error=str(error))

    def _take(self) -> None:
        """Join what the folders hold, and tell whoever is concerned."""
        before, clashes = self._objects, list[Problem]()
        joined: dict[DataKey, DataObject] = {}
        origins: dict[DataKey, str] = {}
        for place, found in self._found.items():
            for name, objects in found.values.items():
                for one in objects:
                    origin = f"{place}/{name}"
                    first = origins.setdefault(key_of(one), origin)
                    if first == origin:
                        joined[key_of(one)] = one
                    else:
                        clashes.append(_clash(origin, one, first))
        self._objects = self._bind(joined)
        changed = {
            key
            for key in before.keys() | self._objects.keys()
            if before.get(key) != self._objects.get(key)
        }
        for key in changed:
            self._count += 1
            self._versions[key] = self._count
        if len(self._found) == len(self._folders):
            self._all_read.set()
        self._tell(changed)
        self._tell_problems(clashes)

    def _bind(self, joined: dict[DataKey, DataObject]) -> dict[DataKey, DataObject]:
        claims = [one for one in joined.values() if isinstance(one, Claim)]
        volumes = [one for one in joined.values() if isinstance(one, PersistentVolume)]
        bound = bind(claims, volumes, bound=self._bound)
        if len(self._found) == len(self._folders):
            self._bound = {f"{c.namespace}/{c.name}": c.volume for c in bound if c.volume}
        return {**joined, **{key_of(claim): claim for claim in bound}}

    def _tell(self, changed: Collection[DataKey]) -> None:
        volumes = {key.name for key in changed if key.kind is DataKind.VOLUME}
        concerned = set(changed)
        for key, one in self._objects.items():
            if isinstance(one, Claim) and one.volume in volumes:
                concerned.add(key)
        uids = [uid for uid, (_, keys) in self._followed.items() if keys & concerned]
        if uids:
            self._on_change(uids)

    def _tell_problems(self, clashes: list[Problem]) -> None:
        problems = [one for found in self._found.values() for one in found.problems]
        known, self.problems = self.problems, (*problems, *clashes)
        if self.problems == known:
            return
        for one in self.problems:
            if one not in known:
                log.warning(
                    "document not used",
                    origin=one.origin,
                    line=one.line,
                    column=one.column,
                    problem=one.message,
                )
        self._on_problems(self.problems)


class _Files:
    """Documents of some kinds."""

    max_bytes = MAX_BYTES

    def __init__(self, kinds: Collection[DataKind]) -> None:
        self._kinds = frozenset(kinds)

    def read(
        self, text: bytes, *, origin: str, before: Objects | None, now: float
    ) -> tuple[Objects | None, tuple[Problem, ...]]:
        found = read_objects(text, origin=origin, allowed=self._kinds, before=before or ())
        return (None, found.problems) if found.problems else (found.objects, ())

    def name(self, value: Objects) -> str:
        return ""

    def refuse(self, path: str, about: os.stat_result) -> str:
        if DataKind.SECRET not in self._kinds:
            return ""
        if about.st_uid not in (0, os.geteuid()):
            whose, mend = f"user {about.st_uid}, whose it is,", f"chown root: {path}"
        elif about.st_mode & 0o077:
            whose = "others than its owner"
            mend = f"chmod {'700' if stat.S_ISDIR(about.st_mode) else '600'} {path}"
        else:
            return ""
        return f"holds secrets, and {whose} may look into it, so that nothing is read; run: {mend}"


def _load(path: Path) -> dict[str, str]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("earlier bindings of claims are lost", path=str(path), error=str(error))
        return {}


def _write(path: Path, bound: dict[str, str]) -> None:
    """Replace the file, whole or not at all."""
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(msgspec.json.encode(bound, order="sorted"))
    draft.replace(path)


def _clash(origin: str, one: DataObject, first: str) -> Problem:
    key = key_of(one)
    name = f"{key.namespace}/{key.name}" if key.namespace else key.name
    return Problem(
        origin=origin, message=f"{key.kind} {name} is also in {first}, which is the one that counts"
    )
