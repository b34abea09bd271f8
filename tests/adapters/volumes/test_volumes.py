"""Volumes on the real kernel: set up, repeated, taken down."""

import os
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.mounts import mounts_below
from nodeagent.adapters.volumes.empty_dir import memory_size
from nodeagent.errors import MountFailed, NotSupported, VolumeError
from nodeagent.model.data import ConfigMap
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.world import (
    EMPTY,
    MIB,
    UID,
    World,
    a_pod,
    empty,
    mode,
    needs_root,
)

pytestmark = needs_root


async def test_an_empty_dir_is_open_to_all_keeps_its_files_and_goes_with_the_pod(
    world: World,
) -> None:
    pod = a_pod(empty("data"))
    before = os.umask(0o077)
    try:
        places = await world.volumes.set_up(pod)
    finally:
        os.umask(before)
    assert places == {"data": VolumePlace(host_path=str(world.place("data")), relabel=True)}
    assert mode(world.place("data")) == 0o777
    world.place("data").chmod(0o770)  # the container may do so
    (world.place("data") / "file").write_text("keep")
    await world.volumes.set_up(pod)
    assert (world.place("data") / "file").read_text() == "keep"
    assert mode(world.place("data")) == 0o770
    for _ in range(2):
        await world.volumes.tear_down(UID)
        assert not (world.pod_folder / "volumes").exists()
        assert not (world.pod_folder / "plugins" / EMPTY / "data").exists()


async def test_a_volume_in_memory_has_its_size_and_is_mounted_again_after_a_reboot(
    world: World,
) -> None:
    pod = a_pod(empty("cache", medium="Memory", sizeLimit="8Mi"))
    await world.volumes.set_up(pod)
    (mount,) = mounts_below(str(world.top))
    assert mount.point == str(world.place("cache"))
    assert mount.fstype == "tmpfs"
    kernel = tuple(int(part) for part in os.uname().release.split(".")[:2])
    assert ("noswap" in mount.super_options.split(",")) is (kernel >= (6, 4))
    assert os.statvfs(mount.point).f_blocks * os.statvfs(mount.point).f_frsize == 8 * MIB
    (world.place("cache") / "file").touch()
    await world.volumes.set_up(pod)
    assert (world.place("cache") / "file").exists()
    world.kernel.unmount(mount.point)
    await world.volumes.set_up(pod)
    assert world.mounts() == [mount.point]
    await world.volumes.tear_down(UID)
    assert world.mounts() == []
    assert not (world.pod_folder / "volumes").exists()


@pytest.mark.parametrize(
    ("node", "limits", "asked", "size"),
    [
        (512 * MIB, None, None, 512 * MIB),
        (512 * MIB, {"memory": "64Mi"}, None, 64 * MIB),
        (512 * MIB, {"memory": "64Mi"}, "16Mi", 16 * MIB),
        (8 * MIB, {"memory": "64Mi"}, "16Mi", 8 * MIB),
        (0, None, None, 0),
    ],
)
def test_the_size_in_memory_is_the_least_of_node_pod_and_volume(
    node: int, limits: dict[str, str] | None, asked: str | None, size: int
) -> None:
    source = v1.EmptyDirVolumeSource(medium="Memory", sizeLimit=asked)
    assert memory_size(a_pod(limits=limits), source, node) == size


async def test_huge_pages_need_a_request_and_have_its_size(world: World) -> None:
    with pytest.raises(MountFailed, match=r'volume "h" : medium "HugePages-2Mi" needs a request'):
        await world.volumes.set_up(a_pod(empty("h", medium="HugePages-2Mi")))
    limits = {"hugepages-2Mi": "4Mi", "cpu": "1", "memory": "1Mi"}
    await world.volumes.set_up(a_pod(empty("h", medium="HugePages"), limits=limits))
    (mount,) = mounts_below(str(world.top))
    assert (mount.fstype, "pagesize=2M" in mount.super_options) == ("hugetlbfs", True)
    assert mode(world.place("h")) == 0o777
    with pytest.raises(MountFailed, match='unknown storage medium "Disk"'):
        await world.volumes.set_up(a_pod(empty("x", medium="Disk")))


async def test_fs_group_owns_an_empty_dir(world: World) -> None:
    pod = a_pod(
        empty("disk"), empty("memory", medium="Memory"), context=v1.PodSecurityContext(fsGroup=4711)
    )
    await world.volumes.set_up(pod)
    for name in ("disk", "memory"):
        about = world.place(name).stat()
        assert about.st_gid == 4711
        assert about.st_mode & 0o2777 == 0o2777


async def test_an_unused_volume_is_neither_refused_nor_made(world: World) -> None:
    secret = v1.Volume(name="s", secret=v1.SecretVolumeSource(secretName="x"))
    pod = a_pod(empty("data"), secret, mounts=[])
    assert world.volumes.unsupported(pod) == ""
    assert await world.volumes.set_up(pod) == {}
    assert not world.pod_folder.exists()


async def test_volumes_of_init_containers_are_made(world: World) -> None:
    pod = a_pod(empty("data"), mounts=[])
    init = v1.Container(name="i", volumeMounts=[v1.VolumeMount(name="data", mountPath="/d")])
    spec = msgspec.structs.replace(pod.spec, initContainers=[init])
    pod = msgspec.structs.replace(pod, pod=msgspec.structs.replace(pod.pod, spec=spec))
    assert set(await world.volumes.set_up(pod)) == {"data"}


async def test_a_kind_without_plugin_is_named(world: World) -> None:
    disk = v1.Volume(name="s", iscsi=v1.ISCSIVolumeSource(iqn="i", lun=0, targetPortal="t"))
    pod = a_pod(empty("data"), disk)
    assert world.volumes.unsupported(pod) == 'volume "s": kind "iscsi" is not supported yet'
    with pytest.raises(NotSupported, match=r'volume "s" : kind "iscsi" is not supported yet'):
        await world.volumes.set_up(pod)
    assert world.volumes.unsupported(a_pod(v1.Volume(name="n"))) == (
        'volume "n": it names no kind of volume'
    )


