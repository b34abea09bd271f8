"""Which pods and containers the pod resources API tells of.

Source: section 10.10 of the reference.
"""

from collections.abc import Callable, Iterable

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container
from nodeagent.core.status import TERMINAL
from nodeagent.model.ids import PodUid
from nodeagent.model.pod_resources import ContainerHolds, Held, PodHolds

_TOLD = (Kind.SIDECAR, Kind.REGULAR)
Holder = Callable[[PodUid, str], Held]


def pod_holds(pod: v1.Pod, held: Holder) -> PodHolds:
    """What the pod's sidecars and containers hold; `held` says it of one."""
    metadata = pod.metadata
    assert metadata is not None
    uid = PodUid(metadata.uid or "")
    containers = each_container(pod.spec) if pod.spec else ()
    return PodHolds(
        name=metadata.name or "",
        namespace=metadata.namespace or "",
        containers=tuple(
            ContainerHolds(name=one.name, held=held(uid, one.name))
            for kind, one in containers
            if kind in _TOLD
        ),
    )


def active_pods(pods: Iterable[v1.Pod]) -> tuple[v1.Pod, ...]:
    """Pods that have not ended: those of which a list tells."""
    return tuple(pod for pod in pods if not (pod.status and pod.status.phase in TERMINAL))
