"""CPU and memory of a pod that runs are changed: what is granted, and what is left to do for it.

Sources: KEP-1287 (containers) and KEP-5419 (pod-level resources).
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.containers import Kind, find_container
from nodeagent.core.qos import QosClass, qos_class
from nodeagent.core.resources import amounts, may_swap, pod_requests
from nodeagent.model.actions import Action, ResizePod
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId
from nodeagent.model.memory import PodMemory
from nodeagent.model.node import NodeFacts, NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer
from nodeagent.model.resize import Grant, Pending, Resize

RESIZABLE: Final = ("cpu", "memory")
SWAP: Final = "In-place resize of containers with swap is not supported."
_NONE: Final = v1.ResourceRequirements()
_RANKS: Final = (QosClass.GUARANTEED, QosClass.BURSTABLE, QosClass.BEST_EFFORT)


# --- what is granted ------------------------------------------------------------------------


def grant_of(spec: v1.PodSpec) -> Grant:
    """What a spec asks for."""
    every = (*(spec.initContainers or ()), *spec.containers)
    return Grant(containers={c.name: c.resources or _NONE for c in every}, pod=spec.resources)


def with_first_grant(memory: PodMemory) -> PodMemory:
    """The pod is admitted as it is; what a static pod has never changes, so it needs no grant."""
    granted = None if memory.pod.is_static else grant_of(memory.pod.spec)
    return replace(memory, admitted=True, granted=granted)


def as_granted(pod: DesiredPod, grant: Grant) -> DesiredPod:
    """The pod with the resources it was granted in place of those it asks for."""
    spec = pod.spec
    if grant_of(spec) == grant:
        return pod
    held = replace(
        spec,
        containers=[_held(one, grant) for one in spec.containers],
        initContainers=[_held(one, grant) for one in spec.initContainers or ()] or None,
        resources=grant.pod,
    )
    return replace(pod, pod=replace(pod.pod, spec=held))


def _held(container: v1.Container, grant: Grant) -> v1.Container:
    return replace(container, resources=grant.containers.get(container.name, container.resources))


def is_same(one: Grant, other: Grant) -> bool:
    """Whether both are the same amounts, however they are spelled."""
    return one == other or (
        one.containers.keys() == other.containers.keys()
        and _equal(one.pod, other.pod)
        and all(_equal(value, other.containers[name]) for name, value in one.containers.items())
    )


def _equal(one: v1.ResourceRequirements | None, other: v1.ResourceRequirements | None) -> bool:
    one, other = one or _NONE, other or _NONE
    return one == other or (
        amounts(one.requests) == amounts(other.requests)
        and amounts(one.limits) == amounts(other.limits)
    )


def infeasible(memory: PodMemory, wish: DesiredPod, *, node: NodeFacts, rules: NodeRules) -> str:
    """Why the change can never be made here; "" where it may only have to wait."""
    for container in (*(wish.spec.initContainers or ()), *wish.spec.containers):
        known = find_container(memory.pod.spec, container.name)
        if known is None or _policy(known[1], "memory"):
            continue
        before, after = _requested(known[1], "memory"), _requested(container, "memory")
        if before != after and (
            may_swap(memory.pod.pod, known[1], node=node, rules=rules)
            or may_swap(wish.pod, container, node=node, rules=rules)
        ):
            return SWAP
    return ""


def _requested(container: v1.Container, name: str) -> int:
    resources = container.resources or _NONE
    return amounts(resources.requests).get(name, 0)


def _policy(container: v1.Container, resource: str) -> bool:
    """Whether a change of the resource restarts the container."""
    return any(
        policy.resourceName == resource and policy.restartPolicy == "RestartContainer"
        for policy in container.resizePolicy or ()
    )


def with_grant(memory: PodMemory, wish: DesiredPod, seen: ObservedPod, *, now: float) -> PodMemory:
    """What is asked for is granted: from now on the pod is that one, and has to be made so."""
    assert memory.granted is not None
    newest = {c.name: c for c in reversed(seen.containers)}
    given = {
        name: resources_of(memory, newest[name]) if name in newest else held
        for name, held in memory.granted.containers.items()
    }
    before = memory.resize
    whole = memory.granted.pod if before is None or before.cgroup_done else before.given.pod
    return replace(
        memory,
        pod=wish,
        granted=grant_of(wish.spec),
        pending=None,
        resize=Resize(
            at=now, given=Grant(containers=given, pod=whole), generation=generation_of(wish)
        ),
    )


def generation_of(pod: DesiredPod) -> int | None:
    """The generation of the spec; None where the source counts none."""
    return (pod.pod.metadata.generation if pod.pod.metadata else None) or None


def with_pending(memory: PodMemory, pending: Pending) -> PodMemory:
    """The change waits; one that waits already for the same reason does so since then."""
    old = memory.pending
    if old is not None and old.why is pending.why:
        pending = replace(pending, at=old.at)
    return replace(memory, pending=pending)


def rank(memory: PodMemory, asked: v1.PodSpec) -> tuple[bool, int, int, float]:
    """Whose pending change is looked at first: the least of these.

    Changes that ask for no more than before, then by priority, QoS class and time of waiting.
    """
    before, after = pod_requests(memory.pod.spec), pod_requests(asked)
    more = any(after.get(name, 0) > before.get(name, 0) for name in RESIZABLE)
    place = _RANKS.index(qos_class(memory.pod.spec))
    since = memory.pending.at if memory.pending is not None else 0.0
    return more, -(memory.pod.spec.priority or 0), place, since


# --- what is left to do ---------------------------------------------------------------------


def resources_of(memory: PodMemory, running: SeenContainer) -> v1.ResourceRequirements:
    """What this instance runs with: what is granted, or what was, where the change is to come."""
    resize, granted = memory.resize, memory.granted
    assert granted is not None
    if resize is not None and running.created_at < resize.at:
        held = resize.given.containers.get(running.name)
        if held is not None:
            return held
    return granted.containers.get(running.name, _NONE)


def needs_restart(
    memory: PodMemory, kind: Kind, container: v1.Container, running: SeenContainer
) -> bool:
    """Whether the change of this instance is one that its resizePolicy answers by a restart."""
    if memory.resize is None or kind not in (Kind.REGULAR, Kind.SIDECAR):
        return False
    return any(_policy(container, name) for name in _changed(memory, running))


def _changed(memory: PodMemory, running: SeenContainer) -> frozenset[str]:
    """The resources that the instance has other values of than granted."""
    resize, granted = memory.resize, memory.granted
    assert resize is not None and granted is not None
    if running.created_at >= resize.at:
        return frozenset()
    has = _effective(resources_of(memory, running), resize.given.pod)
    wants = _effective(granted.containers.get(running.name, _NONE), granted.pod)
    return frozenset(
        name
        for name in RESIZABLE
        for had, wanted in zip(has, wants, strict=True)
        if had.get(name, 0) != wanted.get(name, 0)
    )


def _effective(
    own: v1.ResourceRequirements, whole: v1.ResourceRequirements | None
) -> tuple[dict[str, int], dict[str, int]]:
    """Requests, and limits with the pod's where the container has none."""
    return amounts(own.requests), {
        **{k: v for k, v in amounts((whole or _NONE).limits).items() if k in RESIZABLE},
        **amounts(own.limits),
    }


