"""The phase of a pod from its container statuses (pod lifecycle page)."""

from collections.abc import Collection, Iterable

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container, init_kind
from nodeagent.core.restart import Decision, restart_decision


class _Tally(msgspec.Struct):
    """How many containers are where."""

    unknown: int = 0
    waiting: int = 0
    running: int = 0
    stopped: int = 0
    succeeded: int = 0
    may_restart: int = 0


def _terminated(status: v1.ContainerStatus) -> v1.ContainerStateTerminated | None:
    """The end that counts: of the state, or of the last state where it waits for a restart."""
    state = status.state
    if state and state.terminated:
        return state.terminated
    if state and state.waiting and status.lastState:
        return status.lastState.terminated
    return None


def _is_running(status: v1.ContainerStatus) -> bool:
    return bool(status.state and status.state.running)


def _init_verdict(spec: v1.PodSpec, by_name: dict[str, v1.ContainerStatus]) -> str:
    """ "Failed" where an init container failed for good, "Pending" while one is not done."""
    verdict = ""
    for container in spec.initContainers or ():
        kind = init_kind(container)
        status = by_name.get(container.name)
        if kind is Kind.SIDECAR:
            if status is None or not status.started:
                verdict = verdict or "Pending"
            continue
        end = _terminated(status) if status else None
        if end is None:
            verdict = verdict or "Pending"
        elif end.exitCode != 0:
            decision = restart_decision(
                spec, kind, container, exit_code=end.exitCode, reason=end.reason or ""
            )
            if decision is Decision.STAY:
                return "Failed"
            verdict = verdict or "Pending"
    return verdict


def _tally(
    spec: v1.PodSpec, by_name: dict[str, v1.ContainerStatus], replaced: Collection[str]
) -> _Tally:
    tally = _Tally()
    for container in spec.containers:
        status = by_name.get(container.name)
        if status is None:
            tally.unknown += 1
        elif _is_running(status):
            tally.running += 1
        elif end := _terminated(status):
            tally.stopped += 1
            tally.succeeded += end.exitCode == 0
            decision = restart_decision(
                spec,
                Kind.REGULAR,
                container,
                exit_code=end.exitCode,
                reason=end.reason or "",
            )
            tally.may_restart += decision is not Decision.STAY or container.name in replaced
        else:
            tally.waiting += 1
    return tally


def phase_of(
    spec: v1.PodSpec,
    statuses: Iterable[v1.ContainerStatus],
    *,
    ending: bool,
    is_static: bool,
    replaced: Collection[str] = (),
) -> str:
    """The pod's phase. `ending` says that nothing of it will start again.

    `replaced` names containers that we ended ourselves to run them again whatever the policy.
    Once a regular container has run, what init containers do no longer makes the pod Pending.
    """
    by_name = {status.name: status for status in statuses}
    tally = _tally(spec, by_name, replaced)
    begun = tally.running + tally.stopped > 0
    init = _init_verdict(spec, by_name)
    if init == "Failed" and not begun:
        return "Failed"
    if init and not begun:
        return "Pending"
    if tally.waiting:
        return "Pending"
    if tally.running and not tally.unknown:
        return "Running"
    if tally.running or not tally.stopped or tally.unknown:
        return "Pending"
    return _stopped_phase(tally, ending=ending, is_static=is_static)


def _stopped_phase(tally: _Tally, *, ending: bool, is_static: bool) -> str:
    all_well = tally.succeeded == tally.stopped
    if ending and not is_static:
        return "Succeeded" if all_well else "Failed"
    if tally.may_restart:
        return "Running"
    return "Succeeded" if all_well else "Failed"


def has_regular_begun(spec: v1.PodSpec, statuses: Iterable[v1.ContainerStatus]) -> bool:
    """Whether a regular container runs or has run, which makes the pod initialized for good."""
    regular = {c.name for kind, c in each_container(spec) if kind is Kind.REGULAR}
    return any(
        s.name in regular and (_is_running(s) or _terminated(s) is not None) for s in statuses
    )
