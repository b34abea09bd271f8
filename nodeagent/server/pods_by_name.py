"""Finds the pod that a path of the node's port means."""

from collections.abc import Callable, Iterable

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.model.ids import PodUid
from nodeagent.server.refusals import Refusal


def find_pod(pods: Iterable[v1.Pod], namespace: str, name: str, *, text: str) -> v1.Pod:
    """The pod of that name, the one not being deleted if there are two; 404 with the text."""
    found = [
        pod
        for pod in pods
        if pod.metadata is not None
        and pod.metadata.name == name
        and pod.metadata.namespace == namespace
    ]
    if not found:
        raise Refusal(404, text)
    return min(found, key=_is_going)


def _is_going(pod: v1.Pod) -> bool:
    return bool(pod.metadata and pod.metadata.deletionTimestamp)


def uid_of(pod: v1.Pod) -> PodUid:
    """The pod's uid."""
    return PodUid((pod.metadata.uid if pod.metadata else "") or "")


def is_uid_of(pod: v1.Pod, asked: str, mirror_uid: Callable[[v1.Pod], str]) -> bool:
    """Whether the uid means this pod: its own, or that of its mirror pod."""
    uid = uid_of(pod)
    return asked in (uid, mirror_uid(pod) or uid)


def spec_of(pod: v1.Pod, container: str) -> v1.Container | v1.EphemeralContainer | None:
    """The container of that name, of any kind."""
    all_of_them = each_container(pod.spec) if pod.spec else ()
    return next((c for _, c in all_of_them if c.name == container), None)
