"""What one pod takes of the node's disk, from the figures of the slow walk."""

from nodeagent.model.disk_figures import DiskFigures
from nodeagent.model.eviction import PodUse, Space
from nodeagent.model.observed import ObservedPod


def disk_use(figures: DiskFigures, seen: ObservedPod) -> PodUse | None:
    """Layers, logs and volumes of the pod; None as long as it was not looked at.

    Volumes in memory are no part of the disk. Of each container the newest instance counts.
    """
    disk = figures.pods.get(seen.uid)
    if disk is None:
        return None
    layers = {
        one.name: Space(used=figures.layers[one.id].used, inodes=figures.layers[one.id].inodes)
        for one in reversed(seen.containers)
        if one.id in figures.layers
    }
    return PodUse(
        layers=layers,
        logs={name: Space(used=use.used, inodes=use.inodes) for name, use in disk.logs.items()},
        volumes={
            one.stats.name: Space(used=one.use.used, inodes=one.use.inodes)
            for one in disk.volumes
            if one.use is not None and not one.stats.in_memory
        },
        disk_known=True,
    )
