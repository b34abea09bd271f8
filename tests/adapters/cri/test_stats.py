"""What the runtime measures, as it tells it."""

from pathlib import Path

from nodeagent.adapters.cri.pb import cri_pb2 as pb
from nodeagent.model.ids import ContainerId
from nodeagent.model.usage import ImageStore, Layer
from tests.adapters.cri.fake_cri import FakeCri, connected


def usage(place: str, used: int, *, at: int = 1_800_000_000_000_000_000) -> pb.FilesystemUsage:
    return pb.FilesystemUsage(
        timestamp=at,
        fs_id=pb.FilesystemIdentifier(mountpoint=place),
        used_bytes=pb.UInt64Value(value=used),
        inodes_used=pb.UInt64Value(value=3),
    )


async def test_layers_are_told_once_they_are_measured(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ListContainerStats"] = pb.ListContainerStatsResponse(
        stats=[
            pb.ContainerStats(
                attributes=pb.ContainerAttributes(id="c1"), writable_layer=usage("/layers", 5)
            ),
            pb.ContainerStats(  # made a moment ago
                attributes=pb.ContainerAttributes(id="c2"),
                writable_layer=usage("/layers", 0, at=0),
            ),
            pb.ContainerStats(attributes=pb.ContainerAttributes(id="c3")),
        ]
    )
    async with connected(fake, tmp_path) as cri:
        layers = await cri.stats.layers()
    assert layers == {
        ContainerId("c1"): Layer(at=1_800_000_000.0, used=5, inodes=3, place="/layers")
    }


async def test_the_layer_of_one_container_is_asked_for_alone(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ListContainerStats"] = pb.ListContainerStatsResponse(
        stats=[
            pb.ContainerStats(
                attributes=pb.ContainerAttributes(id="c1"), writable_layer=usage("/layers", 5)
            )
        ]
    )
    async with connected(fake, tmp_path) as cri:
        layer = await cri.stats.layer(ContainerId("c1"))
        fake.answers["ListContainerStats"] = pb.ListContainerStatsResponse()
        assert await cri.stats.layer(ContainerId("c2")) is None
    assert layer is not None and layer.used == 5
    asked = [request.filter.id for request in fake.requests("ListContainerStats")]
    assert asked == ["c1", "c2"]


async def test_stores_of_images_and_layers_are_told_apart(tmp_path: Path) -> None:
    fake = FakeCri()
    fake.answers["ImageFsInfo"] = pb.ImageFsInfoResponse(
        image_filesystems=[usage("/images", 70)], container_filesystems=[usage("/layers", 5)]
    )
    async with connected(fake, tmp_path) as cri:
        images, containers = await cri.stats.image_stores()
    assert images == (ImageStore(place="/images", used=70, inodes=3),)
    assert containers == (ImageStore(place="/layers", used=5, inodes=3),)
