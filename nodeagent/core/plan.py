"""Decide what one pod needs next. No I/O, no clock, no memory of earlier decisions."""

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container, find_container
from nodeagent.core.hashing import spec_hash
from nodeagent.core.plan_init import next_init
from nodeagent.core.plan_sandbox import judge_sandbox, plan_new_sandbox
from nodeagent.core.plan_start import MIN_GRACE, Wanted, backoff_of, grace_of, start_or_wait
from nodeagent.core.plan_teardown import plan_teardown
from nodeagent.core.refresh import plan_refresh
from nodeagent.core.resize import needs_restart, plan_resize
from nodeagent.core.restart import Decision, restart_decision
from nodeagent.model.actions import (
    Action,
    Plan,
    PreparePod,
    RefreshVolumes,
    RemoveContainer,
    RemoveSandbox,
    ResizePod,
    RestartAll,
    StartContainer,
    StopContainers,
    StopOne,
    StopWhy,
)
from nodeagent.model.ends import EndReason
from nodeagent.model.memory import Backoff, PodMemory
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer, SeenSandbox

_BY_PROBE = (StopWhy.LIVENESS, StopWhy.STARTUP)


def plan_pod(memory: PodMemory, seen: ObservedPod, *, rules: NodeRules, now: float) -> Plan:
    """Compare what should be with what is; equal inputs give equal plans."""
    if memory.ending is not None:
        return plan_teardown(memory, seen, now=now)
    if memory.restart_all > 0:
        return _plan_restart_all(seen)
    kills = _kills(memory, seen)
    if kills:
        return Plan(actions=(StopContainers(stops=kills),), why=kills[0].message)
    verdict = judge_sandbox(memory, seen)
    if not verdict.keep:
        return plan_new_sandbox(memory, seen, verdict, rules=rules, now=now)
    assert seen.sandbox is not None
    asking = _asking_for_restart_all(memory, seen, seen.sandbox, rules=rules, now=now)
    if asking:
        return Plan(restart_all=RestartAll.BEGIN, backoffs=asking)
    return _plan_containers(memory, seen, seen.sandbox, rules=rules, now=now)


def _plan_containers(
    memory: PodMemory, seen: ObservedPod, box: SeenSandbox, *, rules: NodeRules, now: float
) -> Plan:
    """What is to be started in a sandbox that stays, then what is to be swept."""
    here = tuple(c for c in seen.containers if c.sandbox_id == box.id)
    wanted = _ephemeral(memory, seen, here)
    initial, done = next_init(memory, here)
    wanted += initial
    if done:
        wanted += _regular(memory, here)
    actions: list[Action] = []
    wakes: list[float] = []
    for item in wanted:
        step = start_or_wait(memory, seen, item, rules=rules, now=now)
        actions += step.actions
        if step.wake_at is not None:
            wakes.append(step.wake_at)
    if any(isinstance(a, StartContainer) for a in actions) and not memory.prepared:
        actions.insert(0, PreparePod())
    else:
        refresh, refresh_at = plan_refresh(memory, seen, now=now)
        actions[:0] = refresh
        wakes += [] if refresh_at is None else [refresh_at]
    resize, resize_at = plan_resize(memory, seen, now=now)
    actions[:0] = resize
    wakes += [] if resize_at is None else [resize_at]
    sweep, sweep_at = _sweep(seen, box, rules=rules, now=now)
    actions += sweep
    wakes += [] if sweep_at is None else [sweep_at]
    return Plan(actions=tuple(actions), wake_at=min(wakes, default=None), why=_why(actions))


def _why(actions: list[Action]) -> str:
    kinds = {type(action) for action in actions}
    if kinds == {RefreshVolumes}:
        return "what volumes show has changed"
    return "resources have changed" if kinds == {ResizePod} else "containers to start"


