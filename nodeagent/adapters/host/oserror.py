"""Turn the kernel's refusals into our errors."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from nodeagent.errors import HostError

_MEND = {
    errno.ENOSPC: "free space on that file system",
    errno.EDQUOT: "raise the quota or free space",
    errno.EROFS: "remount it writable or choose another folder",
    errno.EACCES: "run the agent as root and check the folder's owner and mode",
    errno.EPERM: "run the agent as root and check security modules",
    errno.EMFILE: "raise the agent's limit of open files (LimitNOFILE)",
    errno.ENFILE: "raise fs.file-max",
}


def explain(error: OSError) -> str:
    """What failed, on which file, and what would mend it where that is known."""
    text = error.strerror or str(error)
    if error.filename is not None:
        text += f": {error.filename}"
    mend = _MEND.get(error.errno or 0)
    return f"{text} ({mend})" if mend else text


@contextmanager
def translated(op: str, target: str) -> Iterator[None]:
    """Raise HostError for an OSError inside."""
    try:
        yield
    except OSError as error:
        raise HostError(op=op, target=target, detail=explain(error)) from error
