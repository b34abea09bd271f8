"""How long a pod took to start, and how much of that was not the node's doing.

Source: the pod startup latency SLI of Kubernetes' scalability goals.
"""

from collections.abc import Iterable

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import is_sidecar

_STATELESS = ("secret", "configMap", "downwardAPI", "emptyDir", "projected")


def has_started(status: v1.PodStatus) -> bool:
    """Whether every container of the pod runs."""
    found = status.containerStatuses or ()
    return bool(found) and all(
        one.state is not None and one.state.running is not None for one in found
    )


def is_stateful(spec: v1.PodSpec) -> bool:
    """Whether it has a volume that outlives pods or comes from outside: none the goal is for."""
    return any(
        all(getattr(volume, kind) is None for kind in _STATELESS) for volume in spec.volumes or ()
    )


def time_of_init(pod: v1.Pod) -> float:
    """Seconds that init containers ran, those that go on beside the others left out."""
    spec, status = pod.spec or v1.PodSpec(containers=[]), pod.status or v1.PodStatus()
    sidecars = {one.name for one in spec.initContainers or () if is_sidecar(one)}
    total = 0.0
    for one in status.initContainerStatuses or ():
        if one.name not in sidecars:
            total += _ran(one.state) + _ran(one.lastState)
    return total


def _ran(state: v1.ContainerState | None) -> float:
    ended = state.terminated if state is not None else None
    if ended is None or ended.startedAt is None or ended.finishedAt is None:
        return 0.0
    return max((ended.finishedAt - ended.startedAt).total_seconds(), 0.0)


def time_covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds in at least one of these spans, each from its begin to its end."""
    total, reached = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(end - max(begin, reached), 0.0)
        reached = max(reached, end)
    return total