def plan_resize(
    memory: PodMemory, seen: ObservedPod, *, now: float
) -> tuple[tuple[Action, ...], float | None]:
    """What a granted change still asks for, and when it may be tried again after a failure."""
    resize = memory.resize
    if resize is None or is_done(memory, seen):
        return (), None
    if now < resize.retry_at:
        return (), resize.retry_at
    return (ResizePod(containers=tuple(one.id for one in _due(memory, seen))),), None


def is_done(memory: PodMemory, seen: ObservedPod) -> bool:
    """Whether everything that runs has what is granted."""
    assert memory.resize is not None
    return memory.resize.cgroup_done and not _due(memory, seen)


def _due(memory: PodMemory, seen: ObservedPod) -> list[SeenContainer]:
    """Running instances to be changed, those that get less first."""
    found = [
        running
        for running in seen.running
        if running.phase is Phase.RUNNING
        and running.name in (memory.granted or Grant()).containers
        and _changed(memory, running)
    ]
    return sorted(found, key=lambda running: _grows(memory, running))


def _grows(memory: PodMemory, running: SeenContainer) -> bool:
    assert memory.granted is not None
    has = amounts(resources_of(memory, running).limits)
    wants = amounts(memory.granted.containers[running.name].limits)
    return any(wants.get(name, 0) > has.get(name, 0) for name in RESIZABLE)


def before_resize(memory: PodMemory) -> DesiredPod:
    """The pod as its cgroup still has it."""
    if memory.resize is None:
        return memory.pod
    return as_granted(memory.pod, memory.resize.given)


def with_given(memory: PodMemory, changed: Iterable[ContainerId], seen: ObservedPod) -> PodMemory:
    """These instances have what is granted now."""
    resize = memory.resize
    if resize is None:
        return memory
    names = {one.name for one in seen.containers if one.id in set(changed)}
    left = {k: v for k, v in resize.given.containers.items() if k not in names}
    given = replace(resize.given, containers=left)
    return replace(memory, resize=replace(resize, given=given))


def with_cgroup(memory: PodMemory) -> PodMemory:
    """The pod's cgroup has what is granted now."""
    if memory.resize is None:
        return memory
    assert memory.granted is not None
    given = replace(memory.resize.given, pod=memory.granted.pod)
    done = replace(memory.resize, given=given, cgroup_done=True, error="", retry_at=0.0)
    return replace(memory, resize=done)


def with_error(memory: PodMemory, error: str, *, retry_at: float) -> PodMemory:
    """Carrying it out failed."""
    if memory.resize is None:
        return memory
    return replace(memory, resize=replace(memory.resize, error=error, retry_at=retry_at))


# --- what is told ---------------------------------------------------------------------------


def resize_text(what: str, pod: DesiredPod, generation: int | None, *, error: str = "") -> str:
    """The message of an event about a change of resources: words, then the whole as JSON."""
    told: dict[str, object] = {}
    for name, group in (
        ("initContainers", pod.spec.initContainers),
        ("containers", pod.spec.containers),
    ):
        if group:
            told[name] = [{"name": c.name, "resources": _shown(c.resources)} for c in group]
    told["generation"] = generation or 0
    if error:
        told["error"] = error
    return f"Pod resize {what}: {msgspec.json.encode(told).decode()}"


def _shown(resources: v1.ResourceRequirements | None) -> dict[str, dict[str, str]]:
    given = resources or _NONE
    pairs = (("limits", given.limits), ("requests", given.requests))
    return {name: dict(sorted(values.items())) for name, values in pairs if values}
