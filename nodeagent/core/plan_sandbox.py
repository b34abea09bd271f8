"""Keep the sandbox or make a new one."""

import msgspec

from nodeagent.core.containers import Kind, each_container
from nodeagent.core.plan_start import Wanted, grace_of, is_held, next_restart_count
from nodeagent.core.restart import Decision, restart_decision
from nodeagent.model.actions import (
    Action,
    CreateSandbox,
    EnsureImage,
    Plan,
    PreparePod,
    StopContainers,
    StopOne,
    StopSandbox,
    StopWhy,
)
from nodeagent.model.memory import ImageOutcome, ImageState, PodMemory
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase


class SandboxVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the newest sandbox serves, else the attempt of the next and why."""

    keep: bool
    attempt: int = 0
    why: str = ""


def judge_sandbox(memory: PodMemory, seen: ObservedPod) -> SandboxVerdict:
    """A sandbox serves if it is the only ready one, of the right network mode, with an address."""
    box = seen.sandbox
    if box is None:
        return SandboxVerdict(keep=False, attempt=memory.sandbox_attempt, why="no sandbox yet")
    host_network = bool(memory.pod.spec.hostNetwork)
    why = ""
    if sum(b.ready for b in seen.sandboxes) > 1:
        why = "more than one ready sandbox"
    elif not box.ready:
        why = "sandbox is not ready"
    elif box.host_network != host_network:
        why = "network namespace mode changed"
    elif not host_network and not box.ips:
        why = "sandbox has no address"
    if not why:
        return SandboxVerdict(keep=True)
    attempt = max(max(b.attempt for b in seen.sandboxes) + 1, memory.sandbox_attempt)
    return SandboxVerdict(keep=False, attempt=attempt, why=why)


def plan_new_sandbox(
    memory: PodMemory, seen: ObservedPod, verdict: SandboxVerdict, *, rules: NodeRules, now: float
) -> Plan:
    """End what is left of the old sandboxes, then make the next, if anything is to run in it."""
    clear = _clear(memory, seen)
    if clear:
        return Plan(actions=clear, why=verdict.why)
    if not _something_to_run(memory, seen):
        return Plan()
    actions: list[Action] = [*_first_images(memory, seen, now=now)]
    if not memory.prepared:
        actions.append(PreparePod())
    actions.append(CreateSandbox(attempt=verdict.attempt))
    return Plan(actions=tuple(actions), why=verdict.why)


def _clear(memory: PodMemory, seen: ObservedPod) -> tuple[Action, ...]:
    if seen.running:
        stops = tuple(
            StopOne(
                id=c.id,
                name=c.name,
                grace=grace_of(memory),
                why=StopWhy.SANDBOX_CHANGED,
                message="Pod sandbox changed, it will be killed and re-created.",
            )
            for c in seen.running
        )
        return (StopContainers(stops=stops),)
    return tuple(
        StopSandbox(id=b.id)
        for b in seen.sandboxes
        if b.ready or b.id not in memory.stopped_sandboxes
    )


def _something_to_run(memory: PodMemory, seen: ObservedPod) -> bool:
    """A pod that ran and must not run again gets no second sandbox."""
    if not seen.containers:
        return True
    spec = memory.pod.spec
    if (spec.restartPolicy or "Always") == "Never" and not _has_own_policy(memory):
        return any(memory.replaced.get(c.name) == c.id for c in seen.containers)
    for kind, container in each_container(spec):
        if kind is not Kind.REGULAR:
            continue
        old = seen.newest(container.name)
        if old is None or old.phase is not Phase.EXITED or memory.replaced.get(old.name) == old.id:
            return True
        decision = restart_decision(
            spec, kind, container, exit_code=old.exit_code, reason=old.reason
        )
        if decision is not Decision.STAY:
            return True
    return False


def _has_own_policy(memory: PodMemory) -> bool:
    return any(c.restartPolicy for c in memory.pod.spec.containers)


def _first_images(memory: PodMemory, seen: ObservedPod, *, now: float) -> list[EnsureImage]:
    """Images of the containers that will start first, asked for while the sandbox is made."""
    asked = []
    for kind, container in each_container(memory.pod.spec):
        if kind is Kind.EPHEMERAL:
            continue
        count = next_restart_count(memory, seen, Wanted(kind=kind, container=container))
        outcome = memory.images.get(container.name)
        if outcome is None or outcome.attempt != count or _is_due(outcome, now=now):
            asked.append(EnsureImage(name=container.name, attempt=count))
        if kind is Kind.INIT:
            break
    return asked


def _is_due(outcome: ImageOutcome, *, now: float) -> bool:
    """Whether a failed image is to be tried again."""
    held = is_held(outcome.retry_at, now=now, since=outcome.at)
    return outcome.state is ImageState.FAILED and not held
