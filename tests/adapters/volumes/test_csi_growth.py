"""CSI volumes that have become larger, and the words for what a driver could not do."""

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.errors import DriverFailed
from nodeagent.model.data import Secret
from tests.adapters.volumes.csi_world import pod_of, put, running, up
from tests.adapters.volumes.world import World, needs_root
from tests.fakes.csi_driver import Disk

pytestmark = needs_root


async def test_a_volume_that_grew_is_expanded_once_while_in_use(world: World, disk: Disk) -> None:
    put(world)
    async with running(world, disk):
        place = await up(world, pod_of())
        put(world, capacity="2Gi", nodeExpandSecretRef=v1.SecretReference(name="grow"))
        world.data.put(Secret(namespace="default", name="grow", data={"key": b"g"}))
        disk.fail("NodeExpandVolume", "INTERNAL")
        with pytest.raises(DriverFailed) as caught:
            await world.volumes.refresh(pod_of())
        assert caught.value.reason == "VolumeResizeFailed"
        assert str(caught.value) == (
            'NodeExpandVolume.NodeExpandVolume failed for volume "pv0" : rpc error: code = Internal'
            " desc = NodeExpandVolume is to fail"
        )
        for _ in range(2):
            await world.volumes.refresh(pod_of())
        failed, done = disk.calls("NodeExpandVolume")
        assert failed == done
        assert done["capacity_range"] == {"required_bytes": str(2 << 30)}
        assert done["volume_path"] == place.host_path
        assert done["secrets"] == {"key": "g"}
        (event,), (of_claim,) = world.told("FileSystemResizeSuccessful")
        assert event == of_claim == ('MountVolume.NodeExpandVolume succeeded for volume "pv0" n1')


async def test_a_volume_that_is_read_only_does_not_grow_and_that_is_told_once(
    world: World, disk: Disk
) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of(ro=True))
        put(world, capacity="2Gi")
        for _ in range(2):
            await world.volumes.refresh(pod_of(ro=True))
        assert disk.calls("NodeExpandVolume") == []
        (event,), (_,) = world.told("FileSystemResizeFailed")
        assert event.endswith('for volume "pv0" requested read-only file system')


async def test_a_driver_that_may_not_expand_in_use_holds_up_nothing(
    world: World, disk: Disk
) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        put(world, capacity="2Gi")
        disk.fail("NodeExpandVolume", "FAILED_PRECONDITION")
        for _ in range(3):
            await world.volumes.refresh(pod_of())
        assert len(disk.calls("NodeExpandVolume")) == 1


@pytest.mark.parametrize(("mode", "calls"), [("ReadWriteMany", 1), ("ReadWriteOnce", 0)])
async def test_a_volume_of_several_nodes_grows_on_each_though_the_claim_has_its_size(
    world: World, disk: Disk, mode: str, calls: int
) -> None:
    put(world, accessModes=[mode], told="1Gi")
    async with running(world, disk):
        await up(world, pod_of())
        put(world, accessModes=[mode], capacity="2Gi", told="2Gi")
        for _ in range(2):
            await world.volumes.refresh(pod_of())
        assert len(disk.calls("NodeExpandVolume")) == calls


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("NodeStageVolume", "MountVolume.MountDevice failed"),
        ("NodePublishVolume", "MountVolume.SetUp failed"),
    ],
)
async def test_an_error_of_the_driver_says_which_step_it_was(
    world: World, disk: Disk, method: str, words: str
) -> None:
    put(world)
    async with running(world, disk):
        disk.fail(method, "DEADLINE_EXCEEDED")
        with pytest.raises(DriverFailed) as caught:
            await up(world, pod_of())
        assert str(caught.value) == (
            f'{words} for volume "pv0" : rpc error: code = DeadlineExceeded'
            f" desc = {method} is to fail"
        )
        assert caught.value.reason == "FailedMount"
