"""Who ends when, and how quickly, when the machine goes down (KEP-2000, KEP-2712)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from nodeagent.core.ending import spec_grace
from nodeagent.core.qos import SYSTEM_CRITICAL_PRIORITY, has_system_priority
from nodeagent.model.ids import PodUid
from nodeagent.model.memory import EndWhy, PodMemory

REASON: Final = "NodeShutdown"
REFUSAL: Final = "Pod was rejected as the node is shutting down."


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of this priority and above, up to the next group's, get so many seconds."""

    priority: int
    seconds: float


class Wave(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that end together, each with its grace; the next wave waits `seconds` for them."""

    seconds: float
    graces: tuple[tuple[PodUid, float], ...]


def groups_of(*, total: float, critical: float, by_priority: Iterable[Group]) -> tuple[Group, ...]:
    """The groups in the order of their end; empty where shutdown is not to be graceful.

    `total` is shutdownGracePeriod, `critical` its part for critical pods.
    """
    named = tuple(sorted(by_priority, key=lambda group: group.priority))
    if named or total <= 0:
        return named
    return (
        Group(priority=0, seconds=total - critical),
        Group(priority=SYSTEM_CRITICAL_PRIORITY, seconds=critical),
    )


def time_needed(groups: Iterable[Group]) -> float:
    """Seconds that a shutdown may take."""
    return sum(group.seconds for group in groups)


def waves(groups: Sequence[Group], pods: Iterable[PodMemory]) -> tuple[Wave, ...]:
    """The pods that have not ended, in the order of their end. A group without pods takes no time.

    A pod below every group belongs to the lowest.
    """
    of: dict[int, list[PodMemory]] = {index: [] for index in range(len(groups))}
    for memory in pods:
        if groups and not is_over(memory):
            of[_group_of(groups, _priority(memory))].append(memory)
    return tuple(
        Wave(
            seconds=groups[index].seconds,
            graces=tuple(
                (memory.pod.uid, min(groups[index].seconds, spec_grace(memory)))
                for memory in members
            ),
        )
        for index, members in of.items()
        if members
    )


def _group_of(groups: Sequence[Group], priority: int) -> int:
    fitting = [index for index, group in enumerate(groups) if group.priority <= priority]
    return max(fitting, default=0)


def _priority(memory: PodMemory) -> int:
    """The pod's priority; of a system class that nobody resolved, the least such priority."""
    given = memory.pod.spec.priority or 0
    return max(given, SYSTEM_CRITICAL_PRIORITY) if has_system_priority(memory.pod.pod) else given


def is_over(memory: PodMemory) -> bool:
    """Whether nothing of the pod is left to end: no process, no mount."""
    return memory.rejected is not None or memory.torn_down


def after_shutdown(memory: PodMemory) -> PodMemory:
    """What to go on with once the machine is up: a static pod that only the shutdown ended, or
    refused, begins anew; nobody else would bring it back."""
    ended = memory.ending is not None and memory.ending.why is EndWhy.NODE_SHUTDOWN
    refused = memory.rejected is not None and memory.rejected.reason == REASON
    if not memory.pod.is_static or not (ended or refused):
        return memory
    return replace(
        memory,
        admitted=False,
        rejected=None,
        ending=None,
        torn_down=False,
        stopped_sandboxes=(),
        status=None,
    )
