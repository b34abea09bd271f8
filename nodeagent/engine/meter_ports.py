"""What metering needs of the outside, in its own words; see `ports` for what holds for all."""

from collections.abc import Mapping
from typing import Protocol

from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import ContainerId
from nodeagent.model.machine import Disks
from nodeagent.model.usage import (
    DiskUse,
    FileSystem,
    ImageStore,
    Layer,
    Reading,
    ReadingWish,
)
from nodeagent.model.volume_stats import VolumeStats


class UsageReader(Protocol):
    """Reads cgroups."""

    async def read(self, wish: ReadingWish) -> Reading:
        """Everything that is wished for, as it is now. What vanishes meanwhile is left out."""
        ...


class RuntimeStats(Protocol):
    """What the runtime measures itself."""

    async def layers(self) -> Mapping[ContainerId, Layer]:
        """Writable layers of running containers; one not measured yet is left out."""
        ...

    async def layer(self, container: ContainerId) -> Layer | None:
        """The writable layer of one; None where it is not measured yet, or gone."""
        ...

    async def image_stores(self) -> tuple[tuple[ImageStore, ...], tuple[ImageStore, ...]]:
        """Where images are, and where layers are if that is told apart."""
        ...


class Walker(Protocol):
    """Measures folders, slowly, so that the disk stays free for others."""

    async def measure(self, folder: str) -> DiskUse | None:
        """Everything below the folder on its file system; None where it is not there."""
        ...


class Spaces(Protocol):
    """File systems and disks; answers at once."""

    async def spaces(self, paths: tuple[str, ...]) -> tuple[FileSystem | None, ...]:
        """How full the file systems of these paths are; None for one that is not there."""
        ...

    async def disks(self) -> Disks:
        """All disks, and how full the file systems on them are."""
        ...

    async def tasks(self) -> tuple[int, int] | None:
        """How many tasks there are on the machine, and how many there may be."""
        ...


class VolumeFigures(Protocol):
    """Volumes of pods, as far as they can be measured."""

    async def stats(self, pod: DesiredPod) -> tuple[VolumeStats, ...]:
        """Every volume of the pod that takes space; one that hangs has no `space`."""
        ...
