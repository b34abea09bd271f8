"""A disposable process that makes one file-system call which may hang, and prints the answer.

Run by path in a bare interpreter, so it imports nothing of the agent. Its argument is JSON:
the name of a function below and the list of its arguments.
"""

import json
import os
import stat
import sys
from collections.abc import Callable

_NOFOLLOW, _DETACH = 8, 2
_REMOUNT, _BIND = 32, 4096
_PROBED = 1 << 20
_KINDS = (
    (stat.S_ISDIR, "Directory"),
    (stat.S_ISREG, "File"),
    (stat.S_ISSOCK, "Socket"),
    (stat.S_ISCHR, "CharDevice"),
    (stat.S_ISBLK, "BlockDevice"),
)


def kind(path: str) -> str:
    """What is at `path`, in the words of hostPath types; "Other" for the rest, "" for nothing."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return next((name for test, name in _KINDS if test(mode)), "Other")


def make_folder(path: str, mode: int) -> None:
    """`path` is a folder afterwards; new ones, parents too, get `mode` less the umask."""
    os.makedirs(path, mode, exist_ok=True)  # noqa: PTH103


def make_file(path: str, mode: int) -> None:
    """There is a file at `path` afterwards; its parent has to exist."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, mode))


def space(path: str) -> list[int]:
    """Of the file system at `path`: bytes in all, for others, free; inodes in all and free."""
    told = os.statvfs(path)
    size = told.f_frsize
    return [
        told.f_blocks * size,
        told.f_bavail * size,
        told.f_bfree * size,
        told.f_files,
        told.f_ffree,
    ]


def unmount(path: str, flags: int) -> None:
    """umount2(2); nothing mounted there counts as done."""
    import ctypes
    import errno

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.umount2(os.fsencode(path), flags) != 0:
        code = ctypes.get_errno()
        if code not in (errno.EINVAL, errno.ENOENT):
            raise OSError(code, os.strerror(code), path)


def bind(source: str, target: str, mounted: int, flags: int) -> bool:
    """`source` is bind mounted at `target`, a folder, with these flags of mount(2); says whether
    that is new. `mounted` says that something is mounted there: it goes if it is something else.
    """
    if mounted:
        if os.path.samestat(os.stat(source), os.stat(target)):  # noqa: PTH116
            return False
        unmount(target, _NOFOLLOW | _DETACH)
    _mount(source, target, _BIND)
    if flags:
        _mount(source, target, _REMOUNT | _BIND | flags)
    return True


def _mount(source: str, target: str, flags: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    where = (os.fsencode(source), os.fsencode(target))
    if libc.mount(*where, None, ctypes.c_ulong(flags), None) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


def blank(path: str) -> bool:
    """Whether a device begins and ends with a MiB of nothing: zeros, or ones as of erased flash."""
    with open(path, "rb", buffering=0) as device:  # noqa: PTH123
        size = device.seek(0, os.SEEK_END)
        for start in (0, max(0, size - _PROBED)):
            device.seek(start)
            found = device.read(_PROBED)
            if found.strip(b"\0") and found.strip(b"\xff"):
                return False
    return True


_CALLS: dict[str, Callable[..., object]] = {
    "kind": kind,
    "make_folder": make_folder,
    "make_file": make_file,
    "unmount": unmount,
    "space": space,
    "bind": bind,
    "blank": blank,
}


def main() -> None:
    """Answer {"ok": value} or {"errno": number, "text": words} on standard output."""
    try:
        call, arguments = json.loads(sys.argv[1])
        answer: dict[str, object] = {"ok": _CALLS[call](*arguments)}
    except OSError as error:
        answer = {"errno": error.errno, "text": error.strerror}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
