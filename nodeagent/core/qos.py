"""QoS class and importance of pods: who is protected when the node runs short."""

import enum
from collections.abc import Iterable, Mapping
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import AnyContainer, is_sidecar
from nodeagent.core.quantity import amount

SYSTEM_CRITICAL_PRIORITY: Final = 2_000_000_000
NODE_CRITICAL: Final = "system-node-critical"
CLUSTER_CRITICAL: Final = "system-cluster-critical"
CONFIG_SOURCE: Final = "kubernetes.io/config.source"
CONFIG_MIRROR: Final = "kubernetes.io/config.mirror"
GUARANTEED_OOM: Final = -997
BEST_EFFORT_OOM: Final = 1000
_COUNTED: Final = ("cpu", "memory")


class QosClass(enum.StrEnum):
    """The three classes, with the Kubernetes spelling."""

    GUARANTEED = "Guaranteed"
    BURSTABLE = "Burstable"
    BEST_EFFORT = "BestEffort"


def qos_class(spec: v1.PodSpec) -> QosClass:
    """The class of a pod ("Pod Quality of Service Classes").

    Only cpu and memory count. Pod-level resources, where set, decide alone.
    """
    given = _given(spec)
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    complete = True
    for one in given:
        _add(requests, one.requests if one else None)
        complete &= _add(limits, one.limits if one else None) == len(_COUNTED)
    if not requests and not limits:
        return QosClass.BEST_EFFORT
    if complete and requests == limits:
        return QosClass.GUARANTEED
    return QosClass.BURSTABLE


def is_static(pod: v1.Pod) -> bool:
    """Whether the pod came from a file or URL, by its config source annotation."""
    source = _annotations(pod).get(CONFIG_SOURCE)
    return source is not None and source != "api"


def is_critical(pod: v1.Pod) -> bool:
    """Whether others may be preempted for this pod: static, mirror or of system priority."""
    if is_static(pod) or CONFIG_MIRROR in _annotations(pod):
        return True
    return _priority(pod) >= SYSTEM_CRITICAL_PRIORITY


def has_system_priority(pod: v1.Pod) -> bool:
    """Whether the pod is of a system priority class, by name too: no API server resolved it."""
    named = pod.spec.priorityClassName if pod.spec else None
    return named in (NODE_CRITICAL, CLUSTER_CRITICAL) or _priority(pod) >= SYSTEM_CRITICAL_PRIORITY


def is_node_critical(pod: v1.Pod) -> bool:
    """Whether the pod is critical and of class system-node-critical."""
    return pod.spec is not None and pod.spec.priorityClassName == NODE_CRITICAL and is_critical(pod)


def may_preempt(preemptor: v1.Pod, other: v1.Pod) -> bool:
    """Whether `other` may be ended so that `preemptor` fits."""
    if is_critical(preemptor) and not is_critical(other):
        return True
    if preemptor.spec is None or preemptor.spec.priority is None:
        return False
    if other.spec is None or other.spec.priority is None:
        return False
    return preemptor.spec.priority > other.spec.priority


def oom_score_adj(
    pod: v1.Pod,
    container: AnyContainer,
    *,
    memory_capacity: int,
    share: int = 0,
) -> int:
    """oom_score_adj of a container ("Node out of memory behavior").

    `share` is what the pod-level memory request leaves for each container (KEP-2837). A sidecar
    is never likelier to be killed than a regular container with the pod's smallest request.
    """
    assert pod.spec is not None
    if is_node_critical(pod):
        return GUARANTEED_OOM
    match qos_class(pod.spec):
        case QosClass.GUARANTEED:
            return GUARANTEED_OOM
        case QosClass.BEST_EFFORT:
            return BEST_EFFORT_OOM
    request = _memory_request(container)
    if _is_sidecar_of(pod.spec, container):
        request = max(request, min(_memory_request(c) for c in pod.spec.containers))
    score = 1000 - 1000 * (request + share) // max(memory_capacity, 1)
    return min(max(score, 1000 + GUARANTEED_OOM), BEST_EFFORT_OOM - 1)


def _is_sidecar_of(spec: v1.PodSpec, container: AnyContainer) -> bool:
    return is_sidecar(container) and any(
        one.name == container.name for one in spec.initContainers or ()
    )


def _memory_request(container: AnyContainer) -> int:
    given = container.resources.requests if container.resources else None
    return amount("memory", given["memory"]) if given and "memory" in given else 0


def _given(spec: v1.PodSpec) -> Iterable[v1.ResourceRequirements | None]:
    pod_level = spec.resources
    if pod_level is not None and (pod_level.requests or pod_level.limits):
        return (pod_level,)
    return tuple(one.resources for one in (*spec.containers, *(spec.initContainers or ())))


def _add(total: dict[str, int], given: Mapping[str, str] | None) -> int:
    """Add what is above zero of cpu and memory; how many of the two that were."""
    found = 0
    for name in _COUNTED if given else ():
        assert given is not None
        value = amount(name, given[name]) if name in given else 0
        if value > 0:
            total[name] = total.get(name, 0) + value
            found += 1
    return found


def _annotations(pod: v1.Pod) -> Mapping[str, str]:
    return (pod.metadata.annotations if pod.metadata else None) or {}


def _priority(pod: v1.Pod) -> int:
    return (pod.spec.priority if pod.spec else None) or 0
