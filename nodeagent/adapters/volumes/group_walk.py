"""Gives all there is below a folder to a group, from open folders: a link is never followed.

Can be run by path in a bare interpreter, for file systems that may hang, so it imports nothing of
the agent. Its argument is then JSON: the path, the group, and whether OnRootMismatch counts.
"""

import json
import os
import stat
import sys
from collections.abc import Iterator

_WRITABLE, _READABLE = 0o660, 0o440
_FOLDER_BITS = 0o110 | stat.S_ISGID
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Count:
    """How many entries have been given to the group."""

    def __init__(self) -> None:
        self.entries = 0


def apply_group(
    path: str,
    gid: int,
    *,
    read_only: bool = False,
    on_mismatch_only: bool = False,
    count: Count | None = None,
) -> None:
    """Every entry below and at `path` belongs to `gid` afterwards and lets the group in.

    Links change owner but not mode. `on_mismatch_only` is fsGroupChangePolicy OnRootMismatch:
    nothing is done where the top folder is right already. The top goes last, so that a walk cut
    short is not taken for a finished one. Raises OSError.
    """
    mask = _READABLE if read_only else _WRITABLE
    top = os.open(path, _FOLDER)
    try:
        if not (on_mismatch_only and _is_right(os.fstat(top), gid, mask)):
            _walk(top, gid, mask, count or Count())
    finally:
        os.close(top)


def _is_right(about: os.stat_result, gid: int, mask: int) -> bool:
    need = mask | _FOLDER_BITS
    return about.st_gid == gid and about.st_mode & need == need


def _walk(top: int, gid: int, mask: int, count: Count) -> None:
    """Children before their folder, with a stack of our own: volumes may be deep."""
    stack: list[tuple[int, Iterator[str]]] = [(top, iter(_names(top)))]
    try:
        while stack:
            folder, names = stack[-1]
            name = next(names, None)
            count.entries += name is not None
            if name is not None:
                inner = _settle_entry(folder, name, gid, mask)
                if inner is not None:
                    stack.append((inner, iter(_names(inner))))
                continue
            _settle_folder(folder, gid, mask)
            stack.pop()
            if folder != top:
                os.close(folder)
    finally:
        for folder, _ in stack[1:]:
            os.close(folder)


def _names(folder: int) -> list[str]:
    return os.listdir(folder)


def _settle_entry(folder: int, name: str, gid: int, mask: int) -> int | None:
    """Settle a file or link; a folder is opened and handed back instead."""
    try:
        about = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISDIR(about.st_mode):
            return os.open(name, _FOLDER, dir_fd=folder)
        os.chown(name, -1, gid, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISLNK(about.st_mode):
            _set_mode(folder, name, stat.S_IMODE(about.st_mode) | mask)
    except FileNotFoundError:
        pass  # a volume shared with running pods may change meanwhile
    return None


def _set_mode(folder: int, name: str, mode: int) -> None:
    file = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        about = os.fstat(file)
        if not stat.S_ISLNK(about.st_mode) and stat.S_IMODE(about.st_mode) != mode:
            os.chmod(f"/proc/self/fd/{file}", mode)  # noqa: PTH101
    finally:
        os.close(file)


def _settle_folder(folder: int, gid: int, mask: int) -> None:
    about = os.fstat(folder)
    if about.st_gid != gid:
        os.fchown(folder, -1, gid)
    mode = stat.S_IMODE(about.st_mode)
    if mode | mask | _FOLDER_BITS != mode:
        os.fchmod(folder, mode | mask | _FOLDER_BITS)


def main() -> None:
    """Answer {"ok": null} or {"errno": number, "text": words} on standard output."""
    path, gid, mismatch = json.loads(sys.argv[1])
    try:
        apply_group(path, gid, on_mismatch_only=bool(mismatch))
        answer: dict[str, object] = {"ok": None}
    except OSError as error:
        answer = {"errno": error.errno, "text": error.strerror}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
