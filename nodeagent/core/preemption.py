"""Whom to end so that a critical pod fits: as few as can be, the least protected first."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lightkube.models import core_v1 as v1

from nodeagent.core.fit import mismatches, shortages
from nodeagent.core.qos import QosClass, is_critical, is_static, may_preempt, qos_class
from nodeagent.core.resources import Amounts, pod_requests
from nodeagent.model.memory import Rejected
from nodeagent.model.node import NodeFacts, NodeRules

UNEXPECTED: Final = "UnexpectedAdmissionError"


def victims(
    pod: v1.Pod, *, others: Sequence[v1.Pod], node: NodeFacts, rules: NodeRules
) -> tuple[v1.Pod, ...]:
    """Pods whose end makes room for a critical pod; () if none need end or it would not help.

    Order of protection: BestEffort pods go before Burstable, those before Guaranteed; within a
    class those that come nearest to what is missing, the smaller ones first ("Guaranteed
    Scheduling For Critical Add-On Pods").
    """
    missing = {one.resource: one.missing for one in shortages(pod, others, node=node, rules=rules)}
    if not missing or not is_critical(pod) or mismatches(pod, others, node=node):
        return ()
    asks = _asks(pod, others)
    ranks: dict[QosClass, list[v1.Pod]] = {rank: [] for rank in QosClass}
    for other in others:
        assert other.spec is not None
        if id(other) in asks:
            ranks[qos_class(other.spec)].append(other)
    best, middle = ranks[QosClass.BEST_EFFORT], ranks[QosClass.BURSTABLE]
    top = ranks[QosClass.GUARANTEED]
    if _left(missing, (*best, *middle, *top), asks):
        return ()
    top_gone = _nearest(top, _left(missing, (*best, *middle), asks), asks)
    middle_gone = _nearest(middle, _left(missing, (*best, *top_gone), asks), asks)
    best_gone = _nearest(best, _left(missing, (*middle_gone, *top_gone), asks), asks)
    return (*best_gone, *middle_gone, *top_gone)


def unrecovered(
    refused: Rejected, pod: v1.Pod, *, others: Sequence[v1.Pod], node: NodeFacts, rules: NodeRules
) -> Rejected:
    """The refusal as it is told: of a critical pod for whom even the end of others is not enough.

    The owner of a static pod, which is critical too, is told in plain words what is short.
    Source: a kubelet's preemption.go.
    """
    if is_static(pod):
        return refused
    missing = {one.resource: one.missing for one in shortages(pod, others, node=node, rules=rules)}
    if not missing or not is_critical(pod) or mismatches(pod, others, node=node):
        return refused
    asks = _asks(pod, others)
    left = _left(missing, [other for other in others if id(other) in asks], asks)
    if not left:
        return refused
    told = "".join(f"(res: {name}, q: {value}), " for name, value in left.items())
    return Rejected(
        reason=UNEXPECTED,
        message="Unexpected error while attempting to recover from admission failure: preemption: "
        "error finding a set of pods to preempt: no set of running pods found to reclaim "
        f"resources: [{told}]",
    )


def _asks(pod: v1.Pod, others: Iterable[v1.Pod]) -> dict[int, Amounts]:
    """What the pods ask for that may be ended for this one, by their identity."""
    found: dict[int, Amounts] = {}
    for other in others:
        assert other.spec is not None
        if may_preempt(pod, other):
            found[id(other)] = {**pod_requests(other.spec), "pods": 1}
    return found


def _nearest(
    pods: Iterable[v1.Pod], missing: Amounts, asks: Mapping[int, Amounts]
) -> tuple[v1.Pod, ...]:
    """Take away, one after the other, the pod that leaves least of what is missing."""
    candidates, gone = list(pods), []
    while missing:
        nearest = min(candidates, key=lambda one: _rank(missing, asks[id(one)]))
        candidates.remove(nearest)
        gone.append(nearest)
        missing = _left(missing, (nearest,), asks)
    return tuple(gone)


def _rank(missing: Amounts, asks: Amounts) -> tuple[float, int, int]:
    """Squared distance, each resource weighing the same; the smaller pod wins a draw."""
    distance = sum(
        (max(value - asks.get(name, 0), 0) / value) ** 2 for name, value in missing.items()
    )
    return distance, asks.get("memory", 0), asks.get("cpu", 0)


def _left(missing: Amounts, gone: Iterable[v1.Pod], asks: Mapping[int, Amounts]) -> Amounts:
    """What is still missing once these pods are gone."""
    left = dict(missing)
    for pod in gone:
        for name in missing:
            left[name] -= asks[id(pod)].get(name, 0)
    return {name: value for name, value in left.items() if value > 0}
