"""A file of variables inside a volume, which a container wrote (KEP-3721): read with suspicion."""

import errno
import os
import stat

from nodeagent.adapters.volumes.base import Kernel
from nodeagent.core.cut_texts import NO_NUL
from nodeagent.errors import ConfigError

MAX_BYTES = 64 * 1024
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_ABSENT = (errno.ENOENT, errno.ENOTDIR)


def read_env_file(kernel: Kernel, volume: str, path: str) -> str | None:
    """The text; None where nothing is there. Blocks. ConfigError says what is wrong with it."""
    if "\0" in path:
        raise _wrong(path, NO_NUL)
    try:
        top = os.open(volume, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            file = kernel.open_beneath(top, path, _READ)
        finally:
            os.close(top)
        with os.fdopen(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise _wrong(path, "is no ordinary file")
            text = opened.read(MAX_BYTES + 1)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        leaves = error.errno == errno.EXDEV
        words = "leads out of its volume" if leaves else f"cannot be read: {error.strerror}"
        raise _wrong(path, words) from error
    if len(text) > MAX_BYTES:
        raise _wrong(path, f"is larger than {MAX_BYTES >> 10} KiB")
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise _wrong(path, "is not UTF-8 text") from error


def _wrong(path: str, words: str) -> ConfigError:
    return ConfigError(op="read variables from", target=path, detail=f'env file "{path}" {words}')
