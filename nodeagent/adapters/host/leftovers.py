"""What pods have left on the disk, found by the names of folders and links."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from nodeagent.adapters.host.oserror import translated
from nodeagent.adapters.host.trees import remove_tree
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.node import PodDirs

_TURN = 0.2  # seconds a deletion may hold a thread before others get their turn


class HostLeftovers:
    """Implements the engine's `Leftovers` for the places in `dirs`."""

    def __init__(self, dirs: PodDirs, threads: Threads) -> None:
        self._dirs, self._threads = dirs, threads

    async def pod_folders(self) -> tuple[PodUid, ...]:
        """Names of folders below `pods`."""
        names = await self._threads.run(_folders, f"{self._dirs.root}/pods")
        return tuple(PodUid(name) for name in names)

    async def log_folders(self) -> Mapping[str, PodUid]:
        """Folders named `<namespace>_<pod>_<uid>`."""
        names = await self._threads.run(_folders, self._dirs.logs)
        parts = {name: name.split("_") for name in names}
        return {
            f"{self._dirs.logs}/{name}": PodUid(words[2])
            for name, words in parts.items()
            if len(words) == 3 and all(words)
        }

    async def remove_dead_links(self, alive: frozenset[str]) -> int:
        """Links into our logs whose file is gone, except those of containers in `alive`."""
        return await self._threads.run(_remove_dead_links, self._dirs, alive)

    async def remove_logs(self, folder: str) -> None:
        """The folder is gone; links into it are dead then."""
        if folder.rpartition("/")[0] != self._dirs.logs:
            raise HostError(op="remove logs", target=folder, detail=f"not in {self._dirs.logs}")
        while not await self._threads.run(_remove_for_a_moment, folder):
            pass


def _folders(place: str) -> list[str]:
    with translated("read folder", place):
        try:
            with os.scandir(place) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []


def _remove_for_a_moment(folder: str) -> bool:
    return remove_tree(folder, until=time.monotonic() + _TURN)


def _remove_dead_links(dirs: PodDirs, alive: frozenset[str]) -> int:
    removed = 0
    with translated("look for dead links", dirs.container_links), suppress(FileNotFoundError):
        with os.scandir(dirs.container_links) as entries:
            found = [Path(entry.path) for entry in entries if entry.is_symlink()]
        for link in found:
            with suppress(FileNotFoundError):
                if _is_dead(link, dirs.logs) and _container_of(link.name) not in alive:
                    link.unlink()
                    removed += 1
    return removed


def _is_dead(link: Path, logs: str) -> bool:
    target = str(link.readlink())
    return target.startswith(f"{logs}/") and not os.path.lexists(target)


def _container_of(name: str) -> str:
    return name.removesuffix(".log").rpartition("-")[2]
