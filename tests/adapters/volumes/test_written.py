"""Volumes made of objects, on the real kernel: in memory where they must be, never stale."""

import os
import stat
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.mounts import mounts_below
from nodeagent.core.payload import Made, VolumeFile
from nodeagent.errors import ConfigError, MountFailed, NotSupported, SourceMissing
from nodeagent.model.data import ConfigMap, Secret
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.world import UID, Killed, World, a_pod, empty, mode, needs_root

pytestmark = needs_root

MAP = ConfigMap(namespace="default", name="app", data={"word": "one"})
KEY = Secret(namespace="default", name="key", data={"token": b"one"})


def config_map(name: str = "conf", **more: object) -> v1.Volume:
    return v1.Volume(name=name, configMap=v1.ConfigMapVolumeSource(name="app", **more))  # type: ignore[arg-type]


def secret(name: str = "keys", **more: object) -> v1.Volume:
    return v1.Volume(name=name, secret=v1.SecretVolumeSource(secretName="key", **more))  # type: ignore[arg-type]


def text(place: VolumePlace, name: str) -> str:
    """A file of a volume."""
    return Path(place.host_path, name).read_text()


def names(place: VolumePlace) -> set[str]:
    """The names that users see in a volume."""
    return {found.name for found in Path(place.host_path).glob("[!.]*")}


def projected(*parts: v1.VolumeProjection) -> v1.Volume:
    return v1.Volume(name="all", projected=v1.ProjectedVolumeSource(sources=[*parts]))


async def test_a_config_map_is_on_disk_a_secret_in_memory_and_both_follow_a_refresh(
    world: World,
) -> None:
    world.data.put(MAP)
    world.data.put(KEY)
    pod = a_pod(config_map(), secret(defaultMode=0o400))
    places = await world.volumes.set_up(pod)
    assert all(place.read_only and place.relabel for place in places.values())
    conf, keys = (Path(places[name].host_path) for name in ("conf", "keys"))
    assert conf == world.pod_folder / "volumes/kubernetes.io~configmap/conf"
    assert keys == world.pod_folder / "volumes/kubernetes.io~secret/keys"
    assert (mode(conf / "word"), mode(keys / "token")) == (0o644, 0o400)
    (mount,) = mounts_below(str(world.top))
    assert (mount.point, mount.fstype) == (str(keys), "tmpfs")
    world.data.put(msgspec.structs.replace(MAP, data={"word": "two"}))
    world.data.put(msgspec.structs.replace(KEY, data={"token": b"two", "more": b""}))
    await world.volumes.refresh(pod)
    assert (conf / "word").read_text() == (keys / "token").read_text() == "two"
    assert (keys / "more").exists()
    for _ in range(2):
        await world.volumes.tear_down(UID)
        assert world.mounts() == []
        assert not (world.pod_folder / "volumes").exists()


async def test_a_refresh_tries_all_and_names_the_first_that_failed(world: World) -> None:
    world.data.put(MAP)
    world.data.put(KEY)
    pod = a_pod(empty("data"), secret(), config_map())
    places = await world.volumes.set_up(pod)
    world.data.remove(KEY)
    world.data.put(msgspec.structs.replace(MAP, data={"word": "two"}))
    with pytest.raises(SourceMissing, match='volume "keys" : secret "key" not found'):
        await world.volumes.refresh(pod)
    assert text(places["keys"], "token") == "one"
    assert text(places["conf"], "word") == "two"


async def test_what_is_missing_is_named_and_an_optional_volume_is_empty(world: World) -> None:
    with pytest.raises(SourceMissing, match='volume "conf" : configmap "app" not found'):
        await world.volumes.set_up(a_pod(config_map()))
    places = await world.volumes.set_up(a_pod(config_map(optional=True)))
    assert names(places["conf"]) == set()


async def test_a_volume_that_nobody_mounts_may_miss_what_it_shows(world: World) -> None:
    assert await world.volumes.set_up(a_pod(config_map(), mounts=[])) == {}


async def test_files_belong_to_the_pods_group_before_they_show(world: World) -> None:
    world.data.put(KEY)
    context = v1.PodSecurityContext(fsGroup=4321)
    pod = a_pod(secret(defaultMode=0o400), context=context)
    for _ in range(2):  # the second finds the bits of the group as they should be
        top = Path((await world.volumes.set_up(pod))["keys"].host_path)
        data = (top / "..data").readlink()
    about = (top / "token").stat()
    assert (about.st_gid, stat.S_IMODE(about.st_mode)) == (4321, 0o440)
    assert (top / data).stat().st_gid == 4321
    assert (top / "..data").readlink() == data


