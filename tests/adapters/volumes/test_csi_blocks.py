"""CSI volumes that are devices."""

import subprocess
from pathlib import Path

import msgspec
from lightkube.models import core_v1 as v1

from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.csi_world import pod_of, put, restarted, running, up
from tests.adapters.volumes.world import UID, World, needs_root
from tests.fakes.csi_driver import NAME, Disk

pytestmark = needs_root


def block_pod() -> DesiredPod:
    pod = pod_of()
    devices = [v1.VolumeDevice(name="p", devicePath="/dev/p")]
    container = msgspec.structs.replace(
        pod.spec.containers[0], volumeMounts=None, volumeDevices=devices
    )
    spec = msgspec.structs.replace(pod.spec, containers=[container])
    return msgspec.structs.replace(pod, pod=msgspec.structs.replace(pod.pod, spec=spec))


async def test_a_block_volume_is_a_device_of_the_node(world: World, disk: Disk) -> None:
    put(world, volumeMode="Block")
    async with running(world, disk):
        place = await up(world, block_pod())
        top = world.top / "root/plugins/kubernetes.io/csi/volumeDevices"
        assert place == VolumePlace(host_path=f"{top}/publish/pv0/{UID}", device=True)
        assert await world.files.kind(place.host_path) == "BlockDevice"
        (staged,) = disk.calls("NodeStageVolume")
        assert staged["staging_target_path"] == f"{top}/staging/pv0"
        assert "block" in staged["volume_capability"]
        link = world.pod_folder / "volumeDevices/kubernetes.io~csi/pv0"
        assert str(link.readlink()) == place.host_path
        assert (top / "pv0/dev" / UID).is_block_device()
        kept = msgspec.json.decode((top / "pv0/data/vol_data.json").read_bytes())
        assert {
            "driverName": NAME,
            "volumeHandle": "h-1",
            "specVolID": "pv0",
        }.items() <= kept.items()
        told = 'MapVolume.MapPodDevice succeeded for volume "pv0"'
        assert world.told("SuccessfulMountVolume")[0] == [
            f'{told} globalMapPath "{top}/pv0/dev"',
            f'{told} volumeMapPath "{link.parent}"',
        ]
        await up(world, block_pod())
        assert disk.methods() == ["StageVolume", "PublishVolume"]
        world = restarted(world)
        await world.csi.load()
    async with running(world, disk):
        await world.volumes.tear_down(UID)
        assert disk.methods()[-2:] == ["UnpublishVolume", "UnstageVolume"]
        assert world.mounts() == []
        assert [path.name for path in top.iterdir()] in ([], ["staging"], ["publish", "staging"])
        assert not (world.pod_folder / "plugins/kubernetes.io~csi/pv0").exists()
        assert not (world.pod_folder / "volumeDevices").exists()


def loop_of(path: str) -> str:
    """A new loop device of it."""
    words = ["losetup", "--find", "--show", path]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def is_used(loop: str) -> bool:
    return Path(f"/sys/block/{Path(loop).name}/loop/backing_file").exists()


async def test_a_block_volume_of_a_kubelet_is_taken_over_with_its_loop_device(
    world: World, disk: Disk
) -> None:
    put(world, volumeMode="Block")
    async with running(world, disk):
        await up(world, block_pod())
    top = world.top / "root/plugins/kubernetes.io/csi/volumeDevices"
    home = world.pod_folder / "plugins/kubernetes.io~csi/pv0"
    (home / "vol_data.json").unlink()
    home.rmdir()
    words = {"driverName": NAME, "volumeHandle": "h-1", "specVolID": "pv0", "nodeName": "n1",
             "volumeLifecycleMode": "Persistent", "attachmentID": ""}  # fmt: skip
    (top / "pv0/data/vol_data.json").write_bytes(msgspec.json.encode(words))
    point = str(top / "pv0/dev" / UID)
    loop = loop_of(point)
    world = restarted(world)
    await world.csi.load()
    async with running(world, disk):
        await world.volumes.tear_down(UID)
        assert disk.methods()[-2:] == ["UnpublishVolume", "UnstageVolume"]
    assert world.mounts() == []
    assert not is_used(loop)
    assert not (world.pod_folder / "volumeDevices").exists()
