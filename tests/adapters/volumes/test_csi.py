"""CSI volumes over the real socket of a driver that really mounts: `tests/fakes/csi_driver.py`."""

import asyncio
import contextlib
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.plugins.sockets import Plugin
from nodeagent.adapters.volumes.base import place_of
from nodeagent.errors import DriverFailed, MountFailed, NotSupported, SourceMissing, VolumeError
from nodeagent.model.csi import CsiDriverRules, TokenAudience
from nodeagent.model.data import Claim, CsiDriver, PersistentVolume, Secret
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.world import UID, World, a_pod, needs_root
from tests.fakes.csi_driver import NAME, Disk, Options, serving, tidy

pytestmark = needs_root
OTHER = PodUid("0f1e-33")


@pytest.fixture
def disk(world: World, tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "d")
    yield disk
    tidy(disk, tmp_path)


@contextlib.asynccontextmanager
async def running(world: World, disk: Disk) -> AsyncIterator[Disk]:
    """The driver listens, and the agent knows it."""
    async with serving(disk, disk.folder):
        plugin = Plugin(
            type="CSIPlugin", name=NAME, endpoint=str(disk.socket), versions=disk.options.versions
        )
        await world.drivers.add(plugin)
        try:
            yield disk
        finally:
            await world.drivers.remove(plugin)


def pod_of(uid: PodUid = UID, *, claim: str = "disk", **more: Any) -> DesiredPod:
    source = v1.PersistentVolumeClaimVolumeSource(claimName=claim, readOnly=more.pop("ro", None))
    pod = a_pod(v1.Volume(name="p", persistentVolumeClaim=source), **more)
    return msgspec.structs.replace(pod, uid=uid)


def inline_pod(**fields: Any) -> DesiredPod:
    source = v1.CSIVolumeSource(driver=NAME, **fields)
    return a_pod(v1.Volume(name="tmp", csi=source))


def put(world: World, *, capacity: str = "1Gi", handle: str = "h-1", **fields: Any) -> None:
    """The claim "disk" is bound to a volume of the driver."""
    spec = {name: fields.pop(name) for name in list(fields) if name in SPEC}
    source = v1.CSIPersistentVolumeSource(driver=NAME, volumeHandle=handle, **fields)
    spec.setdefault("accessModes", ["ReadWriteOnce"])
    whole = v1.PersistentVolumeSpec(csi=source, capacity={"storage": capacity}, **spec)
    world.data.put(PersistentVolume(name="pv0", spec=whole))
    world.data.put(
        Claim(namespace="default", name="disk", spec=v1.PersistentVolumeClaimSpec(), volume="pv0")
    )


SPEC = ("accessModes", "volumeMode", "mountOptions")


def rules(world: World, **fields: Any) -> None:
    world.data.put(CsiDriver(name=NAME, rules=CsiDriverRules(**fields)))


def text(place: VolumePlace, name: str) -> str:
    return Path(place.host_path, name).read_text()


async def up(world: World, pod: DesiredPod, name: str = "p") -> VolumePlace:
    return (await world.volumes.set_up(pod))[name]


def restarted(world: World) -> World:
    """What is in memory is gone."""
    fresh = World(world.top, world.threads)
    fresh.data.objects = world.data.objects
    return fresh


