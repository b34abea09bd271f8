"""Files that are replaced whole or not at all."""

import os
from contextlib import suppress

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomic(path: str, data: bytes, *, mode: int = 0o600, durable: bool = False) -> None:
    """Put `data` at `path`: a reader, or a crash, sees the old file or the new one, never a part.

    The caller sees to it that there is one writer per path at a time. `durable` also survives a
    power cut, at the price of waiting for the disk. OSError leaves the old file as it was.
    """
    folder, _, name = path.rpartition("/")
    draft = f"{folder}/.{name}.tmp"
    file = os.open(draft, _NEW, mode)
    try:
        _write_all(file, data)
        if durable:
            os.fsync(file)
    except OSError:
        with suppress(OSError):
            os.unlink(draft)  # noqa: PTH108
        raise
    finally:
        os.close(file)
    os.rename(draft, path)  # noqa: PTH104
    if durable:
        _sync_folder(folder or "/")


def _write_all(file: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(folder: str) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
