"""fsGroup: what is told while a volume's files are given to a group ("Configure volume permission
and ownership change policy for Pods")."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from nodeagent.adapters.volumes import group_walk
from nodeagent.adapters.volumes.base import HostFiles, Tell
from nodeagent.adapters.volumes.group_walk import Count
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType, VolumeEvent

_ADVICE = (
    "is taking longer than expected, consider using OnRootMismatch -"
    " https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
    "#configure-volume-permission-and-ownership-change-policy-for-pods"
)
_LONGEST = 600.0  # seconds for all files where each call may hang
_PATIENCE, _PERIOD = 30.0, 60.0  # seconds until a walk is told of, and again


@contextmanager
def told_when_slow(tell: Tell, pod: DesiredPod, path: str) -> Iterator[Count]:
    """Events of the pod, should the work inside last: it is to count what it does."""
    loop, count = asyncio.get_running_loop(), Count()
    shown = path[at:] if (at := path.find(pod.uid)) >= 0 else path
    words = f"Setting volume ownership for {shown}"

    timer = loop.call_later(_PATIENCE, lambda: say(f"{words} {_ADVICE}"))

    def say(message: str) -> None:
        nonlocal timer
        reason = "VolumePermissionChangeInProgress"
        tell(pod, VolumeEvent(type=EventType.WARNING, reason=reason, message=message))
        timer = loop.call_later(_PERIOD, lambda: say(f"{words}, processed {count.entries} files."))

    try:
        yield count
    finally:
        timer.cancel()


async def give_apart(files: HostFiles, path: str, group: int, *, on_mismatch_only: bool) -> None:
    """As `apply_group`, by a process that can be left behind: for file systems that may hang.

    HostError, also where it was not done within ten minutes.
    """
    file = group_walk.__file__
    await files.run_file(file, path, group, int(on_mismatch_only), deadline=_LONGEST)