async def test_a_volume_is_staged_once_published_for_each_pod_and_taken_back(
    world: World, disk: Disk
) -> None:
    put(world, fsType="ext4", volumeAttributes={"a": "b"}, mountOptions=["noatime"])
    async with running(world, disk):
        place = await up(world, pod_of())
        top = world.pod_folder / "volumes/kubernetes.io~csi/pv0"
        assert place == VolumePlace(host_path=f"{top}/mount", relabel=True)
        (top / "mount/file").write_text("kept")
        assert (disk.volume("h-1") / "file").read_text() == "kept"
        assert stat.S_IMODE(top.stat().st_mode) == 0o750
        second = await up(world, pod_of(OTHER))
        assert text(second, "file") == "kept"
        (staged,), published = disk.calls("NodeStageVolume"), disk.calls("NodePublishVolume")
        assert staged["volume_capability"] == {
            "mount": {"fs_type": "ext4", "mount_flags": ["noatime"]},
            "access_mode": {"mode": "SINGLE_NODE_WRITER"},
        }
        assert staged["volume_context"] == {"a": "b"}
        assert [one["staging_target_path"] for one in published] == [
            staged["staging_target_path"]] * 2  # fmt: skip
        await world.volumes.tear_down(UID)
        assert disk.methods()[-1] == "UnpublishVolume"
        assert not top.exists()
        await world.volumes.tear_down(OTHER)
        assert disk.methods()[-2:] == ["UnpublishVolume", "UnstageVolume"]
        assert world.mounts() == []
        assert [*(world.top / "root/plugins").rglob("*.json")] == []
        assert (disk.volume("h-1") / "file").read_text() == "kept"


async def test_setting_up_again_calls_nobody_and_a_refresh_neither(
    world: World, disk: Disk
) -> None:
    put(world)
    async with running(world, disk):
        for _ in range(3):
            await up(world, pod_of())
        assert await world.volumes.refresh(pod_of()) == 0.0
        assert disk.methods() == ["StageVolume", "PublishVolume"]


async def test_a_driver_that_does_not_stage_is_only_asked_to_publish(
    world: World, disk: Disk
) -> None:
    disk.configure(Options(skills=("modes",)))
    put(world, accessModes=["ReadWriteOncePod"])
    async with running(world, disk):
        await up(world, pod_of(ro=True))
        (request,) = disk.calls("NodePublishVolume")
        assert request["readonly"] is True
        assert "staging_target_path" not in request
        mode = request["volume_capability"]["access_mode"]["mode"]
        assert mode == "SINGLE_NODE_SINGLE_WRITER"
        await world.volumes.tear_down(UID)
        assert disk.methods() == ["PublishVolume", "UnpublishVolume"]


async def test_a_driver_that_is_not_there_is_named_and_taken_as_soon_as_it_comes(
    world: World, disk: Disk
) -> None:
    put(world)
    with pytest.raises(VolumeError, match="not found in the list of registered CSI drivers"):
        await up(world, pod_of())
    async with running(world, disk):
        await up(world, pod_of())
    with pytest.raises(VolumeError, match=f"driver name {NAME} not found"):
        await world.volumes.tear_down(UID)
    async with running(world, disk):
        await world.volumes.tear_down(UID)
        assert world.mounts() == []


async def test_secrets_go_where_they_belong_and_a_missing_one_is_named(
    world: World, disk: Disk
) -> None:
    stage, publish = (v1.SecretReference(name=n, namespace="safe") for n in ("stage", "publish"))
    put(world, nodeStageSecretRef=stage, nodePublishSecretRef=publish)
    async with running(world, disk):
        with pytest.raises(SourceMissing, match='NodeStageSecretRef safe/stage: secret "stage"'):
            await up(world, pod_of())
        for name in ("stage", "publish"):
            data = {"key": name.encode()}
            world.data.put(Secret(namespace="safe", name=name, data=data))
        await up(world, pod_of())
        assert disk.calls("NodeStageVolume")[0]["secrets"] == {"key": "stage"}
        assert disk.calls("NodePublishVolume")[0]["secrets"] == {"key": "publish"}


