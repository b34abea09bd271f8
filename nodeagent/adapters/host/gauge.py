"""How much the machine as a whole has left: memory, processes, file systems."""

import os
from collections.abc import Iterable
from pathlib import Path

from nodeagent.adapters.host import proc
from nodeagent.adapters.host.oserror import translated
from nodeagent.aio.threads import Threads
from nodeagent.model.eviction import FileSystem, HostSight


class HostGauge:
    """Reads /proc and asks the kernel of file systems; `top` is where /proc is found."""

    def __init__(self, threads: Threads, *, top: str = "/") -> None:
        self._threads, self._proc = threads, Path(top) / "proc"

    async def read(self, paths: Iterable[str]) -> HostSight:
        """All at once, without paths that are not there. HostError where /proc cannot be read."""
        return await self._threads.run(self._read, tuple(paths))

    def _read(self, paths: tuple[str, ...]) -> HostSight:
        with translated("read", str(self._proc)):
            memory = proc.meminfo((self._proc / "meminfo").read_text())
            tasks = (self._proc / "loadavg").read_text().split()[3].partition("/")[2]
            limits = [
                int((self._proc / "sys/kernel" / name).read_text())
                for name in ("pid_max", "threads-max")
            ]
        return HostSight(
            memory=memory.get("MemTotal", 0),
            memory_free=memory.get("MemFree", 0),
            memory_inactive=memory.get("Inactive(file)", 0),
            tasks=int(tasks),
            most_tasks=min(limits),
            file_systems={path: found for path in paths if (found := _file_system(path))},
        )


def _file_system(path: str) -> FileSystem | None:
    try:
        told, device = os.statvfs(path), Path(path).stat().st_dev
    except OSError:
        return None
    return FileSystem(
        device=device,
        capacity=told.f_blocks * told.f_frsize,
        available=told.f_bavail * told.f_frsize,
        inodes=told.f_files,
        inodes_free=told.f_ffree,
    )
