"""One container that should run: image first, then the start, or the time to try again."""

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind
from nodeagent.core.hashing import spec_hash
from nodeagent.core.image_volumes import image_keys
from nodeagent.core.restart import (
    TROUBLE_SHOWN,
    backoff_key,
    crash_loop,
    next_backoff,
    restart_at,
)
from nodeagent.model.actions import Action, EnsureImage, StartContainer
from nodeagent.model.ends import EndReason
from nodeagent.model.memory import Backoff, ImageState, PodMemory, Trouble
from nodeagent.model.node import NodeRules
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer

MIN_GRACE = 2.0  # what a container gets where its pod states no grace at all


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A container that should be running; `here` is its newest record in this sandbox."""

    kind: Kind
    container: v1.Container
    here: SeenContainer | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a plan for one container."""

    actions: tuple[Action, ...] = ()
    wake_at: float | None = None


def is_held(until: float, *, now: float, since: float) -> bool:
    """Whether a wait that began at `since` goes on; not where the clock was set back since then."""
    return since <= now < until


def start_or_wait(
    memory: PodMemory, seen: ObservedPod, wanted: Wanted, *, rules: NodeRules, now: float
) -> Step:
    """Bring the image, start the container, or say when the back-off ends."""
    name = wanted.container.name
    trouble = memory.troubles.get(name)
    held_until, backoff = backoff_of(memory, seen, wanted, rules=rules, now=now)
    if trouble is not None and is_held(trouble.retry_at, now=now, since=trouble.at):
        return Step(wake_at=_next_word(trouble, trouble.retry_at, held_until, now=now))
    if held_until > now:
        return Step(wake_at=_next_word(trouble, held_until, held_until, now=now))
    count = next_restart_count(memory, seen, wanted)
    image = _images_step(memory, wanted.container, count, now=now)
    if image is not None:
        return image
    adopt = None
    if wanted.here is not None and wanted.here.phase is Phase.CREATED:
        if wanted.here.spec_hash == spec_hash(wanted.container):
            adopt = wanted.here.id
            count = wanted.here.restart_count
    used = max((c.attempt for c in seen.all_of(name)), default=-1)
    start = StartContainer(
        name=name,
        attempt=max(count, memory.attempts.get(name, 0), used + 1),
        restart_count=count,
        backoff=backoff,
        adopt=adopt,
    )
    return Step(actions=(start,))


def _next_word(trouble: Trouble | None, until: float, held_until: float, *, now: float) -> float:
    """When to look again: sooner than `until` where the status turns from trouble to back-off."""
    turns_at = trouble.at + TROUBLE_SHOWN if trouble is not None else now
    return min(until, turns_at) if now < turns_at < held_until else until


def _images_step(
    memory: PodMemory, container: v1.Container, count: int, *, now: float
) -> Step | None:
    """What the images of container and image volumes still need; None once all are there."""
    keys = image_keys(memory.pod, container)
    steps = [step for key in keys if (step := _image_step(memory, key, count, now=now)) is not None]
    if not steps:
        return None
    wakes = [step.wake_at for step in steps if step.wake_at is not None]
    return Step(
        actions=tuple(action for step in steps for action in step.actions),
        wake_at=min(wakes, default=None),
    )


def _image_step(memory: PodMemory, name: str, count: int, *, now: float) -> Step | None:
    """What the image still needs; None once it is there."""
    outcome = memory.images.get(name)
    if outcome is None or outcome.attempt != count:
        return Step(actions=(EnsureImage(name=name, attempt=count),))
    if outcome.state is ImageState.PULLING:
        return Step()
    if outcome.state is ImageState.READY:
        return None
    if is_held(outcome.retry_at, now=now, since=outcome.at):
        return Step(wake_at=outcome.retry_at)
    return Step(actions=(EnsureImage(name=name, attempt=count),))


def backoff_of(
    memory: PodMemory, seen: ObservedPod, wanted: Wanted, *, rules: NodeRules, now: float
) -> tuple[float, Backoff | None]:
    """Until when the last exit holds the start, and what to remember when it is answered."""
    last = next((c for c in seen.all_of(wanted.container.name) if c.phase is Phase.EXITED), None)
    if last is None or _was_replaced(memory, last):
        return 0.0, None
    loop = crash_loop(rules, memory.pod.annotations)
    key = backoff_key(memory.pod, wanted.container)
    entry = memory.backoffs.get(last.name)
    at = restart_at(entry, key, last, loop=loop, now=now)
    return at, next_backoff(entry, key, last, loop=loop, now=now)


def _was_replaced(memory: PodMemory, last: SeenContainer) -> bool:
    """Ended by us for no fault of its own; one that a probe decided against waits as usual."""
    note = memory.ends.get(last.id)
    at_fault = note is not None and note.reason in (EndReason.LIVENESS, EndReason.STARTUP)
    return memory.replaced.get(last.name) == last.id and not at_fault


def next_restart_count(memory: PodMemory, seen: ObservedPod, wanted: Wanted) -> int:
    """One more than any instance before: by the runtime's records, or what is remembered."""
    name = wanted.container.name
    if wanted.here is not None and wanted.here.phase is Phase.CREATED:
        return wanted.here.restart_count
    newest = seen.newest(name)
    known = newest.restart_count if newest is not None else -1
    return max(known, memory.restart_counts.get(name, -1)) + 1


def grace_of(memory: PodMemory) -> float:
    """Seconds a container of this pod gets where nothing shortens it."""
    grace = memory.pod.spec.terminationGracePeriodSeconds
    return MIN_GRACE if grace is None else float(grace)
