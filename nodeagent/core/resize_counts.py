"""What a change of resources asks for, as it is counted: by resource, requirement and direction."""

from collections.abc import Iterator, Mapping

from lightkube.models import core_v1 as v1

from nodeagent.core.containers import find_container
from nodeagent.core.resources import amounts

_NONE = v1.ResourceRequirements()


def changes(before: v1.PodSpec, after: v1.PodSpec) -> Iterator[tuple[str, str, str]]:
    """Each change of a container: ("memory", "limits", "increase"), or add, remove, decrease."""
    for container in (*(after.initContainers or ()), *after.containers):
        known = find_container(before, container.name)
        if known is None:
            continue
        old, new = known[1].resources or _NONE, container.resources or _NONE
        for resource in ("memory", "cpu"):
            pairs = (("requests", old.requests, new.requests), ("limits", old.limits, new.limits))
            for requirement, had, has in pairs:
                direction = _direction(_amount(had, resource), _amount(has, resource))
                if direction:
                    yield resource, requirement, direction


def _amount(resources: Mapping[str, str] | None, name: str) -> int:
    return amounts(resources).get(name, 0)


def _direction(old: int, new: int) -> str:
    if old == new:
        return ""
    if not new:
        return "remove"
    if not old:
        return "add"
    return "decrease" if new < old else "increase"
