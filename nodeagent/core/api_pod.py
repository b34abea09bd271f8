"""A Pod of the API to the pod it asks for: what the node does not act by is taken off."""

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.conditions import OWNED
from nodeagent.core.defaults import apply_defaults
from nodeagent.core.manifest import SEEN_ANNOTATION, keep_seen, seen_text
from nodeagent.core.qos import CONFIG_SOURCE
from nodeagent.core.status import TERMINAL
from nodeagent.model.desired import DesiredPod, Over, Source
from nodeagent.model.ids import PodUid


def desired_of(pod: v1.Pod, *, seen_at: float, before: DesiredPod | None) -> DesiredPod | None:
    """What the API wants of the pod; `before` itself where that is the same. None: it is no pod.

    Two wishes are equal where nothing changed that the node acts by: status (but for a phase that
    is terminal), resourceVersion and managedFields are taken off. `known` and the time at which the
    pod was first seen stay those of `before`, of the same uid. Defaults that an older server does
    not know are filled in, in the spec that is given. Source: the API source of a kubelet
    (annotations config.source and .seen).
    """
    meta, spec = pod.metadata, pod.spec
    if meta is None or not meta.uid or not meta.name or spec is None or not spec.containers:
        return None
    apply_defaults(pod)
    status = pod.status or v1.PodStatus()
    annotations = {
        **(meta.annotations or {}),
        CONFIG_SOURCE: Source.API.value,
        SEEN_ANNOTATION: seen_text(seen_at),
    }
    bare = msgspec.structs.replace(
        meta, annotations=annotations, resourceVersion=None, managedFields=None
    )
    deleting = meta.deletionTimestamp is not None
    grace = meta.deletionGracePeriodSeconds
    same = before is not None and before.uid == meta.uid
    wish = DesiredPod(
        uid=PodUid(meta.uid),
        source=Source.API,
        origin="",
        pod=msgspec.structs.replace(pod, metadata=bare, status=None),
        deleting=deleting,
        grace=float(grace) if deleting and grace is not None else None,
        known=before.known if before is not None and same else status,
        others=tuple(one for one in status.conditions or () if one.type not in OWNED),
        over=_over(status),
    )
    return keep_seen(wish, before) if before is not None else wish


def _over(status: v1.PodStatus) -> Over | None:
    if status.phase not in TERMINAL:
        return None
    return Over(phase=status.phase or "", reason=status.reason, message=status.message)


def age_order(pod: DesiredPod) -> tuple[float, str]:
    """Older pods come first, as a kubelet admits them."""
    created = pod.pod.metadata.creationTimestamp if pod.pod.metadata else None
    return (created.timestamp() if created else 0.0, pod.key)
