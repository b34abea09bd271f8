"""Containers whose start was broken off, by the death of the agent that asked: they never ran."""

from collections.abc import Mapping

import msgspec

from nodeagent.model.observed import ObservedPod, Phase, SeenContainer

_BROKEN_OFF = ("context canceled", "context deadline exceeded", "signal: killed")


def was_broken_off(container: SeenContainer) -> bool:
    """Whether containerd gave up on starting it because nobody waited for the answer any more.

    It then shows an exit with `StartError` although the container's program never ran. Taken for
    an exit, it would count as a restart, and fail a pod that must not restart.
    """
    return (
        container.phase is Phase.EXITED
        and container.reason == "StartError"
        and container.started_at == 0.0
        and any(words in container.message for words in _BROKEN_OFF)
    )


def without_broken_off(seen: ObservedPod) -> ObservedPod:
    """The sight without them, for status and for plans.

    They are removed at the pod's end: before, containerd 1.6 may hold a process that it forgot
    and refuse the removal.
    """
    kept = tuple(c for c in seen.containers if not was_broken_off(c))
    if len(kept) == len(seen.containers):
        return seen
    return msgspec.structs.replace(seen, containers=kept)


def free_attempts(known: Mapping[str, int], seen: ObservedPod) -> dict[str, int]:
    """By container name the lowest free attempt number: theirs are taken."""
    free = dict(known)
    for container in filter(was_broken_off, seen.containers):
        free[container.name] = max(free.get(container.name, 0), container.attempt + 1)
    return free