async def test_an_inline_volume_needs_a_driver_that_says_it_is_for_such(
    world: World, disk: Disk
) -> None:
    pod = inline_pod(volumeAttributes={"size": "1"}, readOnly=True)
    async with running(world, disk):
        with pytest.raises(
            MountFailed, match=r'"Ephemeral" not supported by driver .*no CSIDriver'
        ):
            await up(world, pod, "tmp")
        rules(world, modes=("Persistent",))
        with pytest.raises(MountFailed, match='only supports \\["Persistent"\\]'):
            await up(world, pod, "tmp")
        rules(world, modes=("Ephemeral",), pod_info=True)
        place = await up(world, pod, "tmp")
        assert place.read_only
        (request,) = disk.calls("NodePublishVolume")
        assert request["volume_context"] == {
            "size": "1",
            "csi.storage.k8s.io/pod.name": "web",
            "csi.storage.k8s.io/pod.namespace": "default",
            "csi.storage.k8s.io/pod.uid": UID,
            "csi.storage.k8s.io/serviceAccount.name": "",
            "csi.storage.k8s.io/ephemeral": "true",
        }
        assert request["volume_id"].startswith("csi-") and len(request["volume_id"]) == 68
        assert disk.calls("NodeStageVolume") == []
        await world.volumes.tear_down(UID)
        assert world.mounts() == []
        rules(world, modes=("Ephemeral",))
        put(world)
        with pytest.raises(MountFailed, match='volume mode "Persistent" not supported'):
            await up(world, pod_of())


async def test_a_token_of_a_service_account_needs_a_cluster(world: World, disk: Disk) -> None:
    rules(world, modes=("Ephemeral",), tokens=(TokenAudience(audience="vault"),))
    async with running(world, disk):
        with pytest.raises(NotSupported, match="wants a token of a service account"):
            await up(world, inline_pod(), "tmp")


async def test_a_driver_that_wants_it_is_called_again_and_again(world: World, disk: Disk) -> None:
    rules(world, modes=("Ephemeral",), republish=True)
    async with running(world, disk):
        place = await up(world, inline_pod(), "tmp")
        assert 55 <= place.again_at - time.time() <= 66
        assert 55 <= await world.volumes.refresh(inline_pod()) - time.time() <= 66
        assert disk.methods() == ["PublishVolume"] * 2
        disk.fail("NodePublishVolume", "INTERNAL")
        with pytest.raises(DriverFailed, match="NodePublishVolume is to fail"):
            await world.volumes.refresh(inline_pod())
        assert world.kernel.is_mount(place.host_path)
        await world.volumes.tear_down(UID)
        assert disk.methods()[-1] == "UnpublishVolume"


@pytest.mark.parametrize("method", ["Stage", "Publish"])
@pytest.mark.parametrize("code", ["INTERNAL", "DEADLINE_EXCEEDED"])
async def test_what_a_driver_surely_did_not_do_is_not_undone(
    world: World, disk: Disk, method: str, code: str
) -> None:
    put(world)
    async with running(world, disk):
        disk.fail(f"Node{method}Volume", code)
        with pytest.raises(DriverFailed, match=f"Node{method}Volume is to fail"):
            await up(world, pod_of())
        await world.volumes.tear_down(UID)
        undone = {
            ("Stage", "INTERNAL"): [],
            ("Stage", "DEADLINE_EXCEEDED"): ["UnstageVolume"],
            ("Publish", "INTERNAL"): ["UnstageVolume"],
            ("Publish", "DEADLINE_EXCEEDED"): ["UnpublishVolume", "UnstageVolume"],
        }
        tried = ["StageVolume", *(["PublishVolume"] if method == "Publish" else [])]
        assert disk.methods() == tried + undone[method, code]
        assert world.mounts() == []
        assert not (world.pod_folder / "volumes").exists()


async def test_a_failed_try_is_made_good_by_the_next(world: World, disk: Disk) -> None:
    put(world)
    async with running(world, disk):
        disk.fail("NodePublishVolume", "UNAVAILABLE", "INTERNAL")
        for _ in range(2):
            with pytest.raises(DriverFailed):
                await up(world, pod_of())
        await up(world, pod_of())
        assert disk.methods() == ["StageVolume", *["PublishVolume"] * 3]
        disk.fail("NodeUnpublishVolume", "INTERNAL")
        with pytest.raises(DriverFailed, match="NodeUnpublishVolume is to fail"):
            await world.volumes.tear_down(UID)
        disk.fail("NodeUnstageVolume", "INTERNAL")
        with pytest.raises(DriverFailed, match="NodeUnstageVolume is to fail"):
            await world.volumes.tear_down(UID)
        await world.volumes.tear_down(UID)
        assert world.mounts() == []


