"""image: the files of an image, which the runtime mounts read-only ("Image volumes")."""

from collections.abc import Callable

from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import Place
from nodeagent.core.image_volumes import refuses_images
from nodeagent.errors import NotSupported
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from nodeagent.model.node import NodeFacts


class ImageVolume:
    """Has nothing on the node; `node` tells which runtime there is."""

    name = "kubernetes.io/image"
    refreshes = False

    def __init__(self, *, node: Callable[[], NodeFacts]) -> None:
        self._node = node

    def handles(self, volume: v1.Volume) -> bool:
        """Whether it is an image."""
        return volume.image is not None

    def refusal(self, volume: v1.Volume) -> str:
        """Why the runtime cannot mount it."""
        return refuses_images(self._node())

    async def set_up(self, pod: DesiredPod, volume: v1.Volume, place: Place) -> VolumePlace:
        """Nothing to do here: the image is brought before the container is made."""
        assert volume.image is not None
        if why := self.refusal(volume):
            raise NotSupported(op="mount", target=volume.name, detail=why)
        return VolumePlace(image=volume.image.reference or "", read_only=True)

    async def tear_down(self, place: Place) -> None:
        """There is nothing."""
