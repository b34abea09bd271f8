"""One word for how a pod is, and the counts beside it: what the table of pods shows."""

from collections.abc import Callable

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import is_sidecar
from nodeagent.core.image_wait import pull_word
from nodeagent.core.times import as_seconds


class PodState(msgspec.Struct, frozen=True, kw_only=True):
    """How a pod is. `restarted_at`: end of the container that was last replaced, 0.0 if none."""

    word: str
    ready: int
    total: int
    restarts: int
    restarted_at: float = 0.0


class _Tally(msgspec.Struct):
    word: str
    ready: int = 0
    restarts: int = 0
    restarted_at: float = 0.0

    def add_restarts(self, status: v1.ContainerStatus) -> None:
        self.restarts += status.restartCount
        ended = status.lastState.terminated if status.lastState else None
        self.restarted_at = max(self.restarted_at, as_seconds(ended.finishedAt) if ended else 0.0)


def state_of(pod: v1.Pod) -> PodState:
    """Sum a pod up as `kubectl get pods` does: the most telling reason first.

    In addition to its words, a container whose image is being pulled says so.

    Counted are regular containers and sidecars; restarts are those of the init containers until
    the pod is initialized, then of the sidecars and regular ones.
    """
    status = pod.status or v1.PodStatus()
    spec = pod.spec or v1.PodSpec(containers=[])
    sidecars = {c.name for c in spec.initContainers or () if is_sidecar(c)}
    tally = _Tally(word=status.reason or status.phase or "Pending")
    waits = _sum_init(tally, status, spec, sidecars)
    if not waits or is_true(status, "Initialized"):
        _sum_regular(tally, status, sidecars)
    return PodState(
        word=_while_deleting(pod, status) or tally.word,
        ready=tally.ready,
        total=len(spec.containers) + len(sidecars),
        restarts=tally.restarts,
        restarted_at=tally.restarted_at,
    )


def is_true(status: v1.PodStatus, type_: str) -> bool:
    """Whether the pod has that condition, and it is True."""
    return any(c.type == type_ and c.status == "True" for c in status.conditions or ())


def _while_deleting(pod: v1.Pod, status: v1.PodStatus) -> str:
    deleting = pod.metadata is not None and pod.metadata.deletionTimestamp is not None
    if not deleting or status.phase in ("Succeeded", "Failed"):
        return ""
    return "Unknown" if status.reason == "NodeLost" else "Terminating"


def _sum_init(tally: _Tally, status: v1.PodStatus, spec: v1.PodSpec, sidecars: set[str]) -> bool:
    """Add the init containers up to the first that holds the pod; whether one does."""
    statuses = status.initContainerStatuses or []
    for index, one in enumerate(statuses):
        tally.add_restarts(one)
        if one.name in sidecars and one.started:
            tally.ready += bool(one.ready)
            continue
        state = one.state or v1.ContainerState()
        if state.terminated and state.terminated.exitCode == 0:
            continue
        total = len(spec.initContainers or statuses)
        tally.word = "Init:" + (_init_reason(state) or f"{index}/{total}")
        return True
    return False


def _init_reason(state: v1.ContainerState) -> str:
    if state.terminated:
        return _ended_reason(state.terminated)
    if state.waiting and state.waiting.reason != "PodInitializing":
        return pull_word(state.waiting) or state.waiting.reason or ""
    return pull_word(state.waiting) if state.waiting else ""


def _ended_reason(ended: v1.ContainerStateTerminated) -> str:
    if ended.reason:
        return ended.reason
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exitCode}"


def _sum_regular(tally: _Tally, status: v1.PodStatus, sidecars: set[str]) -> None:
    """Count the regular containers; the first of them with a reason gives the word."""
    tally.restarts, tally.restarted_at = 0, 0.0
    for one in status.initContainerStatuses or ():
        if one.name in sidecars:
            tally.add_restarts(one)
    running = False
    word = ""
    for one in status.containerStatuses or ():
        tally.add_restarts(one)
        state = one.state or v1.ContainerState()
        if state.waiting and state.waiting.reason:
            word = word or pull_word(state.waiting) or state.waiting.reason
        elif state.terminated:
            word = word or _ended_reason(state.terminated)
        elif state.running and one.ready:
            running = True
            tally.ready += 1
    if word == "Completed" and running:
        word = "Running" if is_true(status, "Ready") else "NotReady"
    tally.word = word or tally.word


def short_age(seconds: float) -> str:
    """A span in at most two units, as kubectl shows ages: 42s, 5m3s, 3h12m, 6d4h, 2y11d."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -1 else "<invalid>"
    return next(show(whole) for limit, show in _SPANS if whole < limit)


_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 365 * 86400


def _one(unit: int, letter: str) -> Callable[[int], str]:
    return lambda whole: f"{whole // unit}{letter}"


def _two(unit: int, letter: str, small: int, small_letter: str) -> Callable[[int], str]:
    def show(whole: int) -> str:
        rest = whole % unit // small
        return f"{whole // unit}{letter}" + (f"{rest}{small_letter}" if rest else "")

    return show


_SPANS: tuple[tuple[float, Callable[[int], str]], ...] = (
    (2 * _MINUTE, _one(1, "s")),
    (10 * _MINUTE, _two(_MINUTE, "m", 1, "s")),
    (3 * _HOUR, _one(_MINUTE, "m")),
    (8 * _HOUR, _two(_HOUR, "h", _MINUTE, "m")),
    (2 * _DAY, _one(_HOUR, "h")),
    (8 * _DAY, _two(_DAY, "d", _HOUR, "h")),
    (2 * _YEAR, _one(_DAY, "d")),
    (8 * _YEAR, _two(_YEAR, "y", _DAY, "d")),
    (float("inf"), _one(_YEAR, "y")),
)
