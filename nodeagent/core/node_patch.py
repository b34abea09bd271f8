"""What of the Node in the API must change, and which events its changes are worth."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.core.node_object import READY, NodeReading, node_status
from nodeagent.core.strategic_patch import Document, as_document, difference
from nodeagent.model.events import EventType

ATTACHED: Final = "volumes.kubernetes.io/controller-managed-attach-detach"
PROVIDED_IP: Final = "alpha.kubernetes.io/provided-node-ip"
_OURS: Final = ("MemoryPressure", "DiskPressure", "PIDPressure", READY)
_NOT_OURS: Final = ("volumesAttached", "config", "phase")
_TURNS: Final = {  # condition -> reason once it holds, and once it no longer does
    "MemoryPressure": ("NodeHasInsufficientMemory", "NodeHasSufficientMemory"),
    "DiskPressure": ("NodeHasDiskPressure", "NodeHasNoDiskPressure"),
    "PIDPressure": ("NodeHasInsufficientPID", "NodeHasSufficientPID"),
    READY: ("NodeReady", "NodeNotReady"),
}


class NodeWish(msgspec.Struct, frozen=True, kw_only=True):
    """What registration asks for, beside the status. `taints` count only for a new Node."""

    name: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    taints: tuple[v1.Taint, ...] = ()
    provider_id: str = ""
    schedulable: bool = True


def new_node(wish: NodeWish, reading: NodeReading, *, now: float) -> v1.Node:
    """The Node as it is created."""
    return v1.Node(
        apiVersion="v1",
        kind="Node",
        metadata=meta_v1.ObjectMeta(
            name=wish.name,
            labels=dict(wish.labels),
            annotations=dict(wish.annotations) or None,
        ),
        spec=v1.NodeSpec(
            taints=list(wish.taints) or None,
            providerID=wish.provider_id or None,
            unschedulable=None if wish.schedulable else True,
        ),
        status=node_status(reading, before=None, now=now),
    )


def reconciled(node: v1.Node, wish: NodeWish) -> Document:
    """The patch that gives a Node that exists our labels and annotations; {} where it has them.

    What else it is labelled with stays; taints are the cluster's. Source: registration of a
    Node that exists already.
    """
    meta = node.metadata or meta_v1.ObjectMeta()
    labels = _missing(meta.labels or {}, wish.labels)
    annotations = _missing(meta.annotations or {}, wish.annotations)
    if ATTACHED not in wish.annotations and ATTACHED in (meta.annotations or {}):
        annotations[ATTACHED] = None
    patch: Document = {}
    if labels or annotations:
        found = {"labels": labels, "annotations": annotations}
        patch["metadata"] = {name: value for name, value in found.items() if value}
    if wish.provider_id and node.spec is not None and not node.spec.providerID:
        patch["spec"] = {"providerID": wish.provider_id}
    return patch


def _missing(has: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str | None]:
    return {name: value for name, value in wanted.items() if has.get(name) != value}


def status_change(node: v1.Node, reading: NodeReading, *, now: float, whole: bool) -> Document:
    """The patch of `nodes/status` that the reading asks for; {} where nothing is to be told.

    Heartbeat times alone are no change unless `whole`. Conditions and fields of others stay.
    """
    old = node.status or v1.NodeStatus()
    new = node_status(reading, before=old, now=now)
    others = [c for c in old.conditions or () if c.type not in _OURS]
    before, after = as_document(old), as_document(new)
    after["conditions"] = after["conditions"] + [as_document(one) for one in others]
    for name in _NOT_OURS:
        _carry(before, after, name)
    if not reading.addresses:
        _carry(before, after, "addresses")
    _carry_resources(before, after)
    patch = difference(before, after)
    if not whole and not difference(_timeless(before), _timeless(after)):
        return {}
    return {"status": patch} if patch else {}


def _carry(before: Document, after: Document, name: str) -> None:
    after.pop(name, None)
    if name in before:
        after[name] = before[name]


def _carry_resources(before: Document, after: Document) -> None:
    """Extended resources that somebody else put on the Node stay: only their owner counts them."""
    kept = {k: v for k, v in before.get("capacity", {}).items() if _is_extended(k)}
    for field in ("capacity", "allocatable"):
        after[field] = {**kept, **after.get(field, {})}


def _is_extended(name: str) -> bool:
    return "/" in name and not name.partition("/")[0].endswith("kubernetes.io")


def _timeless(status: Document) -> Document:
    conditions = [
        {key: value for key, value in one.items() if key != "lastHeartbeatTime"}
        for one in status.get("conditions", [])
    ]
    return {**status, "conditions": conditions}


def turns(
    before: v1.Node | None, after: v1.Node, *, name: str
) -> tuple[tuple[EventType, str, str], ...]:
    """The events of conditions, boot and schedulability that turned from one Node to the next."""
    old = _states(before.status if before else None)
    told = []
    for type_, holds in _states(after.status).items():
        if old.get(type_) is holds or (type_ == READY and type_ not in old and not holds):
            continue
        reason = _TURNS[type_][0 if holds else 1]
        told.append((EventType.NORMAL, reason, f"Node {name} status is now: {reason}"))
    told += _rebooted(before, after, name)
    told += _schedulability(before, after, name)
    return tuple(told)


def _states(status: v1.NodeStatus | None) -> dict[str, bool]:
    conditions: Iterable[v1.NodeCondition] = (status.conditions if status else None) or ()
    return {one.type: one.status == "True" for one in conditions if one.type in _TURNS}


def _boot(node: v1.Node | None) -> str:
    info = node.status.nodeInfo if node is not None and node.status is not None else None
    return info.bootID if info is not None else ""


def _rebooted(
    before: v1.Node | None, after: v1.Node, name: str
) -> list[tuple[EventType, str, str]]:
    old, new = _boot(before), _boot(after)
    if not old or not new or old == new:
        return []
    return [(EventType.WARNING, "Rebooted", f"Node {name} has been rebooted, boot id: {new}")]


def _schedulability(
    before: v1.Node | None, after: v1.Node, name: str
) -> list[tuple[EventType, str, str]]:
    if before is None:
        return []
    old, new = (bool(one.spec and one.spec.unschedulable) for one in (before, after))
    if old is new:
        return []
    reason = "NodeNotSchedulable" if new else "NodeSchedulable"
    return [(EventType.NORMAL, reason, f"Node {name} status is now: {reason}")]


def node_owner(
    node: v1.Node | None, *, controller: bool | None = None
) -> meta_v1.OwnerReference | None:
    """A reference to the Node as the owner of something; None while its uid is not known."""
    meta = node.metadata if node is not None else None
    if meta is None or not meta.name or not meta.uid:
        return None
    return meta_v1.OwnerReference(
        apiVersion="v1", kind="Node", name=meta.name, uid=meta.uid, controller=controller
    )
