"""Files below /var/log as the node's port shows them. Its calls block: run them in a thread."""

import html
import os
import stat
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

BLOCK = 64 * 1024


class Found:
    """A file or folder that is open; close it, or use it in a `with`."""

    def __init__(self, fd: int, seen: os.stat_result) -> None:
        self.fd, self.seen = fd, seen

    def __enter__(self) -> "Found":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        os.close(self.fd)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.seen.st_mode)

    def read(self) -> bytes:
        """The next bytes of a file."""
        return os.read(self.fd, BLOCK)

    def listing(self) -> bytes:
        """A folder's names as a page of links, as Go's file server writes it."""
        lines = []
        with os.scandir(self.fd) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                name = entry.name + ("/" if entry.is_dir(follow_symlinks=False) else "")
                link = quote(name, errors="surrogateescape")
                shown = html.escape(name.encode(errors="replace").decode())
                lines.append(f'<a href="{link}">{shown}</a>\n')
        head = '<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n'
        return f"{head}{''.join(lines)}</pre>\n".encode()


def open_beneath(root: Path, path: str) -> Found:
    """Open what is at the path below the root. FileNotFoundError where nothing can be shown.

    Links are followed as long as they stay below: a pod may be allowed to write there, and must
    not make us show the rest of the machine. Devices, pipes and sockets are not opened.
    """
    if "\0" in path:
        raise FileNotFoundError(path)
    top = root.resolve()
    real = (root / path.lstrip("/")).resolve(strict=True)
    if not _is_plain(real.stat()):
        raise FileNotFoundError(path)
    fd = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    found = Found(fd, os.fstat(fd))
    if not _is_plain(found.seen) or not Path(f"/proc/self/fd/{fd}").readlink().is_relative_to(top):
        os.close(fd)
        raise FileNotFoundError(path)
    return found


def _is_plain(seen: os.stat_result) -> bool:
    return stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode)
