"""What a claim's status says while its volume grows on the node (KEP-1790)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.quantity import as_bytes
from nodeagent.core.times import as_time
from nodeagent.model.data import Claim

_PENDING: Final = ("NodeResizePending", "NodeResizeInProgress")
_DONE: Final = ("Resizing", "FileSystemResizePending", "NodeResizeError", "ControllerResizeError")
_ERROR: Final = "NodeResizeError"
# gRPC codes after which growing to this size is hopeless, and those that leave it to others.
INFEASIBLE: Final = ("INVALID_ARGUMENT", "OUT_OF_RANGE", "NOT_FOUND")
NOT_HERE: Final = ("FAILED_PRECONDITION",)

Patch = Mapping[str, Any]


def is_new_style(status: v1.PersistentVolumeClaimStatus) -> bool:
    """Whether the claim's controller tells the node when to begin."""
    return _phase(status) != "" or bool(status.allocatedResources)


def may_grow(status: v1.PersistentVolumeClaimStatus) -> bool:
    """Whether it is the node's turn; of a controller that does not say so it always is."""
    return not is_new_style(status) or _phase(status) in _PENDING


def grew_elsewhere(claim: Claim, *, here: str, size: str) -> bool:
    """Whether another node has told that the claim has this size, and this one is still at `here`.

    Only of volumes that several nodes write to, each of which has its own part of growing.
    """
    if not here or not claim.capacity or not claim.grows_on_nodes:
        return False
    shared = "ReadWriteMany" in (claim.spec.accessModes or ())
    return shared and as_bytes(here) < as_bytes(size) <= as_bytes(claim.capacity)


def begun(status: v1.PersistentVolumeClaimStatus) -> Patch | None:
    """The node is at work; None where that is not told, or has been."""
    if not is_new_style(status) or _phase(status) == "NodeResizeInProgress":
        return None
    return {"status": {"allocatedResourceStatuses": {"storage": "NodeResizeInProgress"}}}


def done(status: v1.PersistentVolumeClaimStatus, size: str) -> Patch:
    """The claim has this size, and no growing is under way."""
    left = [one for one in status.conditions or () if one.type not in _DONE]
    fresh = {
        "capacity": {"storage": size},
        "allocatedResourceStatuses": {"storage": None},
        "conditions": [msgspec.to_builtins(one) for one in left] or None,
    }
    return {"status": fresh}


def is_given_up(claim: v1.PersistentVolumeClaim, size: str) -> bool:
    """Whether growing to `size` has failed before, and the claim wants another size by now."""
    status = claim.status or v1.PersistentVolumeClaimStatus()
    resources = claim.spec.resources if claim.spec is not None else None
    wanted = ((resources.requests if resources is not None else None) or {}).get("storage", "")
    has_failed = any(one.type == _ERROR for one in status.conditions or ())
    return has_failed and bool(wanted) and as_bytes(wanted) != as_bytes(size)


def failed(
    status: v1.PersistentVolumeClaimStatus, words: str, *, infeasible: bool, now: float
) -> Patch | None:
    """Why it does not grow; None for a controller that would not read it."""
    if not is_new_style(status):
        return None
    error = v1.PersistentVolumeClaimCondition(
        type=_ERROR,
        status="True",
        lastTransitionTime=as_time(now),
        message=f"failed to expand pvc with {words}",
    )
    left = [one for one in status.conditions or () if one.type != _ERROR]
    fresh: dict[str, Any] = {"conditions": [msgspec.to_builtins(one) for one in (*left, error)]}
    if infeasible:
        fresh["allocatedResourceStatuses"] = {"storage": "NodeResizeInfeasible"}
    return {"status": fresh}


def _phase(status: v1.PersistentVolumeClaimStatus) -> str:
    phase: str = (status.allocatedResourceStatuses or {}).get("storage", "")
    return phase
