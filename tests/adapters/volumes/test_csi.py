"""CSI volumes over the real socket of a driver that really mounts: `tests/fakes/csi_driver.py`."""

import asyncio
import stat
import time

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.volumes.base import place_of
from nodeagent.errors import (
    DriverFailed,
    HostError,
    MountFailed,
    NotSupported,
    SourceMissing,
    VolumeError,
)
from nodeagent.metrics import AgentMetrics
from nodeagent.model.csi import TokenAudience
from nodeagent.model.data import Secret
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.csi_world import (
    OTHER,
    inline_pod,
    pod_of,
    put,
    rules,
    running,
    text,
    up,
)
from tests.adapters.volumes.world import UID, World, needs_root
from tests.fakes.csi_driver import NAME, Disk, Options
from tests.fakes.figures import value

pytestmark = needs_root


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
    words = f"driver name {NAME} not found in the list of registered CSI drivers"
    with pytest.raises(VolumeError, match=f'MountDevice failed for volume "pv0" : {words}'):
        await up(world, pod_of())
    rules(world, modes=("Ephemeral",))
    with pytest.raises(VolumeError, match=f'SetUp failed for volume "tmp" : {words}'):
        await up(world, inline_pod())
    rules(world)
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
        binary = Secret(namespace="safe", name="stage", data={"key": b"\xff"})
        world.data.put(binary)
        with pytest.raises(MountFailed, match="a value that is not UTF-8"):
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


async def test_files_on_a_server_are_given_to_the_group_by_another_process(
    world: World, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dies then takes no thread of the agent with it."""

    async def may_hang(path: str) -> bool:
        return True

    async def dead(file: str, path: str, *more: int, deadline: float) -> None:
        raise HostError(op="walk", target=path, detail="the file system did not answer")

    monkeypatch.setattr(world.files, "may_hang", may_hang)
    run_file, walks = world.files.run_file, list[str]()

    async def counted(file: str, path: str, *more: int, deadline: float) -> None:
        walks.append(path)
        await run_file(file, path, *more, deadline=deadline)

    monkeypatch.setattr(world.files, "run_file", counted)
    rules(world, group_policy="File")
    put(world)
    disk.volume("h-1").mkdir()
    (disk.volume("h-1") / "file").touch()
    async with running(world, disk):
        await up(world, pod_of(context=GROUP))
        assert (disk.volume("h-1") / "file").stat().st_gid == 4321
        assert walks == [f"{world.pod_folder}/volumes/kubernetes.io~csi/pv0/mount"]
        await world.volumes.tear_down(UID)
        monkeypatch.setattr(world.files, "run_file", dead)
        with pytest.raises(VolumeError, match=r"applyFSGroup failed for vol h-1: .* did not"):
            await up(world, pod_of(context=GROUP))
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


async def test_how_full_a_volume_is_the_driver_says(world: World, disk: Disk) -> None:
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        where = place_of(world.root, UID, "kubernetes.io/csi", "pv0")
        space = await world.csi.space(where)
        assert space is not None
        assert (space.capacity, space.available, space.used) == (100, 70, 30)
        assert (space.inodes, space.inodes_free) == (10, 7)


async def test_calls_of_drivers_are_counted_by_how_they_ended(world: World, disk: Disk) -> None:
    metrics = AgentMetrics()
    world.drivers.tell = metrics.storage.called
    world.volumes.tell(metrics.storage.operated, metrics.storage.measured)
    put(world)
    async with running(world, disk):
        await up(world, pod_of())
        await world.volumes.stats(pod_of())
    name = "kubelet_volume_metric_collection_duration_seconds_count"
    assert value(metrics, name, metric_source=NAME) == 1
    labels = {"driver_name": NAME, "migrated": "false", "grpc_status_code": "OK"}
    for method in ("NodeGetInfo", "NodeStageVolume", "NodePublishVolume"):
        labels["method_name"] = f"/csi.v1.Node/{method}"
        assert value(metrics, "csi_operations_seconds_count", **labels) == 1
    mounts = {"operation_name": "volume_mount", "status": "success", "migrated": "false"}
    plugin = f"kubernetes.io/csi:{NAME}"
    name = "storage_operation_duration_seconds_count"
    assert value(metrics, name, volume_plugin=plugin, **mounts) == 1
