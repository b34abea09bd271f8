"""How much lies below folders: a slow walk that leaves the disk to others.

The thread is in the idle class of the IO scheduler. Between pieces of a walk comes a pause, long
enough that the walk reads no more than a megabyte each second from the disk and takes a fifth of
a core at most.
"""

import asyncio
import ctypes
import os
import platform
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from nodeagent.aio.threads import Threads
from nodeagent.model.usage import DiskUse, FileSystem

PIECE = 500  # entries, at most, between two looks at the clock
TURN = 0.02  # seconds that a piece may take
READ_RATE = 1e6  # bytes from the disk each second
SHARE = 0.2  # of a core
MOST = 5_000_000  # entries of one folder; what is beyond is not counted
_BLOCK = 512  # unit of st_blocks
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IDLE_CLASS = 3 << 13


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk may take, for each second: bytes from the disk, and a share of a core."""

    read_rate: float = READ_RATE
    share: float = SHARE

    def pause(self, seconds: float, read_bytes: int) -> float:
        """Seconds to wait after a piece that took so long and read so much."""
        return max(seconds * (1 / self.share - 1), read_bytes / self.read_rate - seconds, 0.0)


class DiskWalker:
    """Measures folders one after the other, in a thread of its own."""

    def __init__(self, pace: Pace | None = None) -> None:
        self._threads = Threads(1, name="disk-usage")
        self._pace = pace or Pace()
        self.entries = 0  # looked at so far
        self.read_bytes = 0  # brought from the disk so far

    async def measure(self, folder: str) -> DiskUse | None:
        """Everything below the folder and itself, each file once, no other file system entered.

        None where the folder is not there. What vanishes meanwhile does not count; what cannot be
        read makes the answer one that is not whole.
        """
        walk = _Walk(folder)
        while True:
            turn = await self._threads.run(_turn, walk)
            self.entries += turn.entries
            self.read_bytes += turn.read_bytes
            if turn.over:
                return walk.result()
            await asyncio.sleep(self._pace.pause(turn.seconds, turn.read_bytes))

    async def file_system(self, path: str) -> FileSystem | None:
        """By statvfs; None where the path is not there."""
        return await self._threads.run(file_system, path)

    async def device(self, path: str) -> int | None:
        """The number of the device that the path is on; None where it is not there."""
        return await self._threads.run(_device, path)

    async def file_size(self, path: str) -> DiskUse | None:
        """What one file takes; None where it is not there."""
        return await self._threads.run(_file_size, path)

    def close(self) -> None:
        """Let the thread end."""
        self._threads.close()


def file_system(path: str) -> FileSystem | None:
    """How full the file system of a path is; None where the path is not there."""
    try:
        told = os.statvfs(path)
    except OSError:
        return None
    size = told.f_frsize
    return FileSystem(
        at=time.time(),
        capacity=told.f_blocks * size,
        available=told.f_bavail * size,
        used=(told.f_blocks - told.f_bfree) * size,
        inodes=told.f_files,
        inodes_free=told.f_ffree,
    )


def _device(path: str) -> int | None:
    try:
        return Path(path).stat().st_dev
    except OSError:
        return None


def _file_size(path: str) -> DiskUse | None:
    try:
        told = Path(path).lstat()
    except OSError:
        return None
    return DiskUse(at=time.time(), used=told.st_blocks * _BLOCK, inodes=1)


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    entries: int
    seconds: float
    read_bytes: int
    over: bool


class _Walk:
    """A walk that can be stopped after any entry and gone on with."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._links: set[int] = set()
        self._used = self._inodes = 0
        self._whole, self._there = True, True
        self.steps = self._walk()

    def result(self) -> DiskUse | None:
        if not self._there:
            return None
        return DiskUse(at=time.time(), used=self._used, inodes=self._inodes, whole=self._whole)

    def _walk(self) -> Iterator[None]:
        try:
            top = os.lstat(self._folder)
        except OSError:
            self._there = False
            return
        self._count(top)
        folders = [self._folder] if stat.S_ISDIR(top.st_mode) else []
        while folders:
            for entry in self._entries(folders.pop()):
                try:
                    told = entry.stat(follow_symlinks=False)
                except OSError as error:
                    self._whole &= isinstance(error, FileNotFoundError)
                    continue
                if told.st_dev != top.st_dev:
                    continue
                self._count(told)
                if stat.S_ISDIR(told.st_mode):
                    folders.append(entry.path)
                if self._inodes >= MOST:
                    self._whole = False
                    return
                yield

    def _entries(self, folder: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except FileNotFoundError:
            return
        except OSError:  # a path beyond what the kernel takes, or a broken disk
            self._whole = False

    def _count(self, told: os.stat_result) -> None:
        if told.st_nlink > 1 and not stat.S_ISDIR(told.st_mode):
            if told.st_ino in self._links:
                return
            self._links.add(told.st_ino)
        self._inodes += 1
        self._used += told.st_blocks * _BLOCK


def _turn(walk: _Walk) -> _Turn:
    """Go on with a walk for a moment."""
    _be_idle()
    began, read, entries, over = time.monotonic(), _read_so_far(), 0, True
    for _ in walk.steps:
        entries += 1
        if entries >= PIECE or time.monotonic() - began > TURN:
            over = False
            break
    seconds = time.monotonic() - began
    return _Turn(entries=entries, seconds=seconds, read_bytes=_read_so_far() - read, over=over)


def _read_so_far() -> int:
    """Bytes that this thread made the disk read; 0 where the kernel does not count them."""
    with suppress(OSError):
        for line in Path("/proc/thread-self/io").read_bytes().splitlines():
            if line.startswith(b"read_bytes:"):
                return int(line.split()[1])
    return 0


def _be_idle() -> None:
    """Put this thread into the idle class; kernels without it treat it as any other."""
    number = _IOPRIO_SET.get(platform.machine())
    if number is not None:
        ctypes.CDLL(None).syscall(number, 1, 0, _IDLE_CLASS)
