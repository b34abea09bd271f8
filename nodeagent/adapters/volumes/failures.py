"""What is said of a volume that cannot be had: which one, which step failed; in a kubelet's words.

The space before the colon is a kubelet's too: people and their tools match on these texts.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nodeagent.errors import (
    AgentError,
    AttachLimitReached,
    HostError,
    MountFailed,
    VolumeError,
    VolumeStep,
)
from nodeagent.model.data import PersistentVolume

_MAP_FAILED = "FailedMapVolume"
_LIMIT = "Node has reached its volume attachment limit, rejecting"
_TOLD_AS_MOUNT = (VolumeStep.CLAIM, VolumeStep.AFFINITY)


@contextmanager
def failing_at(step: VolumeStep) -> Iterator[None]:
    """A VolumeError inside is of this step, unless it knows better."""
    try:
        yield
    except VolumeError as error:
        error.step = error.step or step
        raise


@contextmanager
def about(volume: PersistentVolume) -> Iterator[None]:
    """Errors inside are about this PersistentVolume, which a kubelet names by its own name."""
    try:
        yield
    except (VolumeError, HostError, OSError) as error:
        known = as_volume_error(error)
        known.volume, known.block = volume.name, volume.spec.volumeMode == "Block"
        raise known from error.__cause__


def as_volume_error(error: VolumeError | HostError | OSError) -> VolumeError:
    """The same, as an error of a volume."""
    if isinstance(error, VolumeError):
        return error
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        detail = f"{error.strerror or error}{where}"
        return MountFailed(op="set up", target="volume", detail=detail)
    return MountFailed(op=error.op, target=error.target, detail=str(error))


def set_up_failed(error: VolumeError, name: str, left: Sequence[str]) -> VolumeError:
    """The event about the pod's volume `name`; `left` are those that are not set up, it among them.

    The kind of the error stays, for it says when to try again.
    """
    step, unmounted = error.step or VolumeStep.SET_UP, f"unmounted volumes=[{' '.join(left)}]"
    if isinstance(error, AttachLimitReached):
        target = f"pod. {unmounted}, unattached volumes=[{name}], failed to process volumes=[]"
        return _again(error, _LIMIT, target, error.detail, error.reason)
    if step is VolumeStep.CLAIM:
        detail = (
            f"{unmounted}, unattached volumes=[], failed to process volumes=[{name}]:"
            f" {error.detail}"
        )
        return _again(error, "Unable to attach or mount", "volumes", detail, error.reason)
    file_system, device = step.value
    reason = error.reason
    if step is VolumeStep.EXPAND_IN_USE:
        reason = "VolumeResizeFailed"
    elif error.block and step not in _TOLD_AS_MOUNT:
        reason = _MAP_FAILED
    prefix = (device or file_system) if error.block else file_system
    return _again(error, prefix, _named(error.volume or name), error.detail, reason)


def tear_down_failed(error: AgentError, what: str) -> VolumeError:
    """The same for what cannot be taken down: `what` is a volume's name, or other words."""
    kind = type(error) if isinstance(error, VolumeError) else MountFailed
    detail = error.detail if isinstance(error, VolumeError) else str(error)
    return kind(op="UnmountVolume.TearDown failed", target=what, detail=detail)


def of_volume(name: str) -> str:
    """A volume for `tear_down_failed`."""
    return _named(name)


def _named(name: str) -> str:
    return f'for volume "{name}" '


def _again(error: VolumeError, op: str, target: str, detail: str, reason: str) -> VolumeError:
    return type(error)(op=op, target=target, detail=detail, reason=reason)
