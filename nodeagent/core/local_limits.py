"""Limits of what a pod may put on the node's own disk ("Local ephemeral storage")."""

from collections.abc import Iterator

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.quantity import as_bytes, canonical, format_amount
from nodeagent.core.resources import limits_of, pod_limits
from nodeagent.model.eviction import PodUse

DISK = "ephemeral-storage"


def has_local_limits(spec: v1.PodSpec) -> bool:
    """Whether the pod has to be measured at all."""
    return bool(disk_limit(spec)) or any(True for _ in _limited_dirs(spec))


def disk_limit(spec: v1.PodSpec) -> int:
    """The bytes that all of the pod may put there, 0 for no limit."""
    return pod_limits(spec).get(DISK, 0)


class Violation(msgspec.Struct, frozen=True):
    """A limit that is broken: which kind it is, as evictions are counted, and what status says."""

    signal: str
    text: str


def violation(spec: v1.PodSpec, use: PodUse, *, own_images: bool) -> Violation | None:
    """What the pod exceeds; None where all is within its limits.

    `own_images`: containers' layers are on another file system and count for the pod only.
    """
    for volume, most in _limited_dirs(spec):
        held = use.volumes.get(volume)
        if held is not None and held.used > as_bytes(most):
            text = f'Usage of EmptyDir volume "{volume}" exceeds the limit "{canonical(most)}". '
            return Violation("emptydirfs.limit", text)
    whole = disk_limit(spec)
    parts = (*use.layers.values(), *use.logs.values(), *use.volumes.values())
    if whole and sum(part.used for part in parts) > whole:
        return Violation(
            "ephemeralpodfs.limit",
            "Pod ephemeral local storage usage exceeds the total limit of containers "
            f"{format_amount(DISK, whole)}. ",
        )
    for container in spec.containers:
        limit = limits_of(container).get(DISK, 0)
        taken = use.logs[container.name].used if container.name in use.logs else 0
        if not own_images and container.name in use.layers:
            taken += use.layers[container.name].used
        if limit and taken > limit:
            return Violation(
                "ephemeralcontainerfs.limit",
                f"Container {container.name} exceeded its local ephemeral storage limit "
                f'"{format_amount(DISK, limit)}". ',
            )
    return None


def _limited_dirs(spec: v1.PodSpec) -> Iterator[tuple[str, str]]:
    """emptyDirs with a limit, by name."""
    for volume in spec.volumes or ():
        limit = volume.emptyDir.sizeLimit if volume.emptyDir else None
        if limit and as_bytes(limit) > 0:
            yield volume.name, limit
