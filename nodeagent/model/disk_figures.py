"""What disks hold of pods, images and the node, as the slow walk found it last."""

from collections.abc import Mapping

import msgspec

from nodeagent.model.usage import DiskUse, FileSystem, ImageStore, Layer
from nodeagent.model.volume_stats import VolumeStats


class VolumeUse(msgspec.Struct, frozen=True, kw_only=True):
    """One volume: where it is a part of a larger file system, `use` is what it takes itself."""

    stats: VolumeStats
    use: DiskUse | None = None


class PodDisk(msgspec.Struct, frozen=True, kw_only=True):
    """One pod: its volumes, and its containers' logs by container."""

    volumes: tuple[VolumeUse, ...] = ()
    logs: Mapping[str, DiskUse] = {}


class DiskFigures(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `layers` by container id, `pods` by uid; 0.0: not looked at yet."""

    at: float = 0.0
    layers: Mapping[str, Layer] = {}
    images: tuple[ImageStore, ...] = ()
    containers: tuple[ImageStore, ...] = ()
    pods: Mapping[str, PodDisk] = {}


class NodeSpace(msgspec.Struct, frozen=True, kw_only=True):
    """How full the node's file systems are now: the agent's folder, logs, images, layers."""

    root: FileSystem | None = None
    logs: FileSystem | None = None
    images: FileSystem | None = None
    containers: FileSystem | None = None