async def test_a_reboot_loses_memory_and_the_next_set_up_makes_it_anew(world: World) -> None:
    world.data.put(KEY)
    pod = a_pod(secret())
    top = Path((await world.volumes.set_up(pod))["keys"].host_path)
    world.kernel.unmount(str(top))
    assert not (top / "token").exists(), "nothing of it is on the disk"
    await world.volumes.set_up(pod)
    assert (top / "token").read_text() == "one"


@pytest.mark.parametrize("after", [False, True])
async def test_a_killed_set_up_and_tear_down_leave_nothing(world: World, after: bool) -> None:
    world.data.put(KEY)
    pod = a_pod(secret(), secret("more"))
    world.kernel.after = after
    for die_at in (1, 2):
        world.kernel.calls, world.kernel.die_at = 0, die_at
        with pytest.raises(Killed):
            await world.volumes.set_up(pod)
        world.kernel.die_at = 0
        places = await world.volumes.set_up(pod)
        assert text(places["more"], "token") == "one"
        assert len(world.mounts()) == 2
        world.kernel.calls, world.kernel.die_at = 0, die_at
        with pytest.raises(Killed):
            await world.volumes.tear_down(UID)
        world.kernel.die_at = 0
        await world.volumes.tear_down(UID)
        assert world.mounts() == []


async def test_a_sub_path_keeps_its_bytes_when_the_volume_changes(world: World) -> None:
    world.data.put(MAP)
    mounts = [v1.VolumeMount(name="conf", mountPath="/word", subPath="word")]
    pod = a_pod(config_map(), mounts=mounts)
    places = await world.volumes.set_up(pod)
    (container,) = pod.spec.containers
    bound = await world.volumes.prepare_subpaths(pod, container, places)
    world.data.put(msgspec.structs.replace(MAP, data={"word": "two"}))
    await world.volumes.refresh(pod)
    assert text(VolumePlace(host_path=bound[0]), "") == "one"
    assert await world.volumes.prepare_subpaths(pod, container, places) == bound
    assert text(VolumePlace(host_path=bound[0]), "") == "two", (
        "the next start of the container sees it"
    )
    await world.volumes.tear_down(UID)
    assert world.mounts() == []


async def test_a_folder_is_there_for_a_mount_inside_a_read_only_volume(world: World) -> None:
    world.data.put(MAP)
    mounts = [
        v1.VolumeMount(name="conf", mountPath="/etc/app"),
        v1.VolumeMount(name="data", mountPath="/etc/app/data"),
    ]
    places = await world.volumes.set_up(a_pod(config_map(), empty("data"), mounts=mounts))
    assert mode(Path(places["conf"].host_path, "data")) == 0o755


async def test_a_projected_volume_joins_its_sources_and_the_last_one_counts(world: World) -> None:
    world.data.put(MAP)
    world.data.put(KEY)
    field = v1.ObjectFieldSelector(fieldPath="metadata.name")
    files = [v1.DownwardAPIVolumeFile(path="me/name", fieldRef=field)]
    rename = [v1.KeyToPath(key="token", path="word")]
    volume = projected(
        v1.VolumeProjection(configMap=v1.ConfigMapProjection(name="app")),
        v1.VolumeProjection(secret=v1.SecretProjection(name="key", items=rename)),
        v1.VolumeProjection(downwardAPI=v1.DownwardAPIProjection(items=files)),
    )
    world.data.put(msgspec.structs.replace(KEY, data={"token": b"of the secret"}))
    top = Path((await world.volumes.set_up(a_pod(volume)))["all"].host_path)
    assert (top / "word").read_text() == "of the secret"
    assert (top / "me/name").read_text() == "web"
    assert world.mounts() == [str(top)]


async def test_a_projected_source_of_the_api_is_refused_by_name_and_used_where_there_is_one(
    world: World,
) -> None:
    token = v1.ServiceAccountTokenProjection(path="token")
    pod = a_pod(projected(v1.VolumeProjection(serviceAccountToken=token)))
    told = world.volumes.unsupported(pod)
    assert told.startswith('volume "all": projected source serviceAccountToken comes from an API')

    async def make(pod: DesiredPod, part: v1.VolumeProjection, bits: int) -> Made:
        file = VolumeFile(data=b"jwt", mode=bits, uid=1234)
        return Made(files={"token": file}, again_at=77.0)

    world.parts["serviceAccountToken"] = make
    assert world.volumes.unsupported(pod) == ""
    place = (await world.volumes.set_up(pod))["all"]
    assert (Path(place.host_path) / "token").stat().st_uid == 1234
    assert place.again_at == 77.0
    assert await world.volumes.refresh(pod) == 77.0


