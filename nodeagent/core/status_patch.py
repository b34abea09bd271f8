"""What must be told to the API of a pod's status, given what it has.

Source: pod lifecycle page; a kubelet's status manager.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from lightkube.models import core_v1 as v1

from nodeagent.core.conditions import OWNED
from nodeagent.core.mirror import is_mirror
from nodeagent.core.status import TERMINAL
from nodeagent.core.strategic_patch import Document, as_document, difference

SHARED: Final = ("DisruptionTarget",)  # others may set it too, and then it is theirs to take away
_THEIRS: Final = (  # fields of status that a node does not write
    "nominatedNodeName",
    "resourceClaimStatuses",
    "extendedResourceClaimStatus",
    "nodeAllocatableResourceClaimStatuses",
)
# Of a container's status, also where they say nothing, for clients count on them; and what tells
# conditions apart.
_NEEDED: Final = ("image", "imageID", "resources", "type")
_QUICK: Final = ("phase", "reason")


def status_change(known: v1.Pod, shown: v1.PodStatus) -> Document:
    """The patch of `pods/status` that makes the API's pod say what is shown; {} where it does.

    Conditions and fields of others stay, and so do the start time and the times of conditions
    that have not turned. A pod that is over for the API is never told to be anything else; the
    mirror of a static pod is, which is no more than what is said of it.
    """
    old = known.status or v1.PodStatus()
    if old.phase in TERMINAL and shown.phase not in TERMINAL and not is_mirror(known):
        return {}
    before, after = _plain(as_document(old)), _plain(as_document(shown))
    for name in _THEIRS:
        after.pop(name, None)
        if name in before:
            after[name] = before[name]
    if "startTime" in before:
        after["startTime"] = before["startTime"]
    joined = _joined(before.get("conditions", []), after.get("conditions", []))
    if joined or "conditions" in before:
        after["conditions"] = joined
    patch = difference(before, after)
    if not patch:
        return {}
    uid = known.metadata.uid if known.metadata else None
    return {"metadata": {"uid": uid}, "status": patch}


def is_urgent(known: v1.Pod, shown: v1.PodStatus) -> bool:
    """Whether somebody waits for this: phase, readiness, or the state of a container.

    Everything else may wait a moment for what comes after it.
    """
    old = known.status or v1.PodStatus()
    if old.phase in (None, "Pending") and shown.phase == "Pending" and not old.startTime:
        return False
    if any(getattr(old, name) != getattr(shown, name) for name in _QUICK):
        return True
    return _ready(old) != _ready(shown) or _states(old) != _states(shown)


def is_leaving(known: v1.Pod, shown: v1.PodStatus) -> bool:
    """Whether the pod is deleted and its containers are over: what is left follows at once, and
    nobody waits for the first half of it."""
    meta = known.metadata
    deleted = meta is not None and meta.deletionTimestamp is not None
    return deleted and shown.phase in TERMINAL and not is_mirror(known)


def may_go(known: v1.Pod) -> bool:
    """Whether the API's pod waits for nothing but its removal: deleted, over, and no mirror."""
    meta, status = known.metadata, known.status
    return (
        meta is not None
        and meta.deletionTimestamp is not None
        and status is not None
        and status.phase in TERMINAL
        and not is_mirror(known)
    )


def _plain(value: Any) -> Any:
    """Without what says nothing: the server leaves it out, or writes it in its own way."""
    if isinstance(value, dict):
        plain = {key: _plain(one) for key, one in value.items()}
        return {k: one for k, one in plain.items() if k in _NEEDED or one not in (None, "", [], {})}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value


def _joined(old: list[Document], new: list[Document]) -> list[Document]:
    """Our conditions, with their times as long as they have not turned, then those of others."""
    before = {one["type"]: one for one in old}
    ours = [_kept_time(before.get(one["type"]), one) for one in new if one["type"] in OWNED]
    told = {one["type"] for one in ours}
    others = [
        one
        for one in old
        if one["type"] not in told and (one["type"] not in OWNED or one["type"] in SHARED)
    ]
    return ours + others


def _kept_time(before: Document | None, fresh: Document) -> Document:
    if before is None or before.get("status") != fresh.get("status"):
        return fresh
    times = ("lastTransitionTime", "lastProbeTime")
    return {**fresh, **{key: value for key, value in before.items() if key in times}}


def _ready(status: v1.PodStatus) -> str:
    return next((c.status for c in status.conditions or () if c.type == "Ready"), "False")


def _states(status: v1.PodStatus) -> Mapping[str, str]:
    """By container: what of its state others act on."""
    groups: Iterable[list[v1.ContainerStatus] | None] = (
        status.initContainerStatuses,
        status.containerStatuses,
        status.ephemeralContainerStatuses,
    )
    return {one.name: _state(one) for group in groups for one in group or ()}


def _state(status: v1.ContainerStatus) -> str:
    state = status.state or v1.ContainerState()
    if state.running is not None:
        return f"running {status.restartCount} {status.ready}"
    if state.terminated is not None:
        return f"terminated {state.terminated.exitCode}"
    waiting = state.waiting.reason if state.waiting is not None else ""
    return f"waiting {waiting}"
