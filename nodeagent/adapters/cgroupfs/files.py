"""Reading and writing control files, and the errors that come of it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from nodeagent.errors import HostError

_MEND = {
    errno.EPERM: "the agent may not change cgroups here: run it as root on the host, or let it own"
    " this part of the tree",
    errno.EACCES: "the agent may not change cgroups here: run it as root on the host, or let it own"
    " this part of the tree",
    errno.EROFS: "cgroups are mounted read-only here: remount them writable",
    errno.EBUSY: "it is in use: processes, or memory above the new limit",
    errno.EINVAL: "the kernel does not take this value: it may clash with a parent's or a child's",
    errno.ENOSPC: "the kernel's limit of cgroups is reached: look for leaked ones",
}


class Files:
    """The file operations a tree needs; a fixture in tests adds what the kernel does by itself."""

    def make(self, path: str) -> bool:
        """Make one cgroup; False where it is there already. FileNotFoundError: no parent."""
        try:
            os.mkdir(path, 0o755)  # noqa: PTH102
        except FileExistsError:
            return False
        return True

    def remove(self, path: str) -> None:
        """Remove one empty cgroup; OSError as the kernel says."""
        os.rmdir(path)  # noqa: PTH106

    def read(self, path: str) -> str:
        """The text of a control file, without surrounding white space."""
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = []
            while part := os.read(file, 65536):
                parts.append(part)
        finally:
            os.close(file)
        return b"".join(parts).decode().strip()

    def write(self, path: str, value: str) -> None:
        """Write a value in one piece; never makes a file."""
        file = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(file, value.encode())
        finally:
            os.close(file)

    def children(self, path: str) -> list[str]:
        """Names of the cgroups below; none where it does not exist."""
        try:
            with os.scandir(path) as entries:
                return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []


class Writes:
    """Settles values one by one; a refused one does not keep the others from being set."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._failed: HostError | None = None

    def settle(self, path: str, value: str, *, held: str | None = None) -> None:
        """The control file holds `value` afterwards; nothing is written where it already does.

        `held`: what it holds by the caller's knowledge.
        """
        with self.noted(f"set to {value}", path):
            if (self._files.read(path) if held is None else held) != value:
                self._files.write(path, value)

    @contextmanager
    def noted(self, op: str, path: str) -> Iterator[None]:
        """Keep the first refusal for `finish`."""
        try:
            yield
        except OSError as error:
            self._failed = self._failed or refusal(op, path, error)
        except HostError as error:
            self._failed = self._failed or error

    def finish(self) -> None:
        """Raise the first refusal, if there was one."""
        if self._failed is not None:
            raise self._failed


def refusal(op: str, path: str, error: OSError) -> HostError:
    """The error for what the kernel refused, with what may mend it."""
    text = error.strerror or str(error)
    mend = _MEND.get(error.errno or 0)
    return HostError(op=f"cgroup: {op}", target=path, detail=f"{text} ({mend})" if mend else text)


@contextmanager
def translated(op: str, path: str) -> Iterator[None]:
    """Raise HostError for an OSError inside."""
    try:
        yield
    except OSError as error:
        raise refusal(op, path, error) from error
