"""Why a container ended: noted before we end it ourselves, found out from its record else."""

import signal
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from nodeagent.core.containers import each_container
from nodeagent.core.plan_teardown import STOP_WHY
from nodeagent.model.actions import StopOne, StopWhy
from nodeagent.model.ends import EndNote, EndReason, OomKill, OomScope
from nodeagent.model.events import EventType
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer

SIGKILLED: Final = 137
_OOM: Final = (EndReason.OOM_KILLED, EndReason.POD_OOM, EndReason.NODE_OOM)
_OOM_REASONS: Final = {
    OomScope.CONTAINER: (EndReason.OOM_KILLED, "the container reached its memory limit"),
    OomScope.POD: (EndReason.POD_OOM, "the pod reached its memory limit"),
    OomScope.PODS: (EndReason.POD_OOM, "all pods together used the memory the node grants them"),
    OomScope.NODE: (EndReason.NODE_OOM, "the node had no memory left, no limit was reached"),
}
_OOM_CLOSE: Final = 5.0  # seconds from a kill inside to an end that it explains
_TEXTS: Final = {
    EndReason.SPEC_CHANGED: "its definition changed",
    EndReason.LIVENESS: "its liveness probe failed",
    EndReason.STARTUP: "its startup probe failed",
    EndReason.POST_START: "its postStart hook failed",
    EndReason.SANDBOX_CHANGED: "the pod's sandbox had to be made anew",
    EndReason.RESTART_ALL: "all containers of the pod are restarted",
    EndReason.OPERATOR: "the operator asked for a restart",
    EndReason.RESIZE: "its resources changed, and its resizePolicy asks for a restart",
    EndReason.UNKNOWN: "the runtime did not know its state",
    EndReason.POD_DELETED: "the pod was deleted",
    EndReason.POD_FINISHED: "the pod's other containers were done",
    EndReason.DEADLINE: "the pod was active longer than its activeDeadlineSeconds",
    EndReason.EVICTED: "the node was short of resources",
    EndReason.PREEMPTED: "a critical pod needed its place",
    EndReason.NODE_SHUTDOWN: "the node shut down",
    EndReason.REJECTED: "the node refused the pod",
}

OURS: Final = frozenset(EndReason(why.value) for why in StopWhy)
END_REASONS: Final = {end: EndReason(stop.value) for end, stop in STOP_WHY.items()}


def note_of_stop(stop: StopOne, *, now: float) -> EndNote:
    """What to write down before this stop begins."""
    reason = EndReason(stop.why.value)
    parts = (_TEXTS[reason], stop.detail)
    return EndNote(reason=reason, at=now, text=": ".join(part for part in parts if part))


def note_of_exit(seen: SeenContainer, *, alone: bool = False) -> EndNote:
    """Why an exited container ended that was not stopped by us.

    `alone`: it is the only one of its pod, so that the pod's limit is its own.
    """
    reason, text = _own_reason(seen, alone=alone)
    return EndNote(reason=reason, at=seen.finished_at, text=text)


def _own_reason(seen: SeenContainer, *, alone: bool) -> tuple[EndReason, str]:
    code = seen.exit_code
    if seen.oom is not None and _explains(seen.oom, seen):
        scope = seen.oom.scope
        if alone and scope is OomScope.POD:
            scope = OomScope.CONTAINER
        reason, text = _OOM_REASONS[scope]
        return reason, f"the kernel killed {seen.oom.process} (pid {seen.oom.pid}): {text}"
    if seen.reason == "OOMKilled":
        return EndReason.OOM_KILLED, ""
    if seen.reason in ("StartError", "ContainerCannotRun"):
        return EndReason.START_ERROR, ""
    if seen.reason in ("Unknown", "ContainerStatusUnknown"):
        return EndReason.LOST, "the runtime does not know how it ended"
    if code == 0:
        return EndReason.COMPLETED, ""
    return (EndReason.SIGNALLED if signal_of(code) else EndReason.CRASHED), ""


def _explains(kill: OomKill, seen: SeenContainer) -> bool:
    """A process deep inside may have been killed long before, and nothing came of it."""
    if seen.exit_code == SIGKILLED or seen.reason == "OOMKilled":
        return True
    return seen.exit_code != 0 and seen.finished_at - kill.at <= _OOM_CLOSE


def signal_of(code: int) -> int:
    """The signal an exit code stands for, 0 if for none."""
    return code - 128 if 128 < code <= 128 + 64 else 0


def take_ends(memory: PodMemory, seen: ObservedPod) -> Mapping[str, EndNote]:
    """The notes to keep: of what the runtime still has, with one for each exit that is new."""
    notes: dict[str, EndNote] = {
        c.id: memory.ends[c.id] for c in seen.containers if c.id in memory.ends
    }
    alone = sum(1 for _ in each_container(memory.pod.spec)) == 1
    for container in seen.containers:
        if container.phase is Phase.EXITED and container.id not in notes:
            notes[container.id] = note_of_exit(container, alone=alone)
    return notes


def is_over(seen: ObservedPod, container_id: str) -> bool:
    """Whether that instance has ended."""
    return any(c.id == container_id and c.phase is Phase.EXITED for c in seen.containers)


def event_of_exit(seen: SeenContainer, note: EndNote) -> tuple[EventType, str, str]:
    """Type, reason and message of the event about an end that was not our doing."""
    type_ = EventType.NORMAL if note.reason is EndReason.COMPLETED else EventType.WARNING
    number = signal_of(seen.exit_code)
    name = signal_name(number) if note.reason is EndReason.SIGNALLED else ""
    how = f"was ended by {name}" if name else "ended"
    words = f"Container {seen.name} {how} (exit code {seen.exit_code})"
    return type_, note.reason.value, ": ".join(part for part in (words, note.text) if part)


def signal_name(number: int) -> str:
    """SIGTERM for 15; the number itself for one without a name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def without_plans(memory: PodMemory, seen: ObservedPod) -> PodMemory:
    """The memory once no stop is planned: what runs on is not noted as ended by us."""
    running = {c.id for c in seen.running}
    if running.isdisjoint(memory.ends):
        return memory
    kept = {id_: note for id_, note in memory.ends.items() if id_ not in running}
    return replace(memory, ends=kept)


def shown_reason(seen: SeenContainer, note: EndNote | None) -> str:
    """The word status shows: one of those that Kubernetes' tools know."""
    if note is not None and note.reason in _OOM:
        return "OOMKilled"
    return seen.reason or ("Completed" if seen.exit_code == 0 else "Error")


def shown_message(seen: SeenContainer, note: EndNote | None) -> str:
    """The container's own words, untouched, for programs parse them; without any, our reason where
    there is more to say than an exit code. Events and `why` tell the reason in either case."""
    told = f"{note.reason}: {note.text}" if note is not None and note.text else ""
    return seen.message or told