def _regular(memory: PodMemory, here: tuple[SeenContainer, ...]) -> list[Wanted]:
    newest = _newest(here)
    wanted = []
    for container in memory.pod.spec.containers:
        seen = newest.get(container.name)
        if _needs_start(memory, Kind.REGULAR, container, seen):
            wanted.append(Wanted(kind=Kind.REGULAR, container=container, here=seen))
    return wanted


def _needs_start(
    memory: PodMemory, kind: Kind, container: v1.Container, seen: SeenContainer | None
) -> bool:
    if seen is None or seen.phase is Phase.CREATED:
        return True
    if seen.phase is not Phase.EXITED:
        return False
    if memory.replaced.get(container.name) == seen.id:
        return True
    decision = restart_decision(
        memory.pod.spec, kind, container, exit_code=seen.exit_code, reason=seen.reason
    )
    return decision is not Decision.STAY


def _ephemeral(
    memory: PodMemory, seen: ObservedPod, here: tuple[SeenContainer, ...]
) -> list[Wanted]:
    """Ephemeral containers start once, whatever else the pod does, and in no later sandbox.

    One that ran is remembered by its restart count, where the runtime has lost its record.
    """
    newest, wanted = _newest(here), []
    for kind, container in each_container(memory.pod.spec):
        if kind is not Kind.EPHEMERAL or container.name in memory.restart_counts:
            continue
        old = seen.newest(container.name)
        if old is None or old.phase is Phase.CREATED:
            item = Wanted(kind=kind, container=container, here=newest.get(container.name))
            wanted.append(item)
    return wanted


def _newest(here: tuple[SeenContainer, ...]) -> dict[str, SeenContainer]:
    found: dict[str, SeenContainer] = {}
    for container in here:
        found.setdefault(container.name, container)
    return found


def _kills(memory: PodMemory, seen: ObservedPod) -> tuple[StopOne, ...]:
    """Running containers that must not run on, with the reason an event will show."""
    stops = []
    for running in seen.running:
        known = find_container(memory.pod.spec, running.name)
        if known is None:
            why, message = StopWhy.SPEC_CHANGED, "no longer in the pod's spec"
            grace = grace_of(memory)
        else:
            why, message, grace = _reason_to_kill(memory, *known, running)
        if message:
            stops.append(
                StopOne(
                    id=running.id,
                    name=running.name,
                    grace=grace,
                    why=why,
                    message=message,
                    detail=_probe_words(memory, running) if why in _BY_PROBE else "",
                )
            )
    return tuple(stops)


def _probe_words(memory: PodMemory, running: SeenContainer) -> str:
    health = memory.health.get(running.name)
    return health.message if health is not None else ""


def _reason_to_kill(
    memory: PodMemory, kind: Kind, container: v1.Container, running: SeenContainer
) -> tuple[StopWhy, str, float]:
    name, grace = container.name, grace_of(memory)
    if running.phase is Phase.UNKNOWN:
        message = f"Container {name} is in unknown state, try killing it before restart"
        return StopWhy.UNKNOWN, message, MIN_GRACE
    checked = kind in (Kind.REGULAR, Kind.SIDECAR)
    if checked and running.spec_hash and running.spec_hash != spec_hash(container):
        message = f"Container {name} definition changed, will be restarted"
        return StopWhy.SPEC_CHANGED, message, grace
    noted = memory.ends.get(running.id)
    if noted is not None and noted.reason is EndReason.POST_START:
        return StopWhy.POST_START, "FailedPostStartHook", grace
    health = memory.health.get(name)
    if health is not None and health.id == running.id and health.failed:
        why = StopWhy(health.failed)
        probe = container.livenessProbe if why is StopWhy.LIVENESS else container.startupProbe
        own = probe.terminationGracePeriodSeconds if probe else None
        message = f"Container {name} failed {why.value.lower()} probe, will be restarted"
        return why, message, grace if own is None else float(own)
    if needs_restart(memory, kind, container, running):
        return StopWhy.RESIZE, f"Container {name} resize requires restart", grace
    if memory.restart_asked.get(name, 0.0) > running.started_at:
        return StopWhy.OPERATOR, f"Container {name} is restarted by the operator", grace
    return StopWhy.OPERATOR, "", grace


