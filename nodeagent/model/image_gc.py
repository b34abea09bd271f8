"""Images of the node, who uses them, and which of them are to go."""

import msgspec

from nodeagent.model.ids import ImageRef
from nodeagent.model.observed import SeenImage


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """A file system, by a path on it."""

    path: str
    capacity_bytes: int
    available_bytes: int

    @property
    def used_percent(self) -> int:
        """As Kubernetes counts: what is not available to anyone but root is used."""
        if not self.capacity_bytes:
            return 0
        return 100 - self.available_bytes * 100 // self.capacity_bytes


class KnownImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image; `used_by` names pods, `used_at` is 0.0 for one that was never seen in use."""

    image: SeenImage
    detected_at: float
    used_at: float = 0.0
    used_by: tuple[str, ...] = ()


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """An image that is to go, and why; `aged` for its age alone."""

    ref: ImageRef
    name: str
    size_bytes: int
    why: str
    aged: bool = False


class GcPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to go, in this order. `wanted_bytes` is what has to be freed, 0 if space is ample."""

    removals: tuple[Removal, ...] = ()
    wanted_bytes: int = 0

    @property
    def freed_bytes(self) -> int:
        """What the removals free, layers that images share counted for each of them."""
        return sum(removal.size_bytes for removal in self.removals)


class ImageReport(msgspec.Struct, frozen=True, kw_only=True):
    """The images of the node, the file system they are on, and what is, or would be, removed."""

    images: tuple[KnownImage, ...]
    plan: GcPlan
    space: Space | None = None
    begins_percent: int = 85
    ends_percent: int = 80
    trouble: str = ""
