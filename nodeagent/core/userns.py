"""Which user ids a pod with `hostUsers: false` gets (user namespaces page)."""

from collections.abc import Iterable

from nodeagent.model.launch import IdRange

FIRST_ID = 65536  # ids below belong to the host


def free_range(taken: Iterable[IdRange], *, length: int, most: int) -> IdRange | None:
    """The lowest range of `length` ids that no pod has; None where `most` ranges are taken."""
    used = {held.host_id for held in taken}
    for number in range(most):
        first = FIRST_ID + number * length
        if first not in used:
            return IdRange(host_id=first, container_id=0, length=length)
    return None
