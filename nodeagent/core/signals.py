"""The signals of eviction from what was read of the machine and of cgroups."""

from nodeagent.model.eviction import FileSystem, HostSight, Observed, Signal
from nodeagent.model.memory_use import MemoryUse


def signals_of(
    host: HostSight,
    *,
    root: MemoryUse | None,
    pods: MemoryUse | None,
    pods_limit: int,
    places: tuple[str, str],
) -> dict[Signal, Observed]:
    """Every signal that is known.

    `root` is the host's own cgroup, None where it tells nothing (cgroup v2): then what is not free
    counts, without files that nobody used of late. `pods` is kubepods with its limit, 0 for none.
    `places` are the agent's folder and that of images ("" where it is not known).
    """
    used = (
        max(host.memory - host.memory_free - host.memory_inactive, 0)
        if root is None
        else root.working_set_bytes
    )
    found = {
        Signal.MEMORY: Observed(available=max(host.memory - used, 0), capacity=host.memory),
        Signal.PID: Observed(
            available=max(host.most_tasks - host.tasks, 0), capacity=host.most_tasks
        ),
    }
    if pods is not None and pods_limit:
        left = max(pods_limit - pods.working_set_bytes, 0)
        found[Signal.PODS_MEMORY] = Observed(available=left, capacity=pods_limit)
    node, images = (host.file_systems.get(place) for place in places)
    if node is not None:
        found |= _disk(node, Signal.NODE_FS, Signal.NODE_INODES)
    if images is not None:
        found |= _disk(images, Signal.IMAGE_FS, Signal.IMAGE_INODES)
    return found


def _disk(one: FileSystem, space: Signal, inodes: Signal) -> dict[Signal, Observed]:
    """A file system without a number of inodes (btrfs) cannot run out of them."""
    found = {space: Observed(available=one.available, capacity=one.capacity)}
    if one.inodes:
        found[inodes] = Observed(available=one.inodes_free, capacity=one.inodes)
    return found
