"""Container logs as files: sizes, and rotation without a fork; each call hops into threads."""

import os
import stat
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress

from nodeagent.adapters.host.oserror import translated
from nodeagent.aio.threads import Threads
from nodeagent.core.log_rotation import COMPRESSED, HALF_DONE, Rotation

_CHUNK = 256 * 1024
_TURN = 16 * 1024 * 1024  # bytes compressed before other users of the threads get their turn
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_GZIP = 16 + zlib.MAX_WBITS


class HostLogFiles:
    """Implements the engine's `LogFiles`."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def sizes(self, paths: Iterable[str]) -> Mapping[str, int]:
        """Bytes of each plain file; what is not there, or is something else, is left out."""
        return await self._threads.run(_sizes, tuple(paths))

    async def neighbours(self, path: str) -> tuple[str, ...]:
        """Names in the log's folder."""
        return await self._threads.run(_names, path.rpartition("/")[0])

    async def rotate(self, folder: str, rotation: Rotation) -> None:
        """Remove, compress, rename. A cancel leaves at most a half-made archive behind."""
        await self._threads.run(_remove, folder, rotation.remove)
        for name in rotation.compress:
            await self._compress(f"{folder}/{name}")
        await self._threads.run(_move, f"{folder}/{rotation.live}", f"{folder}/{rotation.rotated}")

    async def put_back(self, folder: str, rotation: Rotation) -> None:
        """Undo the rename, unless a live log is there again."""
        await self._threads.run(
            _move_unless, f"{folder}/{rotation.rotated}", f"{folder}/{rotation.live}"
        )

    async def _compress(self, path: str) -> None:
        job = _Compression(path)
        try:
            while not await self._threads.run(job.turn):
                pass
        finally:
            job.close()


def _sizes(paths: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for path in paths:
        with translated("read size of log", path):
            try:
                about = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if stat.S_ISREG(about.st_mode):
                found[path] = about.st_size
    return found


def _names(folder: str) -> tuple[str, ...]:
    with translated("read log folder", folder):
        return tuple(os.listdir(folder))  # noqa: PTH208


def _remove(folder: str, names: tuple[str, ...]) -> None:
    for name in names:
        path = f"{folder}/{name}"
        with translated("remove log", path), suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108


def _move(source: str, target: str) -> None:
    with translated("rename log", source):
        _rename(source, target)


def _move_unless(source: str, target: str) -> None:
    with translated("rename log", source), suppress(FileExistsError):
        _rename(source, target)


def _rename(source: str, target: str) -> None:
    """Rename without ever replacing: a link and an unlink; FileExistsError where it is taken."""
    os.link(source, target, follow_symlinks=False)
    os.unlink(source)  # noqa: PTH108


class _Compression:
    """One file on its way to its archive; each turn does a bounded part of the work."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._files: list[int] = []
        self._packer = zlib.compressobj(wbits=_GZIP)

    def turn(self) -> bool:
        """Whether the archive is there now and the original is gone."""
        with translated("compress log", self._path):
            try:
                source, draft = self._files or self._open()
            except FileNotFoundError:
                return True
            left = _TURN
            while left > 0:
                chunk = os.read(source, _CHUNK)
                if not chunk:
                    self._finish(draft)
                    return True
                _write(draft, self._packer.compress(chunk))
                left -= len(chunk)
            return False

    def _open(self) -> list[int]:
        self._files.append(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
        mode = os.fstat(self._files[0]).st_mode & 0o777
        self._files.append(os.open(self._path + HALF_DONE, _NEW, mode))
        return self._files

    def _finish(self, draft: int) -> None:
        _write(draft, self._packer.flush())
        os.rename(self._path + HALF_DONE, self._path + COMPRESSED)  # noqa: PTH104
        os.unlink(self._path)  # noqa: PTH108

    def close(self) -> None:
        """Let go of what is open; may be called at any time."""
        while self._files:
            os.close(self._files.pop())


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
