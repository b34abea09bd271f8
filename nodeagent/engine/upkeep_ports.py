"""What keeping the node in order needs of the outside, beside what `ports` has for pods.

The same rules hold: every call may be cancelled and repeated, errors are those of
`nodeagent.errors`.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from nodeagent.core.credentials import Wallet
from nodeagent.core.log_rotation import Rotation
from nodeagent.model.credentials import Credential, PulledRecord
from nodeagent.model.ids import ImageRef, PodUid
from nodeagent.model.image_gc import Space
from nodeagent.model.observed import SeenImage


class LogFiles(Protocol):
    """Logs of containers as files."""

    async def sizes(self, paths: Iterable[str]) -> Mapping[str, int]:
        """Bytes of each file; one that is not there is left out. One hop for all of them."""
        ...

    async def neighbours(self, path: str) -> tuple[str, ...]:
        """Names of the files in the log's folder."""
        ...

    async def rotate(self, folder: str, rotation: Rotation) -> None:
        """Carry it out up to the rename of the live log. HostError names the file that failed.

        May be repeated: what is removed or compressed already counts as done.
        """
        ...

    async def put_back(self, folder: str, rotation: Rotation) -> None:
        """The rotated file is the live log again, unless a new live one is there by now."""
        ...


class Leftovers(Protocol):
    """What pods have left on the disk."""

    async def pod_folders(self) -> tuple[PodUid, ...]:
        """Pods that have a folder."""
        ...

    async def log_folders(self) -> Mapping[str, PodUid]:
        """Paths of pods' log folders, and whose each is; folders of other names are left out."""
        ...

    async def remove_dead_links(self, alive: frozenset[str]) -> int:
        """Links to logs of ours that lead nowhere are gone; says how many went.

        Those of containers whose id is in `alive` stay: their log may be on its way.
        """
        ...

    async def remove_logs(self, folder: str) -> None:
        """A pod's log folder and the links into it are gone. HostError where a mount is below."""
        ...


class NodeKeys(Protocol):
    """Credentials of registries that belong to the node."""

    async def configured(self) -> Wallet:
        """Those in the node's docker configuration; nothing where there is none."""
        ...

    async def provided(self, image: str) -> tuple[Credential, ...]:
        """Those that provider plugins have for an image; a plugin that fails has none."""
        ...


class PullFiles(Protocol):
    """Memory on disk of which images the agent pulled, and with whose credentials."""

    async def load(self) -> tuple[tuple[PulledRecord, ...], frozenset[str]]:
        """Every record, and the images whose pull was under way when an agent ended."""
        ...

    async def intend(self, image: str) -> None:
        """Note that a pull begins."""
        ...

    async def unintend(self, image: str) -> None:
        """The pull is over; nothing noted counts as done."""
        ...

    async def save(self, record: PulledRecord) -> None:
        """Replace the image's record, whole or not at all."""
        ...

    async def forget(self, ref: ImageRef) -> None:
        """The image is gone; no record counts as done."""
        ...


class ImageStore(Protocol):
    """Images of the node as a store that can fill up."""

    async def list_images(self) -> tuple[SeenImage, ...]:
        """Every image on the node."""
        ...

    async def remove_image(self, ref: ImageRef) -> None:
        """Remove it with all its names; unknown counts as done."""
        ...

    async def image_paths(self) -> tuple[str, ...]:
        """Where on this host the runtime keeps images; the first is what counts."""
        ...


class Disks(Protocol):
    """File systems of the host."""

    async def space(self, path: str) -> Space:
        """Of the file system that `path` is on. HostError where the path is not there."""
        ...