def _asking_for_restart_all(
    memory: PodMemory, seen: ObservedPod, box: SeenSandbox, *, rules: NodeRules, now: float
) -> dict[str, Backoff]:
    """Containers whose end asks for it and whose back-off is over, with their next back-off."""
    asking = {}
    newest = _newest(tuple(c for c in seen.containers if c.sandbox_id == box.id))
    for kind, container in each_container(memory.pod.spec):
        old = newest.get(container.name)
        if old is None or old.phase is not Phase.EXITED or not container.restartPolicyRules:
            continue
        decision = restart_decision(
            memory.pod.spec, kind, container, exit_code=old.exit_code, reason=old.reason
        )
        if decision is not Decision.RESTART_ALL:
            continue
        item = Wanted(kind=kind, container=container, here=old)
        until, after = backoff_of(memory, seen, item, rules=rules, now=now)
        if until <= now and after is not None:
            asking[container.name] = after
    return asking


def _plan_restart_all(seen: ObservedPod) -> Plan:
    """End everything at once without hooks, forget the records, then begin anew (KEP-5532)."""
    if seen.running:
        stops = tuple(
            StopOne(
                id=c.id,
                name=c.name,
                grace=0.0,
                why=StopWhy.RESTART_ALL,
                message="All containers of the pod are restarted",
                pre_stop=False,
            )
            for c in seen.running
        )
        return Plan(actions=(StopContainers(stops=stops),), why="restart of all containers")
    if seen.containers:
        removals = tuple(RemoveContainer(id=c.id, name=c.name) for c in seen.containers)
        return Plan(actions=removals, why="restart of all containers")
    return Plan(restart_all=RestartAll.END)


def _sweep(
    seen: ObservedPod, box: SeenSandbox, *, rules: NodeRules, now: float
) -> tuple[list[Action], float | None]:
    """Records that no one needs, and when the next one is old enough to go.

    At least one dead instance is kept for lastState and for its log.
    """
    sweep: list[Action] = []
    wakes: list[float] = []
    kept: dict[str, int] = {}
    left = {b.id: 0 for b in seen.sandboxes}
    for container in seen.containers:
        rank = kept.get(container.name, 0)
        kept[container.name] = rank + 1
        newest = seen.newest(container.name)
        allowed = rules.dead_per_container
        allowed += newest is not None and newest.phase is not Phase.EXITED
        stale = container.phase is Phase.CREATED and rank > 0
        over = rank >= allowed and container.phase is Phase.EXITED
        old_at = container.finished_at + rules.dead_min_age
        if over and old_at > now:
            wakes.append(old_at)
        if stale or (over and old_at <= now):
            sweep.append(RemoveContainer(id=container.id, name=container.name, with_logs=True))
        elif container.sandbox_id in left:
            left[container.sandbox_id] += 1
    for old in seen.sandboxes:
        if old.id != box.id and not old.ready and not left[old.id]:
            sweep.append(RemoveSandbox(id=old.id))
    return sweep, min(wakes, default=None)


def with_wake(plan: Plan, at: float | None) -> Plan:
    """The same plan that also wakes at `at`."""
    if at is None:
        return plan
    nearest = at if plan.wake_at is None else min(at, plan.wake_at)
    return msgspec.structs.replace(plan, wake_at=nearest)


def outline(plan: Plan) -> list[str]:
    """What a plan does, one word for each action, for a line of the log."""
    return [_describe(action) for action in plan.actions]


def _describe(action: Action) -> str:
    name = getattr(action, "name", "")
    return f"{type(action).__name__}({name})" if name else type(action).__name__