@pytest.mark.parametrize("joined", [False, True])
async def test_why_a_projected_source_is_refused_is_true_with_a_cluster_and_without(
    world: World, joined: bool
) -> None:
    async def make(pod: DesiredPod, part: v1.VolumeProjection, bits: int) -> Made:
        return Made(files={})

    if joined:
        world.parts["serviceAccountToken"] = make
    certificate = v1.PodCertificateProjection(keyType="ED25519", signerName="example.org/x")
    bundle = v1.ClusterTrustBundleProjection(path="ca.pem", name="x")
    for part, gate in (
        (v1.VolumeProjection(podCertificate=certificate), "PodCertificateRequest"),
        (v1.VolumeProjection(clusterTrustBundle=bundle), "ClusterTrustBundleProjection"),
    ):
        told = world.volumes.unsupported(a_pod(projected(part)))
        assert ("this node has none" in told) is not joined
        assert (f"needs the gate {gate}" in told) is joined


async def test_downward_files_follow_labels(world: World) -> None:
    field = v1.ObjectFieldSelector(fieldPath="metadata.labels")
    items = [v1.DownwardAPIVolumeFile(path="labels", fieldRef=field)]
    pod = a_pod(v1.Volume(name="me", downwardAPI=v1.DownwardAPIVolumeSource(items=items)))
    top = Path((await world.volumes.set_up(pod))["me"].host_path)
    assert pod.pod.metadata is not None
    metadata = msgspec.structs.replace(pod.pod.metadata, labels={"color": "blue"})
    changed = msgspec.structs.replace(pod.pod, metadata=metadata)
    await world.volumes.refresh(msgspec.structs.replace(pod, pod=changed))
    assert (top / "labels").read_text() == 'color="blue"'


async def test_a_wrong_downward_field_names_its_volume(world: World) -> None:
    field = v1.ObjectFieldSelector(fieldPath="spec.nothing")
    items = [v1.DownwardAPIVolumeFile(path="x", fieldRef=field)]
    pod = a_pod(v1.Volume(name="me", downwardAPI=v1.DownwardAPIVolumeSource(items=items)))
    with pytest.raises(MountFailed, match=r'volume "me" : .*spec\.nothing'):
        await world.volumes.set_up(pod)


async def test_variables_are_read_from_a_small_text_file_inside_the_volume_only(
    world: World,
) -> None:
    place = (await world.volumes.set_up(a_pod(empty("data"))))["data"]
    top = Path(place.host_path)
    assert await world.volumes.read_file(place, "made.env") is None
    (top / "made.env").write_text("A=1\n")
    assert await world.volumes.read_file(place, "made.env") == "A=1\n"
    (top / "link").symlink_to("/etc/passwd")
    (top / "big").write_bytes(b"x" * (1 << 17))
    (top / "raw").write_bytes(b"\xff")
    os.mkfifo(top / "pipe")
    for name, words in {
        "link": "leads out of its volume",
        "big": "larger than 64 KiB",
        "raw": "not UTF-8",
        "pipe": "no ordinary file",
        "a\0b": "NUL character",
    }.items():
        with pytest.raises(ConfigError, match=words):
            await world.volumes.read_file(place, name)


async def test_an_image_is_left_to_the_runtime_or_refused_for_its_version(world: World) -> None:
    source = v1.ImageVolumeSource(reference="models:1")
    pod = a_pod(v1.Volume(name="model", image=source))
    assert world.volumes.unsupported(pod) == ""
    places = await world.volumes.set_up(pod)
    assert places == {"model": VolumePlace(image="models:1", read_only=True)}
    assert await world.volumes.read_file(places["model"], "x") is None
    await world.volumes.refresh(pod)
    world.facts = msgspec.structs.replace(world.facts, runtime_version="1.6.20")
    assert "need containerd 2.1" in world.volumes.unsupported(pod)
    with pytest.raises(NotSupported, match='volume "model" : image volumes need containerd'):
        await world.volumes.set_up(pod)
    await world.volumes.tear_down(UID)


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (v1.Volume(name="v", gitRepo=v1.GitRepoVolumeSource(repository="x")), "http://, https://"),
        (v1.Volume(name="v", ephemeral=v1.EphemeralVolumeSource()), "needs an API server"),
        (v1.Volume(name="v", cephfs=v1.CephFSVolumeSource(monitors=[])), "use a CSI driver"),
    ],
)
async def test_what_cannot_work_is_refused_with_what_to_use_instead(
    world: World, volume: v1.Volume, words: str
) -> None:
    assert words in world.volumes.unsupported(a_pod(volume))
