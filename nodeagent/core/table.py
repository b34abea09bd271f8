"""Rows and columns of pods, events, nodes and namespaces: for `ps` and for Table answers."""

from typing import TypeAlias

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import each_container
from nodeagent.core.pod_state import short_age, state_of
from nodeagent.core.times import as_seconds

NONE = "<none>"
UNKNOWN = "<unknown>"
Cell: TypeAlias = str | int


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column; `priority` above 0 is shown only in the wide form (KEP-555, metav1.Table)."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0


POD_COLUMNS = (
    Column(name="Name", format="name", description="Name of the pod."),
    Column(name="Ready", description="Ready containers of all."),
    Column(name="Status", description="How the pod is, in one word."),
    Column(name="Restarts", description="Restarts, and how long ago the last one was."),
    Column(name="Age", description="Time since the pod was first seen."),
    Column(name="IP", description="Address of the pod."),
    Column(name="Node", priority=1, description="The node it runs on."),
    Column(name="QoS", priority=1, description="Quality of service class."),
    Column(name="UID", priority=1, description="The pod's identity."),
    Column(name="Images", priority=1, description="Images of its containers."),
)
EVENT_COLUMNS = (
    Column(name="Last Seen", description="Time since it last happened."),
    Column(name="Type", description="Normal or Warning."),
    Column(name="Reason", description="Short word for what happened."),
    Column(name="Object", description="Whom it is about."),
    Column(name="Subobject", priority=1, description="The part of the object."),
    Column(name="Source", priority=1, description="Who says so."),
    Column(name="Message", description="What happened."),
    Column(name="First Seen", priority=1, description="Time since it first happened."),
    Column(name="Count", type="integer", priority=1, description="How often it happened."),
    Column(name="Name", format="name", priority=1, description="Name of the event."),
)
NODE_COLUMNS = (
    Column(name="Name", format="name", description="Name of the node."),
    Column(name="Status", description="Ready or not, and why not schedulable."),
    Column(name="Roles", description="Roles from its labels."),
    Column(name="Age", description="Time since it was first registered."),
    Column(name="Version", description="Version of the agent."),
    Column(name="Internal-IP", priority=1, description="Address of the node."),
    Column(name="OS-Image", priority=1, description="Operating system."),
    Column(name="Kernel-Version", priority=1, description="Kernel."),
    Column(name="Container-Runtime", priority=1, description="Container runtime."),
)
NAMESPACE_COLUMNS = (
    Column(name="Name", format="name", description="Name of the namespace."),
    Column(name="Status", description="Always Active."),
    Column(name="Age", description="Namespaces here have no age."),
)


def age(at: float, now: float) -> str:
    """Time since `at`; <unknown> for a moment that never was."""
    return short_age(now - at) if at > 0 else UNKNOWN


def pod_cells(pod: v1.Pod, *, now: float) -> list[Cell]:
    """The cells of POD_COLUMNS."""
    metadata, status = pod.metadata, pod.status or v1.PodStatus()
    state = state_of(pod)
    restarts = str(state.restarts)
    if state.restarts and state.restarted_at:
        restarts += f" ({age(state.restarted_at, now)} ago)"
    created = metadata.creationTimestamp if metadata else None
    images = [c.image for _, c in each_container(pod.spec) if c.image] if pod.spec else []
    return [
        (metadata.name if metadata else "") or "",
        f"{state.ready}/{state.total}",
        state.word,
        restarts,
        age(as_seconds(created or status.startTime), now),
        status.podIP or NONE,
        (pod.spec.nodeName if pod.spec else "") or NONE,
        status.qosClass or NONE,
        (metadata.uid if metadata else "") or NONE,
        ",".join(dict.fromkeys(images)) or NONE,
    ]


def event_cells(event: v1.Event, *, now: float) -> list[Cell]:
    """The cells of EVENT_COLUMNS."""
    about = event.involvedObject
    source = event.source
    return [
        age(as_seconds(event.lastTimestamp), now),
        event.type or "",
        event.reason or "",
        f"{(about.kind or '').lower()}/{about.name}",
        about.fieldPath or "",
        ", ".join(part for part in (source.component, source.host) if part) if source else "",
        (event.message or "").strip(),
        age(as_seconds(event.firstTimestamp), now),
        event.count or 1,
        event.metadata.name or "",
    ]


_ROLE = "node-role.kubernetes.io/"


def node_cells(node: v1.Node, *, now: float) -> list[Cell]:
    """The cells of NODE_COLUMNS."""
    metadata, status = node.metadata, node.status or v1.NodeStatus()
    info = status.nodeInfo
    ready = next((c.status for c in status.conditions or () if c.type == "Ready"), "Unknown")
    word = {"True": "Ready", "False": "NotReady"}.get(ready, "Unknown")
    if node.spec and node.spec.unschedulable:
        word += ",SchedulingDisabled"
    labels = (metadata.labels if metadata else None) or {}
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))
    ips = (a.address for a in status.addresses or () if a.type == "InternalIP")
    return [
        (metadata.name if metadata else "") or "",
        word,
        ",".join(roles) or NONE,
        age(as_seconds(metadata.creationTimestamp if metadata else None), now),
        info.kubeletVersion if info else UNKNOWN,
        next(ips, NONE),
        info.osImage if info else UNKNOWN,
        info.kernelVersion if info else UNKNOWN,
        info.containerRuntimeVersion if info else UNKNOWN,
    ]


def namespace_cells(namespace: v1.Namespace, *, now: float) -> list[Cell]:
    """The cells of NAMESPACE_COLUMNS."""
    metadata = namespace.metadata
    created = metadata.creationTimestamp if metadata else None
    return [(metadata.name if metadata else "") or "", "Active", age(as_seconds(created), now)]
