"""How full file systems are."""

import os

from nodeagent.adapters.host.oserror import translated
from nodeagent.aio.threads import Threads
from nodeagent.model.image_gc import Space


class HostDisks:
    """Implements the engine's `Disks`."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def space(self, path: str) -> Space:
        """By statvfs; what only root may use counts as used."""
        return await self._threads.run(_space, path)


def _space(path: str) -> Space:
    with translated("measure file system of", path):
        told = os.statvfs(path)
    return Space(
        path=path,
        capacity_bytes=told.f_blocks * told.f_frsize,
        available_bytes=told.f_bavail * told.f_frsize,
    )
