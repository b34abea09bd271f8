"""A pod's whole status as the API wants it, derived anew each time."""

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.conditions import OWNED, Facts, derive_conditions
from nodeagent.core.container_status import LOST_WHEN_TERMINATED, View, container_status
from nodeagent.core.containers import Kind, each_container, init_kind
from nodeagent.core.phase import phase_of
from nodeagent.core.qos import qos_class
from nodeagent.core.quantity import format_amount
from nodeagent.core.resize import before_resize
from nodeagent.core.resources import pod_limits, pod_requests
from nodeagent.core.times import as_time
from nodeagent.model.desired import Source
from nodeagent.model.memory import EndWhy, PodMemory
from nodeagent.model.node import NodeFacts, NodeRules
from nodeagent.model.observed import ObservedPod, Phase

TERMINAL = ("Succeeded", "Failed")
PREEMPTED = "Preempted in order to admit critical pod"

_END_TEXT = {
    EndWhy.DEADLINE: "Pod was active on the node longer than the specified deadline",
    EndWhy.PREEMPTED: PREEMPTED,
    EndWhy.NODE_SHUTDOWN: "Pod was terminated in response to imminent node shutdown.",
}
_DISRUPTIONS = (EndWhy.EVICTED, EndWhy.PREEMPTED, EndWhy.NODE_SHUTDOWN)


def derive_status(
    memory: PodMemory, seen: ObservedPod, *, node: NodeFacts, rules: NodeRules, now: float
) -> v1.PodStatus:
    """What the API should say of this pod now; equal inputs give equal statuses.

    A terminal phase never changes back, and is not told while a container may still run, but for
    one that the API has already: that is the pod's, whatever became of its containers.
    """
    old = memory.status or v1.PodStatus()
    if memory.rejected is not None:
        return _rejected(memory, old, now)
    statuses = _container_statuses(memory, seen, node, rules, now)
    flat = [s for group in statuses.values() for s in group]
    phase = _phase(memory, seen, flat, old)
    ips = _ips(memory, seen, old, node)
    status = msgspec.structs.replace(
        old,
        phase=phase,
        startTime=old.startTime or as_time(memory.seen_at),
        hostIP=node.ips[0] if node.ips else None,
        hostIPs=[v1.HostIP(ip=ip) for ip in node.ips] or None,
        podIP=ips[0] if ips else None,
        podIPs=[v1.PodIP(ip=ip) for ip in ips] or None,
        qosClass=qos_class(memory.pod.spec),
        observedGeneration=_generation(memory),
        containerStatuses=sorted(statuses[Kind.REGULAR], key=lambda s: s.name) or None,
        initContainerStatuses=statuses[Kind.INIT] or None,
        ephemeralContainerStatuses=statuses[Kind.EPHEMERAL] or None,
    )
    status = _with_resources(memory, _with_end(memory, status, old))
    facts = Facts(
        spec=memory.pod.spec,
        statuses=tuple(flat),
        phase=phase,
        sandbox_ready=_sandbox_ready(seen),
        restarting_all=memory.restart_all > 0 if _has_restart_all(memory.pod.spec) else None,
        disruption=_disruption(memory, phase),
        generation=_generation(memory),
        pending=memory.pending if memory.ending is None else None,
        resize=memory.resize if memory.ending is None else None,
    )
    conditions = derive_conditions(facts, _conditions_before(memory, old), now=as_time(now))
    return msgspec.structs.replace(status, conditions=conditions)


def _with_resources(memory: PodMemory, status: v1.PodStatus) -> v1.PodStatus:
    """What is granted to the pod as a whole and what it has (KEP-5419)."""
    spec, now = memory.pod.spec, before_resize(memory).spec
    allocated, requests, limits = (
        {name: format_amount(name, value) for name, value in of.items()}
        for of in (pod_requests(spec), pod_requests(now), pod_limits(now))
    )
    has = v1.ResourceRequirements(requests=requests or None, limits=limits or None)
    return msgspec.structs.replace(
        status,
        allocatedResources=allocated or None,
        resources=has,
    )


