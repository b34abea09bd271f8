"""The writes of one change of CPU and memory, in an order in which none is refused."""

from collections.abc import Mapping

import msgspec
from lightkube.models import core_v1 as v1
from msgspec.structs import replace

from nodeagent.core.containers import find_container
from nodeagent.core.resize import before_resize
from nodeagent.core.resources import container_resources, pod_cgroup
from nodeagent.model.ids import ContainerId
from nodeagent.model.launch import PodCgroup, Resources
from nodeagent.model.memory import PodMemory
from nodeagent.model.memory_use import MemoryUse
from nodeagent.model.node import NodeFacts, NodeRules
from nodeagent.model.observed import SeenContainer


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one running container gets; a limit it loses is -1."""

    id: ContainerId
    name: str
    resources: Resources


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """First `wide` for the pod's cgroup, then each change, then `final`.

    So the pod is never held tighter than its containers. `lower` are the memory limits that go
    down, by container id, the pod's own under "".
    """

    wide: PodCgroup
    changes: tuple[Change, ...]
    final: PodCgroup
    lower: Mapping[str, int]


def steps_of(
    memory: PodMemory, due: list[SeenContainer], *, node: NodeFacts, rules: NodeRules
) -> Steps:
    """The steps for these running containers of the pod."""
    old, new = before_resize(memory), memory.pod
    before = pod_cgroup(old.pod, old.uid, node=node, rules=rules)
    after = pod_cgroup(new.pod, new.uid, node=node, rules=rules)
    changes, lower = [], {}
    if _is_lower(before.resources, after.resources):
        lower[""] = after.resources.memory_limit_bytes
    for running in due:
        had, gets = (
            container_resources(pod.pod, _spec_of(pod.spec, running.name), node=node, rules=rules)
            for pod in (old, new)
        )
        changes.append(Change(id=running.id, name=running.name, resources=_lifted(gets, had)))
        if _is_lower(had, gets):
            lower[str(running.id)] = gets.memory_limit_bytes
    wide = _looser(before, after)
    return Steps(wide=wide, changes=tuple(changes), final=after, lower=lower)


def refusal(steps: Steps, used: Mapping[str, MemoryUse]) -> str:
    """Why limits cannot go down: more is in use, and the kernel would end processes (cgroup v2)."""
    names = {str(change.id): change.name for change in steps.changes}
    found = []
    for key, limit in steps.lower.items():
        what = f'container "{names[key]}"' if key else "pod"
        if key not in used:
            found.append(f"missing {what} memory usage")
        elif used[key].used_bytes >= limit:
            found.append(
                f"attempting to set {what} memory limit ({limit}) below current usage "
                f"({used[key].used_bytes})"
            )
    if not found:
        return ""
    text = found[0] if len(found) == 1 else f"[{', '.join(found)}]"
    return f"cannot decrease memory limits: {text}"


def _spec_of(spec: v1.PodSpec, name: str) -> v1.Container:
    known = find_container(spec, name)
    assert known is not None, "only containers of the spec are changed"
    return known[1]


def _is_lower(before: Resources, after: Resources) -> bool:
    limit, old = after.memory_limit_bytes, before.memory_limit_bytes
    return limit > 0 and (not old or limit < old)


def _looser(one: PodCgroup, other: PodCgroup) -> PodCgroup:
    """The cgroup `other` with the wider limit of both."""
    first, second = one.resources, other.resources
    resources = replace(
        second,
        cpu_shares=max(first.cpu_shares, second.cpu_shares),
        cpu_quota=_wider(first.cpu_quota, second.cpu_quota),
        cpu_period=second.cpu_period or first.cpu_period,
        memory_limit_bytes=_wider(first.memory_limit_bytes, second.memory_limit_bytes),
    )
    return replace(other, resources=resources)


def _wider(one: int, other: int) -> int:
    return max(one, other) if one and other else 0


def _lifted(gets: Resources, had: Resources) -> Resources:
    """In an update 0 leaves a value as it is: a limit that is gone has to be said."""
    fields = ("cpu_quota", "memory_limit_bytes", "memory_swap_limit_bytes")
    gone = [name for name in fields if getattr(had, name) and not getattr(gets, name)]
    return replace(gets, **dict.fromkeys(gone, -1))
