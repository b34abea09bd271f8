"""Grant changes of a running pod's CPU and memory, carry them out, tell how far they are."""

import time
from typing import Final, Protocol

import msgspec
import structlog

from nodeagent.core.resize import (
    as_granted,
    generation_of,
    grant_of,
    infeasible,
    is_done,
    is_same,
    resize_text,
    with_cgroup,
    with_error,
    with_given,
    with_grant,
    with_pending,
)
from nodeagent.core.resize_counts import changes
from nodeagent.core.resize_steps import Steps, refusal, steps_of
from nodeagent.core.resources import overhead_resources, sandbox_resources
from nodeagent.core.subject import subject_of
from nodeagent.engine.configs import Configs
from nodeagent.engine.observe import Observer
from nodeagent.engine.pod_meter import PodMeter
from nodeagent.engine.ports import Cgroups, Clock, Containers, Recorder
from nodeagent.engine.sandbox_ports import Sandboxes
from nodeagent.engine.worker_tools import WorkerTools
from nodeagent.errors import AgentError, HostError
from nodeagent.model.actions import ResizePod
from nodeagent.model.desired import DesiredPod
from nodeagent.model.events import EventType
from nodeagent.model.memory import PodMemory
from nodeagent.model.observed import ObservedPod
from nodeagent.model.resize import Pending, Wait

log = structlog.get_logger()

_OP: Final = "resize"
RETRY: Final = 10.0  # seconds until a change that failed is carried out again


class Resizer:
    """Answers what one pod asks for; an API pod is worked on as granted, never as it asks."""

    def __init__(self, tools: WorkerTools) -> None:
        self._tools = tools

    def take(self, memory: PodMemory, wish: DesiredPod, seen: ObservedPod) -> PodMemory:
        """The memory with the pod as granted; a change that fits is granted at once."""
        if wish.is_static or not memory.admitted:
            return msgspec.structs.replace(memory, pod=wish)
        if memory.granted is None:
            return msgspec.structs.replace(memory, pod=wish, granted=grant_of(wish.spec))
        asked, granted = grant_of(wish.spec), memory.granted
        if is_same(asked, granted):
            memory = msgspec.structs.replace(memory, pod=wish, granted=asked, pending=None)
            return self._finish(memory, seen)
        memory = msgspec.structs.replace(memory, pod=as_granted(wish, granted))
        if memory.ending is None and not wish.deleting:
            memory = self._decide(memory, wish, seen)
        return self._finish(memory, seen)

    def _decide(self, memory: PodMemory, wish: DesiredPod, seen: ObservedPod) -> PodMemory:
        tools, generation = self._tools, generation_of(wish)
        why, text = (
            Wait.INFEASIBLE,
            infeasible(memory, wish, node=tools.node(), rules=tools.rules()),
        )
        if not text:
            refused = tools.neighbours.refuse(msgspec.structs.replace(memory, pod=wish))
            why, text = Wait.DEFERRED, refused.message if refused is not None else ""
        now = tools.clock.now()
        old = memory.pending
        if old is None or old.generation != generation:
            for change in changes(memory.pod.spec, wish.spec):
                tools.meter.resizes.requested(*change)
        if not text:
            if old is not None and old.why is Wait.DEFERRED:
                other = old.generation != generation
                trigger = "pod_updated" if other else tools.neighbours.freed_by
                tools.meter.resizes.deferred_accepted(trigger or "periodic_retry")
            told = resize_text("started", wish, generation)
            self._event(wish, EventType.NORMAL, "ResizeStarted", told)
            log.info("resources are changed", pod=wish.key, generation=generation)
            tools.neighbours.ring_waiting("pod_resized")
            return with_grant(memory, wish, seen, now=now)
        memory = with_pending(memory, Pending(why=why, message=text, at=now, generation=generation))
        if old is None or (old.why, old.generation) != (why, generation):
            told = resize_text(why.value, wish, generation, error=text)
            if why is Wait.DEFERRED:
                self._event(wish, EventType.WARNING, "ResizeDeferred", told)
            else:
                tools.meter.resizes.infeasible("swap_limitation")  # the only one there is
                self._event(wish, EventType.WARNING, "ResizeInfeasible", told)
        return memory

    def _finish(self, memory: PodMemory, seen: ObservedPod) -> PodMemory:
        """A change that is carried out is told and no longer remembered."""
        resize = memory.resize
        if resize is None or not is_done(memory, seen):
            return memory
        told = resize_text("completed", memory.pod, resize.generation)
        self._event(memory.pod, EventType.NORMAL, "ResizeCompleted", told)
        return msgspec.structs.replace(memory, resize=None)

    def _event(self, pod: DesiredPod, type_: EventType, reason: str, message: str) -> None:
        self._tools.recorder.event(subject_of(pod), type_, reason, message)


