"""The end of a pod: containers in order, sandbox, volumes and cgroup, records, folders."""

from nodeagent.core.containers import Kind, each_container
from nodeagent.model.actions import (
    SIGNAL_FLOOR,
    Action,
    ForgetPod,
    Plan,
    RemoveContainer,
    RemoveSandbox,
    StopContainers,
    StopOne,
    StopSandbox,
    StopWhy,
    TearDownPod,
)
from nodeagent.model.desired import Source
from nodeagent.model.memory import EndWhy, PodMemory
from nodeagent.model.observed import ObservedPod

STOP_WHY = {
    EndWhy.DELETED: StopWhy.POD_DELETED,
    EndWhy.FINISHED: StopWhy.POD_FINISHED,
    EndWhy.REJECTED: StopWhy.REJECTED,
    EndWhy.DEADLINE: StopWhy.DEADLINE,
    EndWhy.EVICTED: StopWhy.EVICTED,
    EndWhy.PREEMPTED: StopWhy.PREEMPTED,
    EndWhy.NODE_SHUTDOWN: StopWhy.NODE_SHUTDOWN,
    EndWhy.DRAINED: StopWhy.POD_DELETED,
}


LEAST_FLOOR = 1.0  # also for a stop that comes back to a pod long past its deadline


def plan_teardown(memory: PodMemory, seen: ObservedPod, *, now: float) -> Plan:
    """The next stage of the end; each stage waits for the one before it."""
    ending = memory.ending
    assert ending is not None
    why = f"pod ends: {ending.why.value}"
    if seen.running:
        stops = _stops(memory, seen, now=now)
        return Plan(actions=(StopContainers(stops=stops),), why=why)
    boxes = tuple(
        StopSandbox(id=b.id)
        for b in seen.sandboxes
        if b.ready or b.id not in memory.stopped_sandboxes
    )
    if boxes:
        return Plan(actions=boxes, why=why)
    if not memory.torn_down:
        return Plan(actions=(TearDownPod(),), why=why)
    if ending.why is not EndWhy.DELETED or not _may_be_forgotten(memory):
        return Plan()
    removals: list[Action] = [
        RemoveContainer(id=c.id, name=c.name, with_logs=True) for c in seen.containers
    ]
    removals += [RemoveSandbox(id=b.id) for b in seen.sandboxes]
    return Plan(actions=(*removals, ForgetPod()), why=why)


def _may_be_forgotten(memory: PodMemory) -> bool:
    """A pod of the API stays known until its object has vanished, so that it is never run again."""
    return memory.pod.source is not Source.API or memory.pod.gone


def _stops(memory: PodMemory, seen: ObservedPod, *, now: float) -> tuple[StopOne, ...]:
    """Regular containers at once; each sidecar after those, and after the sidecars behind it."""
    ending = memory.ending
    assert ending is not None
    left = min(max(ending.deadline_at - now, 0.0), ending.grace)
    over = max(now - ending.deadline_at, 0.0)
    after = stop_order(memory)
    return tuple(
        StopOne(
            id=c.id,
            name=c.name,
            grace=left,
            why=STOP_WHY[ending.why],
            message=ending.message or f"Stopping container {c.name}",
            detail=ending.message,
            after=after.get(c.name, ()),
            pre_stop=left > 0,
            floor=min(max(SIGNAL_FLOOR - over, LEAST_FLOOR), SIGNAL_FLOOR),
        )
        for c in seen.running
    )


def stop_order(memory: PodMemory) -> dict[str, tuple[str, ...]]:
    """For each sidecar the containers whose end it waits for: sidecars end in reverse order."""
    pairs = list(each_container(memory.pod.spec))
    regular = tuple(c.name for kind, c in pairs if kind is Kind.REGULAR)
    sidecars = [c.name for kind, c in pairs if kind is Kind.SIDECAR]
    return {name: regular + tuple(sidecars[index + 1 :]) for index, name in enumerate(sidecars)}
