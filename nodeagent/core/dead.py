"""How many ended instances of a container are kept (kubelet's container garbage collection)."""

from collections.abc import Iterable

from nodeagent.model.observed import ObservedPod, Phase


def dead_allowance(pods: Iterable[ObservedPod], *, per_container: int, total: int) -> int:
    """Ended instances that each container may keep, so that all of them stay within `total`.

    At least one, whatever the limits say: it is what lastState, and the decision whether to
    start again, are read from. A `per_container` or `total` below 0 means no limit.
    """
    wanted = MANY if per_container < 0 else max(1, per_container)
    if total < 0:
        return wanted
    dead = [
        (pod.uid, container.name)
        for pod in pods
        for container in pod.containers
        if container.phase is Phase.EXITED
    ]
    if len(dead) <= total:
        return wanted
    return max(1, min(wanted, total // len(set(dead))))


MANY = 1 << 30
