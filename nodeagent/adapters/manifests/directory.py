"""Static pods from a folder of manifests or one file."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path

from nodeagent.adapters.manifests.folder import RESCAN, Folder
from nodeagent.adapters.manifests.scan import wall_clock
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.core.manifest import Origin, keep_seen, read_manifest
from nodeagent.core.manifest_yaml import MAX_BYTES
from nodeagent.model.desired import DesiredPod, Problem, Source, SourceUpdate


class DirectorySource:
    """Everything the manifests at `path` ask for, told anew whenever it changed.

    A file that turned bad keeps its last good pod; `last_good` (by path of the file) does so over
    a restart of the agent. The rest is as `Folder` says.
    """

    def __init__(
        self,
        path: Path,
        *,
        node_name: str,
        threads: Threads,
        watcher: Inotify | None,
        last_good: Mapping[str, DesiredPod] | None = None,
        rescan: float = RESCAN,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self._folder = Folder(
            path,
            _Pods(node_name),
            threads=threads,
            watcher=watcher,
            last_good=_by_name(str(path.absolute()), last_good or {}),
            rescan=rescan,
            now=now,
        )

    async def updates(self) -> AsyncIterator[SourceUpdate]:
        """The whole of what the manifests want, first at once and then whenever it changed."""
        async with aclosing(self._folder.follow()) as found:
            async for one in found:
                pods = tuple(one.values.values())
                yield SourceUpdate(source=Source.FILE, pods=pods, problems=one.problems)


class _Pods:
    """One pod in each file."""

    max_bytes = MAX_BYTES

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name

    def read(
        self, text: bytes, *, origin: str, before: DesiredPod | None, now: float
    ) -> tuple[DesiredPod | None, tuple[Problem, ...]]:
        where = Origin(source=Source.FILE, place=origin, node_name=self._node_name, seen_at=now)
        result = read_manifest(text, where)
        if not isinstance(result, DesiredPod):
            return None, result
        return (keep_seen(result, before) if before is not None else result), ()

    def name(self, value: DesiredPod) -> str:
        return value.key

    def refuse(self, path: str, about: os.stat_result) -> str:
        return ""


def _by_name(path: str, last_good: Mapping[str, DesiredPod]) -> dict[str, DesiredPod]:
    """What ran before the agent started, by the name of its file."""
    found: dict[str, DesiredPod] = {}
    for origin, pod in last_good.items():
        place, _, name = origin.rpartition("/")
        if path in (place, origin):
            found[name] = pod
    return found
