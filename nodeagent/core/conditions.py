"""The pod conditions that a node agent owns, from container statuses (pod lifecycle page)."""

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container, init_kind
from nodeagent.core.phase import has_regular_begun
from nodeagent.model.resize import Pending, Resize

OWNED = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "AllContainersRestarting",
    "DisruptionTarget",
    "PodResizePending",
    "PodResizeInProgress",
)


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What conditions are derived from."""

    spec: v1.PodSpec
    statuses: tuple[v1.ContainerStatus, ...]
    phase: str
    sandbox_ready: bool
    restarting_all: bool | None = None  # None: no container has such a rule
    disruption: str = ""  # message of DisruptionTarget, "" if none
    generation: int | None = None
    pending: Pending | None = None  # a change of resources that waits
    resize: Resize | None = None  # one that is being carried out


def _condition(
    facts: Facts, type_: str, *, ok: bool, reason: str = "", message: str = ""
) -> v1.PodCondition:
    return v1.PodCondition(
        type=type_,
        status="True" if ok else "False",
        reason=reason or None,
        message=message or None,
        observedGeneration=facts.generation,
    )


def _names(what: str, names: Sequence[str]) -> str:
    return f"containers with {what} status: [{' '.join(names)}]" if names else ""


def _initialized(facts: Facts) -> v1.PodCondition:
    if facts.phase == "Succeeded":
        return _condition(facts, "Initialized", ok=True, reason="PodCompleted")
    by_name = {s.name: s for s in facts.statuses}
    if has_regular_begun(facts.spec, facts.statuses):
        return _condition(facts, "Initialized", ok=True)
    unknown, incomplete = [], []
    for container in facts.spec.initContainers or ():
        status = by_name.get(container.name)
        if status is None:
            unknown.append(container.name)
        elif init_kind(container) is Kind.SIDECAR:
            if not status.started:
                incomplete.append(container.name)
        elif not status.ready:
            incomplete.append(container.name)
    message = ", ".join(
        m for m in (_names("unknown", unknown), _names("incomplete", incomplete)) if m
    )
    reason = "ContainersNotInitialized" if message else ""
    return _condition(facts, "Initialized", ok=not message, reason=reason, message=message)


def _containers_ready(facts: Facts) -> v1.PodCondition:
    if facts.phase == "Succeeded":
        return _condition(facts, "ContainersReady", ok=False, reason="PodCompleted")
    if facts.phase == "Failed":
        return _condition(facts, "ContainersReady", ok=False, reason="PodFailed")
    by_name = {s.name: s for s in facts.statuses}
    unknown, unready = [], []
    for kind, container in each_container(facts.spec):
        if kind not in (Kind.REGULAR, Kind.SIDECAR):
            continue
        status = by_name.get(container.name)
        if status is None:
            unknown.append(container.name)
        elif not status.ready:
            unready.append(container.name)
    message = ", ".join(m for m in (_names("unknown", unknown), _names("unready", unready)) if m)
    reason = "ContainersNotReady" if message else ""
    return _condition(facts, "ContainersReady", ok=not message, reason=reason, message=message)


def _ready(
    facts: Facts, containers: v1.PodCondition, others: Iterable[v1.PodCondition]
) -> v1.PodCondition:
    if containers.status != "True":
        return msgspec.structs.replace(containers, type="Ready")
    held = {c.type: c.status for c in others}
    missing = []
    for gate in facts.spec.readinessGates or ():
        state = held.get(gate.conditionType)
        if state is None:
            missing.append(
                f'corresponding condition of pod readiness gate "{gate.conditionType}" '
                "does not exist."
            )
        elif state != "True":
            missing.append(
                f'the status of pod readiness gate "{gate.conditionType}" is not '
                f'"True", but {state}'
            )
    reason = "ReadinessGatesNotReady" if missing else ""
    return _condition(facts, "Ready", ok=not missing, reason=reason, message=", ".join(missing))


def _restarting_all(facts: Facts) -> v1.PodCondition:
    reason = "RestartAllContainersStarted" if facts.restarting_all else ""
    if facts.phase == "Succeeded":
        reason = "PodCompleted"
    elif facts.phase == "Failed":
        reason = "PodFailed"
    ok = bool(facts.restarting_all) and facts.phase not in ("Succeeded", "Failed")
    return _condition(facts, "AllContainersRestarting", ok=ok, reason=reason)


def derive_conditions(
    facts: Facts, old: Sequence[v1.PodCondition], *, now: dt.datetime
) -> list[v1.PodCondition]:
    """All conditions of the pod: ours derived, other owners' kept, in a stable order.

    A condition's transition time moves only with its status.
    """
    others = [c for c in old if c.type not in OWNED]
    containers = _containers_ready(facts)
    ours = [
        _condition(facts, "PodReadyToStartContainers", ok=facts.sandbox_ready),
        _initialized(facts),
        _ready(facts, containers, others),
        containers,
        _condition(facts, "PodScheduled", ok=True),
    ]
    if facts.restarting_all is not None:
        ours.append(_restarting_all(facts))
    if facts.disruption:
        ours.append(
            _condition(
                facts,
                "DisruptionTarget",
                ok=True,
                reason="TerminationByKubelet",
                message=facts.disruption,
            )
        )
    ours += _resizes(facts)
    before = {c.type: c for c in old}
    return [_since(c, before.get(c.type), now) for c in ours] + others


def _resizes(facts: Facts) -> list[v1.PodCondition]:
    """Conditions of a change of resources; they carry the generation that asked for it."""
    found = []
    if facts.pending is not None:
        why, text = facts.pending.why.value, facts.pending.message
        one = _condition(facts, "PodResizePending", ok=True, reason=why, message=text)
        found.append(msgspec.structs.replace(one, observedGeneration=facts.pending.generation))
    if facts.resize is not None:
        error = facts.resize.error
        why = "Error" if error else ""
        one = _condition(facts, "PodResizeInProgress", ok=True, reason=why, message=error)
        found.append(msgspec.structs.replace(one, observedGeneration=facts.resize.generation))
    return found


def _since(new: v1.PodCondition, old: v1.PodCondition | None, now: dt.datetime) -> v1.PodCondition:
    same = old is not None and old.status == new.status and old.lastTransitionTime is not None
    at = old.lastTransitionTime if same and old else now
    return msgspec.structs.replace(new, lastTransitionTime=at)
