"""Emptying and removing cgroups, in either version."""

import errno
import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress

import msgspec

from nodeagent.adapters.cgroupfs.files import Files, translated


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of removing could not remove: folders, and the processes in them."""

    folders: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()


def remove_once(files: Files, tops: Iterable[str]) -> Left:
    """Remove the cgroups at `tops` with all below, deepest first, as far as nobody is in them."""
    folders: list[str] = []
    pids: set[int] = set()
    for top in tops:
        for folder in _deepest_first(files, top):
            with translated("remove", folder):
                try:
                    files.remove(folder)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
                        raise
                    folders.append(folder)
                    pids.update(_pids(files, folder))
    return Left(folders=tuple(folders), pids=tuple(sorted(pids)))


def kill(files: Files, left: Left) -> None:
    """Send SIGKILL to every process that is still in these cgroups, frozen ones included."""
    for folder in left.folders:
        for name, value in (("cgroup.kill", "1"), ("freezer.state", "THAWED")):
            with suppress(OSError):
                files.write(f"{folder}/{name}", value)
    handles = dict(_handles(pid for pid in left.pids if pid > 1 and pid != os.getpid()))
    try:
        # A number may have gone to another process since it was read; the handle pins it, so
        # what is in the cgroup now under that number is what the handle is for.
        still = {pid for folder in left.folders for pid in _pids(files, folder)}
        for pid, handle in handles.items():
            if pid in still:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        for handle in handles.values():
            os.close(handle)


def _handles(pids: Iterable[int]) -> Iterator[tuple[int, int]]:
    for pid in pids:
        with suppress(ProcessLookupError):
            yield pid, os.pidfd_open(pid)


def _pids(files: Files, folder: str) -> list[int]:
    try:
        return [int(word) for word in files.read(f"{folder}/cgroup.procs").split()]
    except OSError:
        return []


def _deepest_first(files: Files, top: str) -> Iterator[str]:
    for name in files.children(top):
        yield from _deepest_first(files, f"{top}/{name}")
    yield top
