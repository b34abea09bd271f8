"""When the node is short, and which pod has to go first ("Node-pressure Eviction")."""

import struct
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import Kind, each_container
from nodeagent.core.qos import is_critical
from nodeagent.core.quantity import amount, canonical, format_amount
from nodeagent.core.resources import pod_requests, requests_of
from nodeagent.model.eviction import (
    EvictionState,
    EvictionTold,
    Observed,
    PodUse,
    Signal,
    Space,
    Threshold,
    Verdict,
)
from nodeagent.model.node import Pressure

MEMORY, DISK, INODES, PIDS = "memory", "ephemeral-storage", "inodes", "pids"
RESOURCE: Final[Mapping[Signal, str]] = {
    Signal.MEMORY: MEMORY,
    Signal.PODS_MEMORY: MEMORY,
    Signal.NODE_FS: DISK,
    Signal.NODE_INODES: INODES,
    Signal.IMAGE_FS: DISK,
    Signal.IMAGE_INODES: INODES,
    Signal.PID: PIDS,
}
_CONDITION: Final = {MEMORY: "memory", DISK: "disk", INODES: "disk", PIDS: "pid"}
_OFF: Final = ("0%", "100%")
_ORDER: Final = tuple(Signal)

Sight = Mapping[Signal, Observed]
_Excess: TypeAlias = tuple[str, str, str]  # whose, what it uses, what it asked for


# --- thresholds -----------------------------------------------------------------------------


def thresholds_of(
    hard: Mapping[str, str],
    soft: Mapping[str, str],
    graces: Mapping[str, float],
    reclaims: Mapping[str, str],
    *,
    pods_limited: bool,
) -> tuple[Threshold, ...]:
    """The thresholds of a configuration, by signal, hard ones first.

    0% and 100% turn one off. Signals of containerfs are those of the file system that containers
    are on, which has thresholds already. `pods_limited`: the hard threshold of memory holds too
    for what the node grants to pods as a whole.
    """
    known = {signal.value for signal in Signal}
    found = [
        Threshold(
            signal=Signal(name),
            value=value,
            grace=graces.get(name, 0.0) if is_soft else 0.0,
            reclaim=reclaims.get(name, ""),
        )
        for is_soft, group in ((False, hard), (True, soft))
        for name, value in group.items()
        if name in known and value not in _OFF
    ]
    if pods_limited:
        found += [
            Threshold(signal=Signal.PODS_MEMORY, value=one.value, reclaim=one.reclaim)
            for one in found
            if one.signal is Signal.MEMORY and one.value == hard.get(Signal.MEMORY)
        ]
    return tuple(sorted(dict.fromkeys(found), key=lambda one: _ORDER.index(one.signal)))


def quantity(value: str, capacity: int) -> int:
    """A threshold's value in whole units."""
    if value.endswith("%"):
        return int(capacity * _single(_single(float(value[:-1])) / 100))
    return amount("memory", value)


def _single(value: float) -> float:
    """The nearest number of 32 bits: shares are rounded so, and allocatable must be the same."""
    found: float = struct.unpack("f", struct.pack("f", value))[0]
    return found


def judge(
    thresholds: Iterable[Threshold],
    sight: Sight,
    state: EvictionState,
    *,
    transition: float,
    now: float,
) -> Verdict:
    """What this look at the node means, after what was remembered of the last.

    A condition holds until `transition` seconds after it was last so. A signal that could not be
    measured is left as it is not met.
    """
    met = [one for one in thresholds if is_met(one, sight)]
    met += [one for one in state.acting if one not in met and is_met(one, sight, reclaim=True)]
    since = {one: min(state.since.get(one, now), now) for one in met}
    pressed = {
        **{name: min(at, now) for name, at in state.pressed_at.items()},
        **{_CONDITION[RESOURCE[one.signal]]: now for one in met},
    }
    pressed = {name: at for name, at in pressed.items() if now - at < transition or at == now}
    acting = tuple(one for one in met if now - since[one] >= one.grace)
    first = sorted(acting, key=lambda one: _ORDER.index(one.signal))
    return Verdict(
        state=EvictionState(since=since, acting=acting, pressed_at=pressed),
        pressure=Pressure(**dict.fromkeys(pressed, True)),
        acting=tuple(first),
    )


def is_met(threshold: Threshold, sight: Sight, *, reclaim: bool = False) -> bool:
    """Whether less is available than the threshold asks for, or with `reclaim` than its goal."""
    seen = sight.get(threshold.signal)
    if seen is None:
        return False
    wanted = quantity(threshold.value, seen.capacity)
    if reclaim and threshold.reclaim:
        wanted += quantity(threshold.reclaim, seen.capacity)
    return seen.available < wanted


def is_relieved(thresholds: Iterable[Threshold], sight: Sight) -> bool:
    """Whether the node is short of nothing any more, goals of reclaiming reached."""
    return not any(is_met(one, sight, reclaim=True) for one in thresholds)


