"""How much memory a cgroup and those right below it use, in either version's files."""

from contextlib import suppress
from typing import Final

import msgspec

from nodeagent.adapters.cgroupfs.files import Files
from nodeagent.core.cgroups import container_of
from nodeagent.model.memory_use import MemoryUse


class MemoryFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version tells it; `inactive` is the entry of memory.stat for the whole subtree."""

    used: str
    inactive: str


V1_MEMORY: Final = MemoryFiles(used="memory.usage_in_bytes", inactive="total_inactive_file")
V2_MEMORY: Final = MemoryFiles(used="memory.current", inactive="inactive_file")


def memory_use(
    files: Files, folder: str, names: MemoryFiles, *, below: bool
) -> dict[str, MemoryUse]:
    """Of the folder under "", and of its children by container id or name; without what is gone."""
    found: dict[str, MemoryUse] = {}
    with suppress(OSError):
        found[""] = _read(files, folder, names)
        for child in files.children(folder) if below else ():
            with suppress(OSError):
                found[container_of(child)] = _read(files, f"{folder}/{child}", names)
    return found


def tasks_in(files: Files, folder: str) -> int | None:
    """What the pids controller counts; None where there is none, or no such cgroup."""
    try:
        return int(files.read(f"{folder}/pids.current"))
    except OSError:
        return None


def _read(files: Files, folder: str, names: MemoryFiles) -> MemoryUse:
    used = int(files.read(f"{folder}/{names.used}"))
    stat = files.read(f"{folder}/memory.stat")
    inactive = next(
        (
            int(line.split()[1])
            for line in stat.splitlines()
            if line.startswith(f"{names.inactive} ")
        ),
        0,
    )
    return MemoryUse(used_bytes=used, working_set_bytes=max(used - inactive, 0))
