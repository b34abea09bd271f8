"""Files of a volume that change all at once: a reader sees the old set or the new one, whole.

The files lie in a folder named after the time; the link `..data` leads to it, and each name that
users see is a link through `..data`. Changing the one link changes everything (the layout is
promised to containers: "Secrets", "ConfigMaps", mounted content is updated).
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from nodeagent.core.payload import Payload

DATA, _NEXT = "..data", "..data_tmp"
_LINK_NEXT = "..link_tmp"


def write(
    top: str,
    payload: Payload,
    *,
    folders: Iterable[str] = (),
    settle: Callable[[], None] = lambda: None,
    group_bits: int = 0,
) -> bool:
    """The volume at `top` holds exactly these files afterwards; says whether that is new.

    `folders` are kept empty in it for mounts. `settle` is called before the new files show, to
    give them to a group; `group_bits` are the mode bits that it adds. Repairs links that are wrong
    and removes what a crash left, also where the files are as they should be. Blocks; OSError,
    after which the volume takes no more room than before.
    """
    current = _current(top)
    fresh = current is None or not _is_same(f"{top}/{current}", payload, group_bits)
    if fresh:
        _remove_unshown(top, current)  # it may be what fills the disk
        with ExitStack() as unfinished:
            current = _new_folder(top)
            unfinished.callback(shutil.rmtree, f"{top}/{current}", ignore_errors=True)
            _write_files(f"{top}/{current}", payload)
            settle()
            _link(top, DATA, current, by=_NEXT)
            unfinished.pop_all()
    names = {path.partition("/")[0] for path in payload}
    for name in sorted(names):
        _link(top, name, f"{DATA}/{name}", by=_LINK_NEXT)
    for folder in folders:
        if not os.path.lexists(f"{top}/{folder}"):
            Path(top, folder).mkdir(mode=0o755, parents=True, exist_ok=True)
    assert current is not None
    _sweep(top, current, names)
    return fresh


def _current(top: str) -> str | None:
    """The folder that is shown, None where that is nothing of ours."""
    try:
        name = os.readlink(f"{top}/{DATA}")  # noqa: PTH115
    except OSError:
        return None
    ours = name.startswith("..") and "/" not in name and name != ".."
    return name if ours and os.path.isdir(f"{top}/{name}") else None  # noqa: PTH112


def _is_same(folder: str, payload: Payload, group_bits: int) -> bool:
    try:
        found = {
            os.path.relpath(f"{at}/{name}", folder)
            for at, _, names in os.walk(folder)
            for name in names
        }
        return found == payload.keys() and all(
            _is_file(f"{folder}/{path}", file.data, file.mode | group_bits)
            for path, file in payload.items()
        )
    except OSError:
        return False


def _is_file(path: str, data: bytes, mode: int) -> bool:
    with Path(path).open("rb") as file:
        about = os.fstat(file.fileno())
        same = about.st_size == len(data) and about.st_mode & 0o777 == mode
        return same and file.read() == data


def _new_folder(top: str) -> str:
    """Its name."""
    stamp = time.strftime("..%Y_%m_%d_%H_%M_%S", time.gmtime())
    name = f"{stamp}.{secrets.randbelow(10**10):010}"
    _make_folder(f"{top}/{name}")
    return name


def _write_files(folder: str, payload: Payload) -> None:
    for path, file in payload.items():
        inner, _, _ = path.rpartition("/")
        for depth in range(1, len(inner.split("/")) + 1 if inner else 1):
            with suppress(FileExistsError):
                _make_folder(f"{folder}/{'/'.join(inner.split('/')[:depth])}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(f"{folder}/{path}", flags, 0o600), "wb") as out:
            out.write(file.data)
            if file.uid is not None:
                os.fchown(out.fileno(), file.uid, -1)
            os.fchmod(out.fileno(), file.mode)


def _make_folder(path: str) -> None:
    os.mkdir(path)  # noqa: PTH102
    os.chmod(path, 0o755)  # noqa: PTH101


def _link(top: str, name: str, target: str, *, by: str) -> None:
    """`name` leads to `target`, at every moment to this or to what it led to before."""
    place = f"{top}/{name}"
    try:
        if os.readlink(place) == target:  # noqa: PTH115
            return
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise FileExistsError(errno.EEXIST, "something else is in the way", place) from error
    with suppress(FileNotFoundError):
        os.unlink(f"{top}/{by}")  # noqa: PTH108
    Path(top, by).symlink_to(target)
    os.rename(f"{top}/{by}", place)  # noqa: PTH104


def _sweep(top: str, current: str, names: Iterable[str]) -> None:
    """Remove links to files that are no more, and folders of files that nothing shows."""
    kept = {DATA, current, *names}
    for entry in os.scandir(top):
        if entry.name in kept:
            continue
        if entry.is_symlink():
            leads = os.readlink(entry.path)  # noqa: PTH115
            if entry.name.startswith("..") or leads.startswith(f"{DATA}/"):
                os.unlink(entry.path)  # noqa: PTH108
    _remove_unshown(top, current)


def _remove_unshown(top: str, current: str | None) -> None:
    """Remove folders of files that nothing shows."""
    for entry in os.scandir(top):
        ours = entry.name.startswith("..2") and entry.is_dir(follow_symlinks=False)
        if ours and entry.name != current:
            shutil.rmtree(entry.path)
