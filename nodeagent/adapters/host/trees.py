"""Deleting folders without ever following a link or entering a mount.

Everything is done from open folders (openat2, unlinkat), so a container that swaps a folder for
a link meanwhile cannot lead the deletion elsewhere.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nodeagent.adapters.host.mounts import open_here
from nodeagent.adapters.host.oserror import translated
from nodeagent.errors import HostError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_DEEPEST = 64  # folders open at once; what lies deeper is first moved up
_ROUNDS = 10  # how often a folder that keeps being filled is emptied again


def remove_tree(path: str, *, until: float = float("inf"), files: bool = True) -> bool:
    """Remove `path` and all below it; absent counts as done.

    Stops after `until` (monotonic seconds) and returns False while something is left, so that a
    huge tree does not hold a thread: call again. With `files=False` only folders are removed.
    HostError names the entry that cannot go: a mount, a file where none may go, a busy folder.
    """
    parent, _, name = path.rstrip("/").rpartition("/")
    with translated("remove", path):
        try:
            above = os.open(parent or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            return _Removal(path, until, files).remove(above, name)
        finally:
            os.close(above)


class _OutOfTime(Exception):
    pass


class _Removal:
    """One walk. `_trail` names the folders from `path` down to where it is."""

    def __init__(self, path: str, until: float, files: bool) -> None:
        self._trail = [path]
        self._until = until
        self._files = files
        self._top = -1
        self._moved = 0

    def remove(self, above: int, name: str) -> bool:
        try:
            with self._opened(above, name, self._trail[0]) as top:
                self._top = top
                self._empty(top)
            os.rmdir(name, dir_fd=above)
        except FileNotFoundError:
            return True
        except NotADirectoryError:
            self._unlink(above, name)
        except _OutOfTime:
            return False
        return True

    def _empty(self, folder: int) -> None:
        """Leave nothing in an open folder. Recursion is bounded by `_DEEPEST`."""
        rounds = 0
        while rounds < _ROUNDS:
            moved = self._moved
            with os.scandir(folder) as entries:
                found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
            if not found:
                return
            for name, is_folder in found:
                if time.monotonic() > self._until:
                    raise _OutOfTime
                self._remove_entry(folder, name, is_folder)
            rounds += moved == self._moved
        raise OSError(errno.EBUSY, "something keeps making files in it", self._here())

    def _remove_entry(self, folder: int, name: str, is_folder: bool) -> None:
        try:
            if not is_folder:
                self._unlink(folder, name)
            elif len(self._trail) > _DEEPEST:
                self._move_up(folder, name)
            else:
                self._remove_folder(folder, name)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise self._named(error, name) from error

    def _remove_folder(self, folder: int, name: str) -> None:
        with self._opened(folder, name, f"{self._here()}/{name}") as inner:
            self._trail.append(name)
            try:
                self._empty(inner)
            finally:
                self._trail.pop()
        os.rmdir(name, dir_fd=folder)

    def _move_up(self, folder: int, name: str) -> None:
        self._moved += 1
        target = f".removing-{os.getpid()}-{time.monotonic_ns()}-{self._moved}"
        os.rename(name, target, src_dir_fd=folder, dst_dir_fd=self._top)

    def _unlink(self, folder: int, name: str) -> None:
        if not self._files:
            raise HostError(
                op="remove", target=self._trail[0], detail=f"it still holds {self._here()}/{name}"
            )
        os.unlink(name, dir_fd=folder)

    @contextmanager
    def _opened(self, folder: int, name: str, path: str) -> Iterator[int]:
        try:
            file = open_here(folder, name, _FOLDER)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise NotADirectoryError(errno.ENOTDIR, "a link", path) from error
            if error.errno == errno.EXDEV:
                raise OSError(errno.EXDEV, "still a mount point, unmount it", path) from error
            raise
        try:
            yield file
        finally:
            os.close(file)

    def _here(self) -> str:
        return "/".join(self._trail)

    def _named(self, error: OSError, name: str) -> OSError:
        if error.filename is not None and str(error.filename).startswith(self._trail[0]):
            return error
        return OSError(error.errno, error.strerror, f"{self._here()}/{name}")
