"""When volumes that show objects or fields of the pod are to be written anew."""

from collections.abc import Iterable
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.references import used_volumes
from nodeagent.model.actions import RefreshVolumes
from nodeagent.model.desired import DesiredPod
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import ObservedPod

RETRY: Final = 10.0  # seconds until a refresh that failed on the node itself is tried again
LATER: Final = 60.0  # and one that only a change can mend, where something runs out meanwhile
_NONE: Final[tuple[tuple[RefreshVolumes, ...], float | None]] = ((), None)


def shows_something(volume: v1.Volume) -> bool:
    """Whether what the volume shows can change while it is mounted.

    A claim's volume may be enlarged, and a CSI driver may want to be called now and then.
    """
    kinds = (volume.configMap, volume.secret, volume.downwardAPI, volume.projected)
    claims = (volume.persistentVolumeClaim, volume.ephemeral, volume.csi)
    return any(kind is not None for kind in (*kinds, *claims))


def volume_stamp(pod: DesiredPod, version: str) -> str:
    """Another text whenever a volume of the pod may show something else; "" if none ever does.

    `version` is that of the objects the pod refers to. Counted beside it are the fields that the
    downward API shows: labels, annotations, requests and limits.
    """
    volumes = [volume for volume in used_volumes(pod.spec) if shows_something(volume)]
    if not volumes:
        return ""
    if not any(volume.downwardAPI or volume.projected for volume in volumes):
        return f"{version}/"
    resources = [container.resources for container in pod.spec.containers]
    shown = msgspec.json.encode((pod.labels, pod.annotations, resources), order="sorted")
    return f"{version}/{hash(shown):x}"


def plan_refresh(
    memory: PodMemory, seen: ObservedPod, *, now: float
) -> tuple[tuple[RefreshVolumes, ...], float | None]:
    """Once for each change, and only while something of the pod runs: else the next start does it.

    What shows something that runs out is made anew when that is due. The second value is when to
    look again.
    """
    if not seen.running:
        return _NONE
    due = memory.refresh_due
    if memory.shown == memory.shows and not 0.0 < due <= now:
        return (), due or None
    if now < memory.refresh_at <= now + RETRY:  # beyond it, the clock was set back
        return (), memory.refresh_at
    return (RefreshVolumes(),), None


def shown(memory: PodMemory, *, due: float) -> PodMemory:
    """The memory of a pod whose volumes show what they are to show, until `due` (0.0: for ever)."""
    return msgspec.structs.replace(memory, shown=memory.shows, refresh_at=0.0, refresh_due=due)


def earliest(times: Iterable[float]) -> float:
    """The first of these points in time, 0.0 where there is none; 0.0 stands for never."""
    return min((at for at in times if at > 0.0), default=0.0)
