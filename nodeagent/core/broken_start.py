"""Containers whose start was broken off, by the death of the agent that asked: they never ran."""

import msgspec

from nodeagent.model.actions import Plan, RemoveContainer
from nodeagent.model.observed import ObservedPod, Phase, SeenContainer

_BROKEN_OFF = ("context canceled", "context deadline exceeded", "signal: killed")


def was_broken_off(container: SeenContainer) -> bool:
    """Whether containerd gave up on starting it because nobody waited for the answer any more.

    It then shows an exit with `StartError` although no process of the container ever ran. Taken
    for an exit, it would count as a restart, and fail a pod that must not restart.
    """
    return (
        container.phase is Phase.EXITED
        and container.reason == "StartError"
        and container.started_at == 0.0
        and any(words in container.message for words in _BROKEN_OFF)
    )


def without_broken_off(seen: ObservedPod) -> ObservedPod:
    """The sight without them."""
    kept = tuple(c for c in seen.containers if not was_broken_off(c))
    if len(kept) == len(seen.containers):
        return seen
    return msgspec.structs.replace(seen, containers=kept)


def plan_removal(seen: ObservedPod) -> Plan | None:
    """Their removal, which frees their number for the same start once more; None without any."""
    broken = [c for c in seen.containers if was_broken_off(c)]
    if not broken:
        return None
    removals = tuple(RemoveContainer(id=c.id, name=c.name) for c in broken)
    return Plan(actions=removals, why="starts that were broken off")
