"""Whether a pod fits on the node: resources, ports, selectors, taints."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import is_sidecar
from nodeagent.core.qos import is_static
from nodeagent.core.resources import Amounts, pod_requests
from nodeagent.model.memory import Rejected
from nodeagent.model.node import NodeFacts, NodeRules

_FIRST: Final = ("cpu", "memory", "ephemeral-storage")
_ANY: Final = ("", "0.0.0.0")


class Shortage(msgspec.Struct, frozen=True, kw_only=True):
    """A resource there is too little of; cpu in milli-units."""

    resource: str
    requested: int
    used: int
    capacity: int

    @property
    def missing(self) -> int:
        """How much others would have to give up."""
        return self.requested - (self.capacity - self.used)

    def as_rejection(self) -> Rejected:
        return Rejected(
            reason=f"OutOf{self.resource}",
            message=f"Node didn't have enough resource: {self.resource}, requested: "
            f"{self.requested}, used: {self.used}, capacity: {self.capacity}",
        )


def shortages(
    pod: v1.Pod, others: Sequence[v1.Pod], *, node: NodeFacts, rules: NodeRules
) -> tuple[Shortage, ...]:
    """Everything the node has too little of for this pod beside the others.

    The number of pods comes first, then cpu, memory, ephemeral storage and the rest by name. An
    extended resource the node does not list at all is not asked for.
    """
    assert pod.spec is not None
    short: list[Shortage] = []
    most = node.allocatable.get("pods", rules.max_pods)
    if len(others) + 1 > most:
        short.append(Shortage(resource="pods", requested=1, used=len(others), capacity=most))
    wanted = pod_requests(pod.spec)
    if not any(wanted.values()):
        return tuple(short)
    used: Amounts = {}
    for other in others:
        assert other.spec is not None
        for name, value in pod_requests(other.spec).items():
            used[name] = used.get(name, 0) + value
    for name in (*_FIRST, *sorted(wanted.keys() - set(_FIRST))):
        value, held = wanted.get(name, 0), used.get(name, 0)
        if name not in node.allocatable and _is_extended(name):
            continue
        capacity = node.allocatable.get(name, 0)
        if value > 0 and value > capacity - held:
            short.append(Shortage(resource=name, requested=value, used=held, capacity=capacity))
    return tuple(short)


def mismatches(pod: v1.Pod, others: Iterable[v1.Pod], *, node: NodeFacts) -> tuple[Rejected, ...]:
    """Why this is the wrong node, whatever others give up: affinity, name, ports, taints."""
    assert pod.spec is not None
    found: list[Rejected] = []
    if not matches_node(pod.spec, node):
        found.append(_failed("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"))
    if pod.spec.nodeName and pod.spec.nodeName != node.name:
        found.append(_failed("NodeName", "node(s) didn't match the requested node name"))
    if ports_clash(pod, others):
        found.append(
            _failed("NodePorts", "node(s) didn't have free ports for the requested pod ports")
        )
    if not is_static(pod) and not _tolerates_all(pod.spec, node.taints):
        found.append(_failed("TaintToleration", "node(s) had taints that the pod didn't tolerate"))
    return tuple(found)


def ports_clash(pod: v1.Pod, others: Iterable[v1.Pod]) -> bool:
    """Whether a host port of the pod is taken: same port and protocol, overlapping addresses."""
    mine = _host_ports(pod)
    return bool(mine) and any(
        port == taken and (ip == held or ip in _ANY or held in _ANY)
        for other in others
        for held, taken in _host_ports(other)
        for ip, port in mine
    )


def matches_node(spec: v1.PodSpec, node: NodeFacts) -> bool:
    """Whether node selector and required node affinity pick this node.

    The terms of an affinity are alternatives; an empty term picks nothing.
    """
    if any(node.labels.get(key) != value for key, value in (spec.nodeSelector or {}).items()):
        return False
    affinity = spec.affinity.nodeAffinity if spec.affinity else None
    required = affinity.requiredDuringSchedulingIgnoredDuringExecution if affinity else None
    if required is None:
        return True
    return matches_terms(required, node)


def matches_terms(selector: v1.NodeSelector, node: NodeFacts) -> bool:
    """Whether one of the terms of a node selector picks this node."""
    return any(_matches_term(term, node) for term in selector.nodeSelectorTerms)


def _matches_term(term: v1.NodeSelectorTerm, node: NodeFacts) -> bool:
    labels, fields = term.matchExpressions or [], term.matchFields or []
    if not labels and not fields:
        return False
    own = {"metadata.name": node.name}
    return all(_matches(one, node.labels) for one in labels) and all(
        _matches(one, own) for one in fields
    )


def _matches(one: v1.NodeSelectorRequirement, values: Mapping[str, str]) -> bool:
    value, listed = values.get(one.key), one.values or []
    match one.operator:
        case "In":
            return value in listed
        case "NotIn":
            return value not in listed
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" if value is not None and len(listed) == 1:
            return _compare(value, listed[0], greater=one.operator == "Gt")
    return False


def _compare(value: str, bound: str, *, greater: bool) -> bool:
    try:
        return int(value) > int(bound) if greater else int(value) < int(bound)
    except ValueError:
        return False


def _tolerates_all(spec: v1.PodSpec, taints: Iterable[v1.Taint]) -> bool:
    return all(tolerates(spec, taint) for taint in taints if taint.effect == "NoExecute")


def tolerates(spec: v1.PodSpec, taint: v1.Taint) -> bool:
    """Whether the pod may be where this taint is."""
    return any(_tolerates(toleration, taint) for toleration in spec.tolerations or ())


def _tolerates(toleration: v1.Toleration, taint: v1.Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and (toleration.value or "") == (taint.value or "")


def _host_ports(pod: v1.Pod) -> set[tuple[str, tuple[str, int]]]:
    assert pod.spec is not None
    running = [*pod.spec.containers, *filter(is_sidecar, pod.spec.initContainers or ())]
    return {
        (port.hostIP or "", (port.protocol or "TCP", port.hostPort))
        for container in running
        for port in container.ports or ()
        if port.hostPort
    }


def _is_extended(name: str) -> bool:
    """Whether a resource is one of device plugins or the cluster, not Kubernetes' own."""
    return "/" in name and "kubernetes.io/" not in name


def _failed(predicate: str, why: str) -> Rejected:
    return Rejected(reason=predicate, message=f"Predicate {predicate} failed: {why}")
