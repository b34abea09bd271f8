"""How a pod's memory changes with what is asked, tried and seen. Each returns a new memory."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from nodeagent.core.containers import find_container
from nodeagent.core.ends import note_of_stop
from nodeagent.core.restart import may_fail
from nodeagent.model.actions import (
    Plan,
    RestartAll,
    StartContainer,
    StopContainers,
    StopOne,
    StopWhy,
)
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ends import EndNote, EndReason
from nodeagent.model.memory import PodMemory, Trouble
from nodeagent.model.observed import ObservedPod, Phase

_BY_PROBE: Final = (StopWhy.LIVENESS, StopWhy.STARTUP)
# Whatever the restart policy says:
_TO_RUN_AGAIN: Final = (StopWhy.SPEC_CHANGED, StopWhy.OPERATOR, StopWhy.RESIZE)


def first_memory(pod: DesiredPod, *, now: float) -> PodMemory:
    """What a pod begins with that has no record: all that the API still knows of it."""
    known = pod.known
    if known is None:
        return PodMemory(pod=pod, seen_at=now)
    groups = (known.initContainerStatuses, known.containerStatuses)
    counts = {one.name: one.restartCount for group in groups for one in group or ()}
    return PodMemory(pod=pod, seen_at=now, status=known, restart_counts=counts)


def as_unwanted(pod: DesiredPod, *, was_heard: bool) -> DesiredPod:
    """The pod once no source names it, as last wished for.

    It has the grace of its delete, else that of its spec. Where nothing was heard of a pod of the
    API since the agent started, it was deleted by force meanwhile and gets what an orphan gets.
    """
    if pod.gone:
        return pod
    grace = pod.grace if was_heard or pod.source is not Source.API else 0.0
    return replace(pod, deleting=True, gone=True, grace=grace)


def with_restarts(memory: PodMemory, asked: Mapping[str, float]) -> PodMemory:
    """The operator asked for these containers to be restarted; their back-off is forgotten."""
    if not asked:
        return memory
    return replace(
        memory,
        restart_asked={**memory.restart_asked, **asked},
        backoffs={k: v for k, v in memory.backoffs.items() if k not in asked},
        troubles={k: v for k, v in memory.troubles.items() if k not in asked},
    )


def with_restart_all(memory: PodMemory, plan: Plan, *, now: float) -> PodMemory:
    """A restart of all containers begins, or is over."""
    begun = plan.restart_all is RestartAll.BEGIN
    return replace(
        memory,
        restart_all=now if begun else 0.0,
        backoffs={**memory.backoffs, **plan.backoffs},
    )


def with_try(memory: PodMemory, action: StartContainer) -> PodMemory:
    """A start is about to be tried."""
    name, backoffs = action.name, memory.backoffs
    if action.backoff is not None:
        backoffs = {**backoffs, name: action.backoff}
    asked = {k: v for k, v in memory.restart_asked.items() if k != name}
    return replace(memory, backoffs=backoffs, restart_asked=asked)


def with_trouble(memory: PodMemory, action: StartContainer, trouble: Trouble) -> PodMemory:
    """A start failed; after the second time the next has a number of its own."""
    name, attempts = action.name, memory.attempts
    if trouble.count > 1:
        attempts = {**attempts, name: max(attempts.get(name, 0), action.attempt + 1)}
    return replace(memory, troubles={**memory.troubles, name: trouble}, attempts=attempts)


def without_trouble(memory: PodMemory, name: str) -> PodMemory:
    """A start worked."""
    return replace(memory, troubles={k: v for k, v in memory.troubles.items() if k != name})


def with_stops(memory: PodMemory, action: StopContainers, *, now: float) -> PodMemory:
    """These containers are about to be stopped: why, and which of them to run again."""
    again = {s.name: str(s.id) for s in action.stops if _runs_again(memory, s)}
    ends = {str(stop.id): note_of_stop(stop, now=now) for stop in action.stops}
    return replace(
        memory,
        replaced={**memory.replaced, **again},
        ends={**memory.ends, **{id_: _first(memory, id_, note) for id_, note in ends.items()}},
    )


def _runs_again(memory: PodMemory, stop: StopOne) -> bool:
    """A failed probe counts as a failure, also where the container then ends with code 0."""
    if stop.why in _TO_RUN_AGAIN:
        return True
    known = find_container(memory.pod.spec, stop.name)
    if known is None or stop.why not in _BY_PROBE:
        return False
    kind, container = known
    return may_fail(memory.pod.spec, kind, container)


def _first(memory: PodMemory, id_: str, note: EndNote) -> EndNote:
    """A stop that is repeated for the same reason began when it was first noted."""
    old = memory.ends.get(id_)
    return old if old is not None and old.reason is note.reason else note


def with_failed_hook(memory: PodMemory, container_id: str, detail: str, *, now: float) -> PodMemory:
    """The postStart hook of this instance failed: the next plan stops it for that."""
    note = EndNote(reason=EndReason.POST_START, at=now, text=f"its postStart hook failed: {detail}")
    return replace(memory, ends={**memory.ends, container_id: note})


def with_used_counts(memory: PodMemory, used: Mapping[str, int]) -> PodMemory:
    """The logs on disk tell that these restart counts were used."""
    known = memory.restart_counts
    counts = {name: max(known.get(name, 0), used.get(name, 0)) for name in {*known, *used}}
    return replace(memory, restart_counts=counts)


def with_counts(memory: PodMemory, seen: ObservedPod) -> PodMemory:
    """The highest restart count of each container, with what was ever started and is seen now."""
    counts = dict(memory.restart_counts)
    for container in (c for c in seen.containers if c.phase is not Phase.CREATED):
        counts[container.name] = max(counts.get(container.name, 0), container.restart_count)
    return replace(memory, restart_counts=counts)