HOST_TYPES = [
    ("Directory", "dir", ""),
    ("Directory", "file", "is not a directory, it is a file"),
    ("Directory", "none", "is not a directory, it does not exist"),
    ("File", "file", ""),
    ("File", "dir", "is not a file, it is a directory"),
    ("File", "fifo", "is not a file, it is a special file"),
    ("Socket", "file", "is not a socket file"),
    ("CharDevice", "/dev/null", ""),
    ("CharDevice", "file", "is not a character device"),
    ("BlockDevice", "/dev/null", "is not a block device, it is a character device"),
    ("DirectoryOrCreate", "file", "is not a directory"),
    ("DirectoryOrCreate", "dir", ""),
    ("FileOrCreate", "dir", "is not a file"),
    ("", "none", ""),
]


@pytest.mark.parametrize(("wanted", "path", "text"), HOST_TYPES)
async def test_a_host_path_is_checked_for_its_type(
    world: World, wanted: str, path: str, text: str
) -> None:
    (world.top / "dir").mkdir()
    (world.top / "file").touch()
    os.mkfifo(world.top / "fifo")
    whole = str(world.top / path)
    pod = a_pod(v1.Volume(name="h", hostPath=v1.HostPathVolumeSource(path=whole, type=wanted)))
    if not text:
        assert await world.volumes.set_up(pod) == {"h": VolumePlace(host_path=whole)}
        return
    with pytest.raises(MountFailed, match=f"hostPath type check failed: {whole} {text}"):
        await world.volumes.set_up(pod)


async def test_host_paths_are_created_where_asked_and_left_behind(world: World) -> None:
    def pod(kind: str, path: str) -> DesiredPod:
        source = v1.HostPathVolumeSource(path=f"{world.top}/{path}", type=kind)
        return a_pod(v1.Volume(name="h", hostPath=source))

    await world.volumes.set_up(pod("DirectoryOrCreate", "a/b"))
    await world.volumes.set_up(pod("FileOrCreate", "a/b/f"))
    await world.volumes.tear_down(UID)
    assert mode(world.top / "a/b") == 0o755
    assert mode(world.top / "a/b/f") == 0o644
    with pytest.raises(MountFailed, match=r'volume "h" : make_file .*/none/f: No such file'):
        await world.volumes.set_up(pod("FileOrCreate", "none/f"))
    with pytest.raises(MountFailed, match=r"must not contain '\.\.'"):
        await world.volumes.set_up(pod("", "a/../b"))
    with pytest.raises(MountFailed, match="Tape is an invalid volume type"):
        await world.volumes.set_up(pod("Tape", "a"))


async def test_an_unknown_kind_on_disk_is_unmounted_and_kept_if_it_holds_files(
    world: World,
) -> None:
    foreign = world.pod_folder / "volumes/kubernetes.io~projected/token"
    stray = world.pod_folder / "volumes/kubernetes.io~nfs/data"
    foreign.mkdir(parents=True)
    stray.mkdir(parents=True)
    (stray / "precious").write_text("keep")
    await world.volumes.set_up(a_pod(empty("data")))
    world.kernel.mount("tmpfs", str(foreign), "tmpfs")
    (foreign / "token").touch()
    with pytest.raises(VolumeError, match=r'for volume "data" : .*still holds .*/data/precious'):
        await world.volumes.tear_down(UID)
    assert world.mounts() == []
    assert not foreign.exists()
    assert not world.place("data").exists()
    assert (stray / "precious").read_text() == "keep"


async def test_a_mount_inside_an_empty_dir_is_unmounted_and_never_emptied(world: World) -> None:
    await world.volumes.set_up(a_pod(empty("data")))
    source, inner = world.top / "source", world.place("data") / "inner"
    source.mkdir()
    inner.mkdir()
    (source / "precious").write_text("keep")
    world.kernel.bind(str(source), str(inner))
    await world.volumes.tear_down(UID)
    assert (source / "precious").read_text() == "keep"
    assert world.mounts() == []
    assert not world.place("data").exists()


@pytest.mark.parametrize(
    "source",
    [
        {"hostPath": {"path": "/tmp/a\0b", "type": "DirectoryOrCreate"}},
        {"configMap": {"name": "c", "items": [{"key": "k", "path": "a\0b"}]}},
        {"nfs": {"server": "a", "path": "/\0"}},
        {"csi": {"driver": "d.example.org", "volumeAttributes": {"a\0": "b"}}},
    ],
)
async def test_a_nul_character_that_an_api_server_let_through_fails_the_mount(
    world: World, source: dict[str, object]
) -> None:
    world.data.put(ConfigMap(namespace="default", name="c", data={"k": "v"}))
    volume = msgspec.convert({"name": "v", **source}, v1.Volume)
    with pytest.raises(MountFailed, match=r'volume "v" .*NUL character'):
        await world.volumes.set_up(a_pod(volume))


async def test_a_mount_below_a_path_with_a_nul_character_is_left_to_the_runtime(
    world: World,
) -> None:
    world.data.put(ConfigMap(namespace="default", name="c", data={"k": "v"}))
    volume = v1.Volume(name="v", configMap=v1.ConfigMapVolumeSource(name="c"))
    paths = ("/v", "/v/a\0b")
    mounts = [v1.VolumeMount(name="v", mountPath=path) for path in paths]
    places = await world.volumes.set_up(a_pod(volume, mounts=mounts))
    assert (Path(places["v"].host_path) / "k").read_text() == "v"
