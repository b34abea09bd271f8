"""When a pod as a whole must end, and by when. The deadline only ever moves nearer."""

from msgspec.structs import replace

from nodeagent.core.status import TERMINAL
from nodeagent.core.times import as_seconds
from nodeagent.model.memory import Ending, EndRequest, EndWhy, PodMemory

DEFAULT_GRACE = 30.0
MIN_POD_GRACE = 1.0  # a forced delete still gets this much on the pod's level


def spec_grace(memory: PodMemory) -> float:
    """The grace that the pod's spec asks for, in seconds."""
    grace = memory.pod.spec.terminationGracePeriodSeconds
    return DEFAULT_GRACE if grace is None else float(grace)


def ending_due(
    memory: PodMemory, *, now: float, request: EndRequest | None = None
) -> Ending | None:
    """The end that wish, phase, the pod's own deadline, or the node asks for at `now`.

    Returns the ending to remember, which is the one in force where nothing changed.
    """
    asked = _asked(memory, now=now)
    ending = memory.ending
    if asked is not None:
        ending = (
            asked if ending is None else _nearer(ending, asked, now=now, torn_down=memory.torn_down)
        )
    return ending if request is None else _requested(memory, ending, request, now=now)


def _requested(
    memory: PodMemory, ending: Ending | None, request: EndRequest, *, now: float
) -> Ending:
    """A pod that ends already keeps its reason; only its deadline may come nearer."""
    grace = max(min(request.grace, spec_grace(memory)), MIN_POD_GRACE)
    if ending is None:
        return Ending(
            why=request.why,
            at=now,
            grace=grace,
            message=request.message,
            disrupts=request.disrupts,
        )
    if memory.torn_down or now + grace >= ending.deadline_at:
        return ending
    return replace(ending, at=now, grace=grace)


def _asked(memory: PodMemory, *, now: float) -> Ending | None:
    pod = memory.pod
    if pod.deleting:
        grace = spec_grace(memory) if pod.grace is None else pod.grace
        return Ending(why=EndWhy.DELETED, at=now, grace=max(grace, MIN_POD_GRACE))
    if memory.ending is not None:
        return None
    if memory.rejected is not None:
        return Ending(why=EndWhy.REJECTED, at=now, grace=MIN_POD_GRACE)
    over = memory.status is not None and memory.status.phase in TERMINAL
    if over or pod.over is not None:
        return Ending(why=EndWhy.FINISHED, at=now, grace=spec_grace(memory))
    due = deadline_of(memory)
    if due is not None and now >= due:
        return Ending(why=EndWhy.DEADLINE, at=now, grace=spec_grace(memory))
    return None


def _nearer(present: Ending, asked: Ending, *, now: float, torn_down: bool) -> Ending:
    """A delete of a pod that already ends keeps the nearer deadline and becomes a delete.

    Where nothing of the pod is left, the new grace is only shown.
    """
    left = max(present.deadline_at - now, 0.0)
    if present.why is EndWhy.DELETED and (torn_down or asked.grace >= left):
        return present
    if torn_down:
        return replace(asked, message=present.message)
    if not left:
        return replace(present, why=asked.why)
    return replace(asked, grace=min(asked.grace, left), message=present.message)


def deadline_of(memory: PodMemory) -> float | None:
    """When activeDeadlineSeconds runs out, counted from the status's start time."""
    limit = memory.pod.spec.activeDeadlineSeconds
    if limit is None or memory.status is None or memory.status.startTime is None:
        return None
    return as_seconds(memory.status.startTime) + limit
