"""Reads the whole tree of cgroups at once: few calls for each file, nothing kept in between."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from nodeagent.adapters.cgroupfs.detect import Layout
from nodeagent.adapters.cgroupfs.usage_proc import interfaces, open_files, processes_in
from nodeagent.adapters.cgroupfs.usage_text import Place, opened
from nodeagent.adapters.cgroupfs.usage_v1 import V1Usage
from nodeagent.adapters.cgroupfs.usage_v2 import V2Usage
from nodeagent.aio.threads import Threads
from nodeagent.core.cgroups import container_of, uid_of_path
from nodeagent.model.usage import (
    CgroupKind,
    CgroupReading,
    Group,
    Interface,
    Reading,
    ReadingWish,
    SeenCgroup,
    Use,
)

MOST_SLICES = 200  # cgroups of the host beside the pods'


class Version(Protocol):
    """What a version of cgroups does."""

    tree: str
    trees: tuple[str, ...]

    def read(self, place: Place, path: str, groups: frozenset[Group], at: float) -> Use | None: ...


class CgroupUsage:
    """Reads what cgroups use, each time anew. `proc`: where /proc is; `now`: Unix seconds."""

    def __init__(
        self,
        layout: Layout,
        threads: Threads,
        *,
        proc: str = "/proc",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._threads, self._proc, self._now = threads, proc, now
        self._version: Version = (
            V1Usage(layout, proc=proc)
            if layout.version == 1
            else V2Usage(layout.unified, proc=proc)
        )

    async def read(self, wish: ReadingWish) -> Reading:
        """Everything that is wished for, in one hop. What vanishes meanwhile is left out."""
        return await self._threads.run(self.read_now, wish)

    def read_now(self, wish: ReadingWish) -> Reading:
        """The same, in this thread."""
        at = self._now()
        network = interfaces(self._proc, "self") if wish.network else ()
        found = list(self._hosts(wish))
        for parent in wish.parents:
            with opened(self._version.trees, parent) as place:
                found += self._pods(place, wish, network)
        return Reading(at=at, cgroups=tuple(found), network=network)

    def _hosts(self, wish: ReadingWish) -> Iterator[CgroupReading]:
        """The machine's own cgroup and slices."""
        with opened(self._version.trees, "") as place:
            if CgroupKind.ROOT in wish.groups:
                yield from self._one(place, "", SeenCgroup(path="/", kind=CgroupKind.ROOT), wish)
            if CgroupKind.SLICE in wish.groups:
                for path in self._slices(wish):
                    cgroup = SeenCgroup(path=path, kind=CgroupKind.SLICE)
                    yield from self._one(place, path[1:], cgroup, wish)

    def _pods(
        self, place: Place, wish: ReadingWish, host: tuple[Interface, ...]
    ) -> Iterator[CgroupReading]:
        """Pods directly below a parent; `host` is the host's network."""
        for name in self._folders(place.path):
            path = f"{place.path}/{name}"
            uid = uid_of_path(path)
            if uid is None or path in wish.parents:
                continue
            if CgroupKind.POD in wish.groups:
                pod = SeenCgroup(path=path, kind=CgroupKind.POD, uid=uid)
                yield from self._one(place, name, pod, wish)
            for below in self._folders(path):
                member = container_of(below)
                is_sandbox = member in wish.sandboxes
                kind = CgroupKind.SANDBOX if is_sandbox else CgroupKind.CONTAINER
                if kind in wish.groups:
                    cgroup = SeenCgroup(path=f"{path}/{below}", kind=kind, uid=uid, id=member)
                    yield from self._one(place, f"{name}/{below}", cgroup, wish, host)

    def _one(
        self, place: Place, path: str, cgroup: SeenCgroup, wish: ReadingWish,
        host: tuple[Interface, ...] = (),
    ) -> Iterator[CgroupReading]:  # fmt: skip
        """One cgroup, `path` below the place; nothing where it has gone."""
        groups = wish.groups[cgroup.kind]
        use = self._version.read(place, path, groups, self._now())
        if use is None:
            return
        network = host if wish.sandboxes.get(cgroup.id) is False else ()
        wants_network = wish.network and wish.sandboxes.get(cgroup.id, False)
        if wants_network or Group.FILES in groups:
            pids = processes_in(f"{self._version.tree}{cgroup.path}")
            if wants_network and pids:
                network = interfaces(self._proc, pids[0])
            if Group.FILES in groups:
                use = msgspec.structs.replace(use, files=open_files(self._proc, pids))
        yield CgroupReading(cgroup=cgroup, use=use, network=network)

    def _slices(self, wish: ReadingWish) -> list[str]:
        """kubepods and its classes, what is asked for, then the host's own."""
        top = [f"/{name}" for name in self._folders("")] if wish.host else []
        below = [f"{one}/{name}" for one in top if wish.deep for name in self._folders(one)]
        pods = frozenset(wish.parents)
        hosts = [path for path in (*top, *below) if path not in pods and uid_of_path(path) is None]
        asked = [path for path in wish.slices if path != "/"]
        return list(dict.fromkeys([*wish.parents, *asked, *sorted(hosts)[:MOST_SLICES]]))

    def _folders(self, path: str) -> list[str]:
        try:
            with os.scandir(self._version.tree + path) as entries:
                return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False))
        except OSError:
            return []