def _conditions_before(memory: PodMemory, old: v1.PodStatus) -> list[v1.PodCondition]:
    """Ours as last told, and those of others: of a pod of the API as it has them now."""
    before = list(old.conditions or ())
    if memory.pod.source is not Source.API:
        return before
    return [c for c in before if c.type in OWNED] + list(memory.pod.others)


def _generation(memory: PodMemory) -> int | None:
    metadata = memory.pod.pod.metadata
    return (metadata.generation if metadata else None) or None


def _rejected(memory: PodMemory, old: v1.PodStatus, now: float) -> v1.PodStatus:
    """Nothing of it was ever here: no address, no condition but those that others made."""
    assert memory.rejected is not None
    return v1.PodStatus(
        phase="Failed",
        reason=memory.rejected.reason,
        message=f"Pod was rejected: {memory.rejected.message}",
        startTime=old.startTime or as_time(now),
        qosClass=qos_class(memory.pod.spec),
        observedGeneration=_generation(memory),
        conditions=list(memory.pod.others) or None,
    )


def _container_statuses(
    memory: PodMemory, seen: ObservedPod, node: NodeFacts, rules: NodeRules, now: float
) -> dict[Kind, list[v1.ContainerStatus]]:
    old = memory.status or v1.PodStatus()
    regular = {c.name for c in memory.pod.spec.containers}
    view = View(
        memory=memory,
        seen=seen,
        rules=rules,
        runtime_name=node.runtime_name,
        now=now,
        has_begun=any(
            c.name in regular and c.phase in (Phase.RUNNING, Phase.EXITED) for c in seen.containers
        ),
        before={
            s.name: s
            for group in (
                old.initContainerStatuses,
                old.containerStatuses,
                old.ephemeralContainerStatuses,
            )
            for s in group or ()
        },
    )
    found: dict[Kind, list[v1.ContainerStatus]] = {
        Kind.INIT: [],
        Kind.REGULAR: [],
        Kind.EPHEMERAL: [],
    }
    for kind, container in each_container(memory.pod.spec):
        group = Kind.INIT if kind is Kind.SIDECAR else kind
        found[group].append(container_status(view, kind, container))
    if memory.torn_down and memory.ending is not None:
        return _over(memory.pod.spec, found)
    return found


def _over(
    spec: v1.PodSpec, found: dict[Kind, list[v1.ContainerStatus]]
) -> dict[Kind, list[v1.ContainerStatus]]:
    """A pod that is over has no waiting or running container but for those whose turn never came.

    These are regular containers of a pod that was never initialized, and init containers behind
    the last that began. Source: status_manager.go, TerminatePod.
    """
    init = found[Kind.INIT]
    begun = max((at for at, s in enumerate(init) if _has_begun(s)), default=0) + 1
    over = {kind: [_ended(s) for s in group] for kind, group in found.items()}
    over[Kind.INIT][begun:] = init[begun:]
    if init and not _was_initialized(spec, found):
        over[Kind.REGULAR] = found[Kind.REGULAR]
    return over


def _was_initialized(spec: v1.PodSpec, found: dict[Kind, list[v1.ContainerStatus]]) -> bool:
    if any(_has_begun(s) for s in found[Kind.REGULAR]):
        return True
    last, status = (spec.initContainers or [])[-1], found[Kind.INIT][-1]
    if init_kind(last) is Kind.SIDECAR:
        return bool(status.state and status.state.running and status.started)
    states = (state for state in (status.state, status.lastState) if state)
    return any(state.terminated and state.terminated.exitCode == 0 for state in states)


def _has_begun(status: v1.ContainerStatus) -> bool:
    waits = status.state is None or status.state.waiting is not None
    return not waits or bool(status.lastState and status.lastState.terminated)


def _ended(status: v1.ContainerStatus) -> v1.ContainerStatus:
    if status.state and status.state.terminated:
        return status
    end = v1.ContainerStateTerminated(
        exitCode=137, reason="ContainerStatusUnknown", message=LOST_WHEN_TERMINATED
    )
    return msgspec.structs.replace(
        status, state=v1.ContainerState(terminated=end), ready=False, started=False
    )


