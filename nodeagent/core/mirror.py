"""The API's copies of static pods: what they look like, and which must be made or removed.

Source: "Static Pods" page.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1
from msgspec.structs import replace

from nodeagent.core.manifest import HASH_ANNOTATION
from nodeagent.core.qos import CONFIG_MIRROR
from nodeagent.model.desired import DesiredPod

_NOT_COPIED: Final = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")


class DeleteMirror(msgspec.Struct, frozen=True, kw_only=True):
    """Delete this object, at once and only if it is still the one of this uid."""

    key: str
    uid: str


class CreateMirror(msgspec.Struct, frozen=True, kw_only=True):
    """Make the copy of this pod."""

    key: str
    pod: DesiredPod


def is_mirror(pod: v1.Pod) -> bool:
    """Whether this is the API's copy of a static pod: never run, whoever made it."""
    return CONFIG_MIRROR in _annotations(pod)


def is_mirror_of(mirror: v1.Pod, static: v1.Pod) -> bool:
    """Whether `mirror` is the copy of this very static pod, by the hash."""
    wanted = _annotations(static).get(HASH_ANNOTATION)
    return bool(wanted) and _annotations(mirror).get(CONFIG_MIRROR) == wanted


def mirror_pod(pod: DesiredPod, owner: meta_v1.OwnerReference) -> v1.Pod:
    """The copy as it is created; `owner` is the Node."""
    metadata = pod.pod.metadata or meta_v1.ObjectMeta()
    annotations = {**pod.annotations, CONFIG_MIRROR: pod.annotations.get(HASH_ANNOTATION, pod.uid)}
    copied = replace(
        metadata,
        annotations=annotations,
        ownerReferences=[owner],
        **dict.fromkeys(_NOT_COPIED),
    )
    return replace(pod.pod, apiVersion="v1", kind="Pod", metadata=copied, status=None)


def plan_mirrors(
    static: Iterable[DesiredPod], known: Mapping[str, v1.Pod], *, busy: Iterable[str] = ()
) -> tuple[DeleteMirror | CreateMirror, ...]:
    """What must be done so that the API has a copy of each static pod, and of no other.

    `static` are those wanted now; `busy` names pods that have not ended yet, whose copies stay
    to the end. A copy that is being deleted, or is not of this pod, goes first and is made anew
    once it is gone.
    """
    todo: list[DeleteMirror | CreateMirror] = []
    wanted = {pod.key: pod for pod in static if not pod.deleting}
    for key, pod in wanted.items():
        there = known.get(key)
        if there is None:
            todo.append(CreateMirror(key=key, pod=pod))
        elif is_mirror(there) and not _is_good(there, pod):
            todo.append(_delete(key, there))
    keep = {*wanted, *busy}
    todo += [_delete(key, pod) for key, pod in known.items() if is_mirror(pod) and key not in keep]
    return tuple(todo)


def _is_good(mirror: v1.Pod, pod: DesiredPod) -> bool:
    meta = mirror.metadata
    deleting = meta is not None and meta.deletionTimestamp is not None
    return is_mirror_of(mirror, pod.pod) and not deleting


def _delete(key: str, pod: v1.Pod) -> DeleteMirror:
    return DeleteMirror(key=key, uid=(pod.metadata.uid if pod.metadata else None) or "")


def _annotations(pod: v1.Pod) -> dict[str, str]:
    return (pod.metadata.annotations if pod.metadata else None) or {}