# --- whose turn it is -----------------------------------------------------------------------


def ranked(
    pods: Iterable[v1.Pod], uses: Mapping[str, PodUse], signal: Signal, *, own_images: bool
) -> list[v1.Pod]:
    """Who goes first: critical pods never do.

    Those of whom nothing is known; for memory and disk those that use more than they asked for;
    then by priority; then who uses most beyond what it asked for. `own_images`: images and
    containers are on a file system of their own.
    """
    resource = RESOURCE[signal]

    def key(pod: v1.Pod) -> tuple[bool, bool, int, int]:
        assert pod.spec is not None
        use = uses.get((pod.metadata.uid if pod.metadata else None) or "")
        used = None if use is None else _used(use, signal, own_images=own_images)
        priority = pod.spec.priority or 0
        if used is None:
            return False, False, priority, 0
        if resource == PIDS:
            return True, False, priority, -used
        asked = pod_requests(pod.spec).get(resource, 0)
        return True, used <= asked, priority, asked - used

    return sorted((pod for pod in pods if not is_critical(pod)), key=key)


def _used(use: PodUse, signal: Signal, *, own_images: bool) -> int | None:
    resource = RESOURCE[signal]
    if resource == MEMORY:
        return use.memory
    if resource == PIDS:
        return use.tasks
    if not use.disk_known:
        return None
    parts: list[Space] = []
    on_images = signal in (Signal.IMAGE_FS, Signal.IMAGE_INODES)
    if on_images or not own_images:
        parts += use.layers.values()
    if not (on_images and own_images):
        parts += [*use.logs.values(), *use.volumes.values()]
    return sum(part.inodes if resource == INODES else part.used for part in parts)


def eviction_told(
    pod: v1.Pod, use: PodUse | None, acting: Iterable[Threshold], sight: Sight
) -> EvictionTold:
    """What status and event say of a pod that goes for the first of these thresholds.

    Source of the annotations' keys: a kubelet's eviction/helpers.go.
    """
    thresholds = tuple(acting)
    resource = RESOURCE[thresholds[0].signal]
    text = f"The node was low on resource: {resource}. "
    text += _threshold_text(resource, thresholds, sight)
    if use is None:
        return EvictionTold(message=text)
    of_pod = _of_pod(pod, use, resource)
    offending = _offending(pod, use, resource)
    text += "".join(_larger("Pod", one, resource) for one in of_pod)
    text += "".join(_larger("Container", one, resource) for one in offending)
    annotations = {
        "offending_containers": ",".join(name for name, _, _ in offending),
        "offending_containers_usage": ",".join(used for _, used, _ in offending),
        "starved_resource": resource,
    }
    for name, used, _ in of_pod:
        annotations |= {"offending_pod": name, "offending_pod_usage": used}
    return EvictionTold(message=text, annotations=annotations)


def _of_pod(pod: v1.Pod, use: PodUse, resource: str) -> list[_Excess]:
    """The pod as a whole, where it asks for memory as a whole."""
    assert pod.spec is not None
    requests = (pod.spec.resources.requests if pod.spec.resources else None) or {}
    if resource != MEMORY or use.memory is None or MEMORY not in requests:
        return []
    name = (pod.metadata.name if pod.metadata else None) or ""
    return [(name, format_amount(MEMORY, use.memory), canonical(str(requests[MEMORY])))]


def _offending(pod: v1.Pod, use: PodUse, resource: str) -> list[_Excess]:
    """Containers that use more than they asked for."""
    assert pod.spec is not None
    found = []
    for kind, container in each_container(pod.spec):
        used = _container_use(use, container.name, resource)
        asked = requests_of(container).get(resource, 0)
        if kind is not Kind.EPHEMERAL and used is not None and used > asked:
            shown = format_amount(resource, asked)
            found.append((container.name, format_amount(MEMORY, used), shown))
    return found


def _threshold_text(resource: str, thresholds: Iterable[Threshold], sight: Sight) -> str:
    for one in thresholds:
        seen = sight.get(one.signal)
        if RESOURCE[one.signal] == resource and seen is not None:
            wanted = quantity(one.value, seen.capacity)
            return (
                f"Threshold quantity: {_shown(resource, wanted)}, "
                f"available: {_shown(resource, seen.available)}. "
            )
    return ""


def _shown(resource: str, value: int) -> str:
    return format_amount("memory" if resource in (MEMORY, DISK) else resource, value)


def _larger(what: str, excess: _Excess, resource: str) -> str:
    name, used, asked = excess
    return (
        f"{what} {name} was using {used}, request is {asked}, "
        f"has larger consumption of {resource}. "
    )


def _container_use(use: PodUse, name: str, resource: str) -> int | None:
    if resource == MEMORY:
        return use.containers_memory.get(name)
    if resource == DISK and name in use.layers and name in use.logs:
        return use.layers[name].used + use.logs[name].used
    return None
