"""A pod that the runtime has and nobody wants: enough of a wish to end it decently."""

from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.observed import ObservedPod

ORPHAN_GRACE = 1.0  # what Kubernetes grants a pod without configuration


def orphan_pod(seen: ObservedPod) -> DesiredPod:
    """A wish to delete the pod, made of what its records tell."""
    names = sorted({c.name for c in seen.containers})
    images = {c.name: c.image for c in seen.containers}
    return DesiredPod(
        uid=seen.uid,
        source=Source.FILE,
        origin="",
        deleting=True,
        grace=ORPHAN_GRACE,
        pod=v1.Pod(
            apiVersion="v1",
            kind="Pod",
            metadata=meta_v1.ObjectMeta(
                name=seen.name or seen.uid,
                namespace=seen.namespace or "default",
                uid=seen.uid,
                labels=seen.labels or None,
                annotations=seen.annotations or None,
            ),
            spec=v1.PodSpec(
                containers=[v1.Container(name=name, image=images[name]) for name in names],
                hostNetwork=bool(seen.sandbox and seen.sandbox.host_network) or None,
            ),
        ),
    )