def _phase(
    memory: PodMemory, seen: ObservedPod, flat: list[v1.ContainerStatus], old: v1.PodStatus
) -> str:
    if memory.pod.over is not None:
        return memory.pod.over.phase
    if old.phase in TERMINAL:
        return old.phase or "Failed"
    ending = memory.ending
    over = ending is not None and not seen.running
    phase = phase_of(
        memory.pod.spec,
        flat,
        ending=over,
        is_static=memory.pod.is_static and (ending is None or ending.why is EndWhy.DELETED),
        replaced=_coming_back(memory, seen),
    )
    if ending is None:
        return phase
    if memory.torn_down and phase not in TERMINAL and not memory.pod.is_static:
        return "Failed"  # whatever its containers never came to
    if ending.why is EndWhy.FINISHED:
        return phase
    if not over:
        return phase if phase not in TERMINAL else old.phase or "Running"
    if ending.why is not EndWhy.DELETED and ending.why is not EndWhy.DRAINED:
        return "Failed"
    return phase


def _coming_back(memory: PodMemory, seen: ObservedPod) -> tuple[str, ...]:
    """Containers that we ended to run them again: their exit is not the pod's.

    So with one that is made already and about to be started.
    """
    names = tuple(c.name for _, c in each_container(memory.pod.spec))
    if memory.restart_all > 0:
        return names
    return tuple(
        name
        for name in names
        if (newest := seen.newest(name)) is not None
        and (newest.phase is Phase.CREATED or memory.replaced.get(name) == newest.id)
    )


def _with_end(memory: PodMemory, status: v1.PodStatus, old: v1.PodStatus) -> v1.PodStatus:
    """Reason and message: of the pod's end, else the old ones as long as the phase holds."""
    ending = memory.ending
    if ending is not None and ending.why not in (
        EndWhy.DELETED,
        EndWhy.FINISHED,
        EndWhy.DRAINED,
        EndWhy.REJECTED,
    ):
        message = ending.message or _END_TEXT.get(ending.why, "")
        return msgspec.structs.replace(status, reason=ending.why.value, message=message or None)
    if status.phase != old.phase:
        status = msgspec.structs.replace(status, reason=None, message=None)
    over = memory.pod.over
    if over is None:
        return status
    return msgspec.structs.replace(
        status, reason=status.reason or over.reason, message=status.message or over.message
    )


def _ips(
    memory: PodMemory, seen: ObservedPod, old: v1.PodStatus, node: NodeFacts
) -> tuple[str, ...]:
    """The sandbox's addresses; a pod that is over keeps those it had."""
    if memory.pod.spec.hostNetwork:
        return node.ips if seen.sandbox is not None else _old_ips(old)
    if seen.sandbox is not None and seen.sandbox.ips:
        return seen.sandbox.ips
    return _old_ips(old) if memory.ending is not None or old.phase in TERMINAL else ()


def _old_ips(old: v1.PodStatus) -> tuple[str, ...]:
    return tuple(p.ip for p in old.podIPs or ())


def _sandbox_ready(seen: ObservedPod) -> bool:
    box = seen.sandbox
    return box is not None and box.ready and (box.host_network or bool(box.ips))


def _disruption(memory: PodMemory, phase: str) -> str:
    ending = memory.ending
    if ending is None or ending.why not in _DISRUPTIONS or phase not in TERMINAL:
        return ""
    if not ending.disrupts:
        return ""
    if ending.why is EndWhy.PREEMPTED:
        return "Pod was preempted by Kubelet to accommodate a critical pod."
    return ending.message or _END_TEXT.get(ending.why, "")


def _has_restart_all(spec: v1.PodSpec) -> bool:
    return any(
        rule.action == "RestartAllContainers"
        for _, container in each_container(spec)
        for rule in container.restartPolicyRules or ()
    )
