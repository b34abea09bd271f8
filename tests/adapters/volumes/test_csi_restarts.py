"""CSI volumes over restarts of agent, driver and machine."""

import time

import msgspec
import pytest

from nodeagent.errors import AttachLimitReached, DriverFailed, MountFailed
from nodeagent.model.ids import PodUid
from tests.adapters.volumes.csi_world import (
    OTHER,
    inline_pod,
    pod_of,
    put,
    restarted,
    rules,
    running,
    up,
)
from tests.adapters.volumes.world import UID, World, needs_root
from tests.fakes.csi_driver import NAME, Disk

pytestmark = needs_root


async def test_after_a_restart_of_the_agent_everything_is_found_again(
    world: World, disk: Disk
) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        await up(world, pod_of(OTHER))
    world = restarted(world)
    await world.csi.load()
    assert world.csi.in_use() == ()
    async with running(world, disk):
        calls = disk.methods()
        await up(world, pod_of())
        assert disk.methods() == calls
        await world.volumes.tear_down(UID)
        assert disk.methods() == [*calls, "UnpublishVolume"]
        await world.volumes.tear_down(OTHER)
        assert disk.methods()[-1] == "UnstageVolume"
        assert world.mounts() == []


async def test_what_is_published_stays_in_use_while_its_driver_is_away(
    world: World, disk: Disk
) -> None:
    put(world)
    async with running(world, disk):
        place = await up(world, pod_of())
    world = restarted(world)
    await world.csi.load()
    again = await up(world, pod_of())
    assert (again.host_path, again.relabel) == (place.host_path, True)
    assert again.again_at > time.time()
    with pytest.raises(DriverFailed, match="not found in the list of registered CSI drivers"):
        await up(world, pod_of(OTHER))
    async with running(world, disk):
        await world.volumes.tear_down(UID)


async def test_what_is_published_stays_in_use_while_nobody_knows_how_to_call_its_driver(
    world: World, disk: Disk
) -> None:
    put(world)
    rules(world, modes=("Persistent", "Ephemeral"))
    pods = (pod_of(), msgspec.structs.replace(inline_pod(), uid=OTHER))
    async with running(world, disk):
        places = [await up(world, pods[0]), await up(world, pods[1], "tmp")]
        world.rules_unknown = True
        again = [await up(world, pods[0]), await up(world, pods[1], "tmp")]
        assert [one.host_path for one in again] == [one.host_path for one in places]
        with pytest.raises(MountFailed, match="has not answered"):
            await up(world, pod_of(PodUid("0f1e-44")))
        for pod in pods:
            await world.volumes.tear_down(pod.uid)


@pytest.mark.parametrize("unknown", [False, True], ids=["asked", "nobody to ask"])
async def test_a_reboot_leaves_only_records_and_all_is_done_anew(
    world: World, disk: Disk, unknown: bool
) -> None:
    put(world)
    rules(world, pod_info=True)
    async with running(world, disk):
        await up(world, pod_of())
        for point in world.mounts():
            world.kernel.unmount(point)
        (staged,) = (world.top / "root/plugins").rglob("vol_data.json")
        staged.write_bytes(staged.read_bytes().replace(b'boot":"', b'boot":"another-'))
        world = restarted(world)
        await world.csi.load()
    async with running(world, disk):
        world.rules_unknown = unknown
        place = await up(world, pod_of())
        assert world.kernel.is_mount(place.host_path)
        assert disk.methods() == ["StageVolume", "PublishVolume"] * 2
        first, second = disk.calls("NodePublishVolume")
        assert first == second
        await world.volumes.tear_down(UID)


async def test_a_record_of_a_kubelet_is_understood(world: World, disk: Disk) -> None:
    top = world.pod_folder / "volumes/kubernetes.io~csi/pv0"
    (top / "mount").mkdir(parents=True)
    record = {"driverName": NAME, "volumeHandle": "h-9", "specVolID": "pv0", "nodeName": "n1"}
    (top / "vol_data.json").write_bytes(msgspec.json.encode(record))
    await world.csi.load()
    async with running(world, disk):
        await world.volumes.tear_down(UID)
        (request,) = disk.calls("NodeUnpublishVolume")
        assert request == {"volume_id": "h-9", "target_path": f"{top}/mount"}
        assert not top.exists()


async def test_what_attaching_told_goes_to_the_driver_and_a_full_node_refuses_only_the_new(
    world: World, disk: Disk
) -> None:
    put(world)
    rules(world, republish=True)
    facts = world.facts_of_drivers
    facts.attachment = {"path": "/dev/x"}
    async with running(world, disk):
        await up(world, pod_of())
        assert world.csi.in_use() == (f"kubernetes.io/csi/{NAME}^h-1",)
        for method in ("NodeStageVolume", "NodePublishVolume"):
            assert disk.calls(method)[0]["publish_context"] == {"path": "/dev/x"}
        facts.attachment = AttachLimitReached(op="attach", target="h-1", detail="no slot")
        with pytest.raises(MountFailed, match=r"WaitForAttach failed for .* : no slot") as caught:
            await world.volumes.refresh(pod_of())
        assert not isinstance(caught.value, AttachLimitReached)
        with pytest.raises(AttachLimitReached, match="reached its volume attachment limit"):
            await up(world, pod_of(OTHER))
        for uid in (OTHER, UID):
            await world.volumes.tear_down(uid)
        assert world.csi.in_use() == ()
