"""What the runtime itself measures: containers' writable layers and the store of images."""

from collections.abc import Iterable, Mapping

from nodeagent.adapters.cri.calls import ImageCalls, RuntimeCalls
from nodeagent.adapters.cri.errors import translated
from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.model.ids import ContainerId
from nodeagent.model.usage import ImageStore, Layer

_NANO = 1e9


class CriStats:
    """Implements the engine's `RuntimeStats`. `timeout` is runtimeRequestTimeout in seconds."""

    def __init__(self, calls: RuntimeCalls, images: ImageCalls, *, timeout: float) -> None:
        self._calls, self._images, self._timeout = calls, images, timeout

    async def layers(self) -> Mapping[ContainerId, Layer]:
        """Writable layers of all running containers; one not measured yet is left out."""
        return await self._list(pb.ContainerStatsFilter(), "all containers")

    async def layer(self, container: ContainerId) -> Layer | None:
        """The writable layer of one container; None where it is not measured yet, or gone."""
        return (await self._list(pb.ContainerStatsFilter(id=container), container)).get(container)

    async def _list(
        self, which: pb.ContainerStatsFilter, target: str
    ) -> Mapping[ContainerId, Layer]:
        with translated("ListContainerStats", target):
            answer = await self._calls.list_container_stats(
                pb.ListContainerStatsRequest(filter=which), timeout=self._timeout
            )
        return {
            ContainerId(one.attributes.id): _layer(one.writable_layer)
            for one in answer.stats
            if one.writable_layer.timestamp and one.writable_layer.HasField("used_bytes")
        }

    async def image_stores(self) -> tuple[tuple[ImageStore, ...], tuple[ImageStore, ...]]:
        """Where images are, and where layers of containers are if that is told apart."""
        with translated("ImageFsInfo", "image file systems"):
            answer = await self._images.image_fs_info(
                pb.ImageFsInfoRequest(), timeout=self._timeout
            )
        return _stores(answer.image_filesystems), _stores(answer.container_filesystems)


def _layer(usage: pb.FilesystemUsage) -> Layer:
    return Layer(
        at=usage.timestamp / _NANO,
        used=usage.used_bytes.value,
        inodes=usage.inodes_used.value,
        place=usage.fs_id.mountpoint,
    )


def _stores(told: Iterable[pb.FilesystemUsage]) -> tuple[ImageStore, ...]:
    return tuple(
        ImageStore(
            place=one.fs_id.mountpoint, used=one.used_bytes.value, inodes=one.inodes_used.value
        )
        for one in told
    )
