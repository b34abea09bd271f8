"""The agent's folder as a place whose mounts containers can share (mount propagation)."""

import os

import structlog

from nodeagent.adapters.host.mounts import (
    MS_BIND,
    Kernel,
    Mount,
    mounts_below,
    parse_mountinfo,
    read_mountinfo,
)
from nodeagent.errors import HostError

log = structlog.get_logger()

_MS_REC, _MS_SHARED = 1 << 14, 1 << 20


def share_mounts(path: str, kernel: Kernel | None = None) -> bool:
    """Mounts below the folder reach containers and come from them afterwards; says whether.

    A folder on a mount that is shared is left as it is. Otherwise it becomes a mount of its own,
    which stays when the agent ends, for pods go on. Not where something is mounted below already:
    that would be covered. Where the kernel does not allow it the agent goes on without.
    """
    kernel = kernel or Kernel()
    try:
        text = read_mountinfo()
        inside = mounts_below(path, text)
        own = next((one for one in inside if is_at(one, path)), None)
        if (own or holder_of(path, parse_mountinfo(text))).shared:
            return True
        if own is None and inside:
            log.warning("mounts are not shared with containers", path=path, why="some lie below")
            return False
        if own is None:
            kernel.mount(path, path, "", flags=MS_BIND)
        kernel.mount("none", path, "", flags=_MS_SHARED | _MS_REC)
    except (HostError, OSError) as error:
        log.warning("mounts are not shared with containers", path=path, why=str(error))
        return False
    return True


def is_at(mount: Mount, path: str) -> bool:
    """Whether it is mounted at this path itself; links are followed."""
    return mount.point == os.path.realpath(path)


def holder_of(path: str, mounts: tuple[Mount, ...]) -> Mount:
    """The mount that the path lies on."""
    real = os.path.realpath(path)
    holding = [one for one in mounts if f"{real}/".startswith(f"{one.point.rstrip('/')}/")]
    return max(enumerate(holding), key=lambda pair: (len(pair[1].point), pair[0]))[1]