class Parts(Protocol):
    """What carrying out needs of the executor's tools."""

    @property
    def sandboxes(self) -> Sandboxes: ...
    @property
    def containers(self) -> Containers: ...
    @property
    def cgroups(self) -> Cgroups: ...
    @property
    def configs(self) -> Configs: ...
    @property
    def observer(self) -> Observer: ...
    @property
    def recorder(self) -> Recorder: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def meter(self) -> PodMeter: ...


async def carry_out(
    tools: Parts, action: ResizePod, memory: PodMemory, seen: ObservedPod
) -> PodMemory:
    """Change cgroups of the pod and of its containers, and look at what changed.

    A failure is remembered with the pod and is none of the round: what runs goes on as it was.
    """
    configs, began, failed = tools.configs, time.monotonic(), True
    due = sorted(
        (one for one in seen.containers if one.id in action.containers),
        key=lambda one: action.containers.index(one.id),
    )
    steps = steps_of(memory, due, node=configs.node, rules=configs.rules)
    try:
        await _check_memory(tools, memory.pod, steps)
        await _tell_sandbox(tools, memory, seen)
        await tools.cgroups.ensure_pod(steps.wide)
        for change in steps.changes:
            await tools.containers.update_resources(change.id, change.resources)
            memory = with_given(memory, [change.id], seen)
            await tools.observer.look_container(memory.pod.uid, change.id)
        await tools.cgroups.ensure_pod(steps.final)
        failed = False
    except AgentError as error:
        return _failed(tools, memory, error)
    finally:
        tools.meter.resizes.carried_out(time.monotonic() - began, failed=failed)
    return with_cgroup(memory)


async def _tell_sandbox(tools: Parts, memory: PodMemory, seen: ObservedPod) -> None:
    """The runtime hears of it first: one that cannot do it (a virtual machine) says no."""
    if seen.sandbox is not None:
        spec, rules = memory.pod.spec, tools.configs.rules
        resources = sandbox_resources(spec, rules=rules)
        overhead = overhead_resources(spec, rules=rules)
        await tools.sandboxes.update_sandbox(seen.sandbox.id, resources, overhead)


async def _check_memory(tools: Parts, pod: DesiredPod, steps: Steps) -> None:
    if not steps.lower:
        return
    refused = refusal(steps, await tools.cgroups.memory_use(steps.final.path))
    if refused:
        raise HostError(op=_OP, target=f"pod {pod.key}", detail=refused)


def _failed(tools: Parts, memory: PodMemory, error: AgentError) -> PodMemory:
    text = error.detail if error.op == _OP else str(error)
    assert memory.resize is not None
    if memory.resize.error != text:
        told = resize_text("error", memory.pod, memory.resize.generation, error=text)
        tools.recorder.event(subject_of(memory.pod), EventType.WARNING, "ResizeError", told)
        log.warning("resources are not changed", pod=memory.pod.key, error=text)
    return with_error(memory, text, retry_at=tools.clock.now() + RETRY)