async def test_a_driver_that_lies_about_unmounting_is_caught(world: World, disk: Disk) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        disk.fail("NodeUnpublishVolume", "lie")
        with pytest.raises(MountFailed, match="still mounted"):
            await world.volumes.tear_down(UID)
        disk.fail("NodeUnstageVolume", "lie")
        with pytest.raises(MountFailed, match="it is mounted"):
            await world.volumes.tear_down(UID)
        await world.volumes.tear_down(UID)
        assert world.mounts() == []


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


async def test_a_reboot_leaves_only_records_and_all_is_done_anew(world: World, disk: Disk) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        for point in world.mounts():
            world.kernel.unmount(point)
        (staged,) = (world.top / "root/plugins").rglob("vol_data.json")
        staged.write_bytes(staged.read_bytes().replace(b'boot":"', b'boot":"another-'))
        world = restarted(world)
        await world.csi.load()
    async with running(world, disk):
        place = await up(world, pod_of())
        assert world.kernel.is_mount(place.host_path)
        assert disk.methods() == ["StageVolume", "PublishVolume"] * 2
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


async def test_pods_on_one_volume_take_turns_and_others_do_not_wait(
    world: World, disk: Disk
) -> None:
    put(world)
    async with running(world, disk):
        disk.fail("NodeStageVolume", "hang")
        stuck = asyncio.ensure_future(up(world, pod_of()))
        waiting = asyncio.ensure_future(up(world, pod_of(OTHER)))
        while "StageVolume" not in disk.methods():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        rules(world, modes=("Ephemeral", "Persistent"))
        await up(world, inline_pod(), "tmp")
        assert not stuck.done() and not waiting.done()
        stuck.cancel()
        await waiting
        assert disk.methods() == [
            "StageVolume", "PublishVolume", "StageVolume", "PublishVolume"]  # fmt: skip
        await world.volumes.tear_down(UID)
        await world.volumes.tear_down(OTHER)


GROUP = v1.PodSecurityContext(fsGroup=4321)


@pytest.mark.parametrize(
    ("policy", "fstype", "access", "given"),
    [
        ("ReadWriteOnceWithFSType", "ext4", "ReadWriteOnce", True),
        ("ReadWriteOnceWithFSType", "", "ReadWriteOnce", False),
        ("ReadWriteOnceWithFSType", "ext4", "ReadWriteMany", False),
        ("File", "", "ReadWriteMany", True),
        ("None", "ext4", "ReadWriteOnce", False),
    ],
)
async def test_files_are_given_to_the_group_as_the_driver_says(
    world: World, disk: Disk, policy: str, fstype: str, access: str, given: bool
) -> None:
    rules(world, group_policy=policy)
    put(world, fsType=fstype, accessModes=[access])
    disk.volume("h-1").mkdir()
    (disk.volume("h-1") / "file").touch()
    async with running(world, disk):
        await up(world, pod_of(context=GROUP))
        assert ((disk.volume("h-1") / "file").stat().st_gid == 4321) is given
        await world.volumes.tear_down(UID)


async def test_a_driver_that_gives_to_groups_itself_is_told_the_group(
    world: World, disk: Disk
) -> None:
    disk.configure(Options(skills=("stage", "group")))
    rules(world, group_policy="File")
    put(world)
    async with running(world, disk):
        await up(world, pod_of(context=GROUP))
        for method in ("NodeStageVolume", "NodePublishVolume"):
            (request,) = disk.calls(method)
            assert request["volume_capability"]["mount"]["volume_mount_group"] == "4321"
        assert disk.volume("h-1").stat().st_gid == 0


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


async def test_how_full_a_volume_is_the_driver_says(world: World, disk: Disk) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        where = place_of(world.root, UID, "kubernetes.io/csi", "pv0")
        space = await world.csi.space(where)
        assert space is not None
        assert (space.capacity, space.available, space.used) == (100, 70, 30)
        assert (space.inodes, space.inodes_free) == (10, 7)
