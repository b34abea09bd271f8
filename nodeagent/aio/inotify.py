"""One inotify instance for the whole agent: folders told apart, nothing polled."""

import asyncio
import contextlib
import ctypes
import itertools
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
OVERFLOW = 0x4000
IGNORED = 0x8000
_ONLYDIR, _MASK_ADD = 0x01000000, 0x20000000
GONE = DELETE_SELF | MOVE_SELF | UNMOUNT | IGNORED
NAMES = MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
CONTENT = NAMES | MODIFY | ATTRIB | CLOSE_WRITE

_HEAD = struct.Struct("iIII")
_READ_BYTES = 64 * 1024


class Change(NamedTuple):
    """One event: flags of this module, the name inside the folder, and what pairs a rename."""

    mask: int
    name: str
    cookie: int


Listener = Callable[[Change], None]


class Inotify:
    """Watches folders for any number of listeners; opens nothing before the first watch.

    Listeners are called on the event loop and must not block. Several may watch one folder: each
    is told all that any of them asked for there. OVERFLOW is told to everyone.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = -1
        self._tokens = itertools.count(1)
        self._listeners: dict[int, dict[int, Listener]] = {}  # watch -> token -> listener
        self._watches: dict[int, int] = {}  # token -> watch

    def add(self, folder: str, listener: Listener, *, mask: int = CONTENT) -> int:
        """Watch a folder, links followed; returns a token for `remove`.

        OSError as the kernel says: ENOENT, ENOTDIR, and EMFILE or ENOSPC where the limits
        fs.inotify.max_user_instances or fs.inotify.max_user_watches are used up.
        """
        if self._fd < 0:
            self._open()
        raw = os.fsencode(folder)
        watch = self._libc.inotify_add_watch(self._fd, raw, mask | _ONLYDIR | _MASK_ADD)
        if watch < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), folder)
        token = next(self._tokens)
        self._listeners.setdefault(watch, {})[token] = listener
        self._watches[token] = watch
        return token

    def remove(self, token: int) -> None:
        """Tell this listener no more; a token that is gone counts as removed."""
        watch = self._watches.pop(token, None)
        listeners = self._listeners.get(watch, {}) if watch is not None else {}
        listeners.pop(token, None)
        if watch is not None and not listeners and self._listeners.pop(watch, None) is not None:
            self._libc.inotify_rm_watch(self._fd, watch)

    def close(self) -> None:
        """End all watches; may be repeated, and `add` opens anew."""
        if self._fd >= 0:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
        self._fd = -1
        self._listeners.clear()
        self._watches.clear()

    def _open(self) -> None:
        fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if fd < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), "inotify")
        self._fd = fd
        asyncio.get_running_loop().add_reader(fd, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            raw = os.read(self._fd, _READ_BYTES)
            offset = 0
            while offset < len(raw):
                watch, mask, cookie, length = _HEAD.unpack_from(raw, offset)
                offset += _HEAD.size
                name = os.fsdecode(raw[offset : offset + length].rstrip(b"\0"))
                offset += length
                self._tell(watch, Change(mask, name, cookie))

    def _tell(self, watch: int, change: Change) -> None:
        if change.mask & OVERFLOW:
            listeners = [one for each in self._listeners.values() for one in each.values()]
        else:
            listeners = list(self._listeners.get(watch, {}).values())
        if change.mask & IGNORED:  # the kernel has dropped the watch, and may use its number again
            for token in self._listeners.pop(watch, {}):
                self._watches.pop(token, None)
        for listener in listeners:
            listener(change)
