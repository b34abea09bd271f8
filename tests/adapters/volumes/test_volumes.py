"""Volumes on the real kernel: set up, killed half-way, repeated, taken down."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1
from lightkube.models import meta_v1

from nodeagent.adapters.host.mounts import Kernel, mounts_below
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.volumes.empty_dir import EmptyDir, memory_size
from nodeagent.adapters.volumes.host_path import HostPath
from nodeagent.adapters.volumes.ownership import apply_group
from nodeagent.adapters.volumes.registry import VolumeRegistry
from nodeagent.aio.threads import Threads
from nodeagent.errors import ConfigError, MountFailed, NotSupported, VolumeError
from nodeagent.model.desired import DesiredPod, Source
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import VolumePlace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
UID = PodUid("0f1e-22")
MIB = 1 << 20
EMPTY = "kubernetes.io~empty-dir"


class Killed(Exception):
    """The agent dies here."""


class Mortal(Kernel):
    """The real kernel, for an agent that dies at its n-th call (0: never), before or after it."""

    def __init__(self) -> None:
        self.die_at = 0
        self.after = False
        self.calls = 0

    def _maybe_die(self, call: Callable[[], None]) -> None:
        self.calls += 1
        if self.calls == self.die_at and not self.after:
            raise Killed
        call()
        if self.calls == self.die_at:
            raise Killed

    def mount(
        self, source: str, target: str, fstype: str, *, flags: int = 0, options: str = ""
    ) -> None:
        self._maybe_die(
            lambda: Kernel.mount(self, source, target, fstype, flags=flags, options=options)
        )

    def bind(self, source: str, target: str) -> None:
        self._maybe_die(lambda: Kernel.mount(self, source, target, "", flags=4096))

    def unmount(self, target: str) -> None:
        self._maybe_die(lambda: Kernel.unmount(self, target))


class World:
    def __init__(self, top: Path, threads: Threads) -> None:
        self.top = top
        self.kernel = Mortal()
        self.node_memory = 512 * MIB
        self.files = CarefulFiles(threads, self.kernel)
        self.volumes = VolumeRegistry(
            f"{top}/root",
            [
                EmptyDir(
                    self.kernel, self.files, threads, node_memory=lambda: self.node_memory
                ),
                HostPath(self.files),
            ],
            kernel=self.kernel,
            files=self.files,
            threads=threads,
        )  # fmt: skip
        self.pod_folder = top / "root/pods" / UID

    def mounts(self) -> list[str]:
        return [mount.point for mount in mounts_below(str(self.top))]

    def place(self, name: str) -> Path:
        return self.pod_folder / "volumes" / EMPTY / name


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    threads = Threads(2)
    world = World(tmp_path, threads)
    yield world
    world.kernel.die_at = 0
    for point in world.mounts():
        world.kernel.unmount(point)
    assert world.mounts() == []
    threads.close()


def empty(name: str, **source: str) -> v1.Volume:
    return v1.Volume(name=name, emptyDir=msgspec.convert(source, v1.EmptyDirVolumeSource))


def a_pod(
    *volumes: v1.Volume,
    mounts: list[v1.VolumeMount] | None = None,
    context: v1.PodSecurityContext | None = None,
    limits: dict[str, str] | None = None,
) -> DesiredPod:
    """A pod whose one container mounts every volume, or what is given."""
    if mounts is None:
        mounts = [v1.VolumeMount(name=one.name, mountPath=f"/{one.name}") for one in volumes]
    resources = v1.ResourceRequirements(limits=limits, requests=limits) if limits else None
    container = v1.Container(name="app", volumeMounts=mounts, resources=resources)
    pod = v1.Pod(
        metadata=meta_v1.ObjectMeta(name="web"),
        spec=v1.PodSpec(containers=[container], volumes=[*volumes], securityContext=context),
    )
    return DesiredPod(uid=UID, source=Source.FILE, origin="", pod=pod)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


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
    with pytest.raises(MountFailed, match=r'volume "h": medium "HugePages-2Mi" needs a request'):
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
    secret = v1.Volume(name="s", secret=v1.SecretVolumeSource(secretName="x"))
    pod = a_pod(empty("data"), secret)
    assert world.volumes.unsupported(pod) == 'volume "s": kind "secret" is not supported yet'
    with pytest.raises(NotSupported, match=r'volume "s": kind "secret" is not supported yet'):
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
    with pytest.raises(MountFailed, match=r'volume "h": make_file .*/none/f: No such file'):
        await world.volumes.set_up(pod("FileOrCreate", "none/f"))
    with pytest.raises(MountFailed, match=r"must not contain '\.\.'"):
        await world.volumes.set_up(pod("", "a/../b"))
    with pytest.raises(MountFailed, match="Tape is an invalid volume type"):
        await world.volumes.set_up(pod("Tape", "a"))


def with_subpath(path: str, *more: str) -> DesiredPod:
    mounts = [
        v1.VolumeMount(name="data", mountPath=f"/m{n}", subPath=one)
        for n, one in enumerate((path, *more))
    ]
    return a_pod(empty("data"), mounts=[v1.VolumeMount(name="data", mountPath="/whole"), *mounts])


async def prepare(world: World, pod: DesiredPod) -> dict[int, Path]:
    places = await world.volumes.set_up(pod)
    bound = await world.volumes.prepare_subpaths(pod, pod.spec.containers[0], places)
    return {index: Path(path) for index, path in bound.items()}


async def test_sub_paths_are_made_bound_and_taken_down_before_their_volume(world: World) -> None:
    pod = with_subpath("a/b", "c")
    await world.volumes.set_up(pod)
    world.place("data").chmod(0o2775)
    (world.place("data") / "c").write_text("a file")
    for _ in range(2):
        bound = await prepare(world, pod)
        assert bound == {n: world.pod_folder / "volume-subpaths/data/app" / str(n) for n in (1, 2)}
        assert sorted(world.mounts()) == sorted(str(path) for path in bound.values())
    assert mode(world.place("data") / "a/b") == 0o2775
    assert mode(bound[1]) == 0o2775
    assert bound[2].read_text() == "a file"
    (bound[1] / "x").touch()
    assert (world.place("data") / "a/b/x").exists()
    await world.volumes.tear_down(UID)
    assert world.mounts() == []
    assert not (world.pod_folder / "volume-subpaths").exists()
    assert not (world.pod_folder / "volumes").exists()


async def test_a_sub_path_over_links_inside_the_volume_follows_where_they_lead_now(
    world: World,
) -> None:
    pod = with_subpath("current/sub")
    await world.volumes.set_up(pod)
    data = world.place("data")
    for name in ("one", "two"):
        (data / name / "sub").mkdir(parents=True)
        (data / name / "sub" / name).touch()
    (data / "current").symlink_to("nested/../one")
    (data / "nested").mkdir()
    bound = await prepare(world, pod)
    assert [entry.name for entry in bound[1].iterdir()] == ["one"]
    (data / "current").unlink()
    (data / "current").symlink_to("two")
    bound = await prepare(world, pod)
    assert [entry.name for entry in bound[1].iterdir()] == ["two"]
    assert world.mounts() == [str(bound[1])]


@pytest.mark.parametrize(
    "link", ["/etc", "../../../../../../../../etc", "inner/out", "/proc/1/root"]
)
async def test_a_sub_path_never_leaves_its_volume(world: World, link: str) -> None:
    pod = with_subpath("link/made")
    await world.volumes.set_up(pod)
    (world.place("data") / "inner").mkdir()
    (world.place("data") / "inner/out").symlink_to("../..")
    (world.place("data") / "link").symlink_to(link)
    with pytest.raises(
        ConfigError, match=r'subPath for volumeMount "data" of container "app".*out'
    ):
        await prepare(world, pod)
    assert world.mounts() == []
    assert not (world.place("data").parent / "made").exists()


async def test_other_bad_sub_paths_are_refused(world: World) -> None:
    for path, text in (("../x", "relative"), ("/x", "relative"), ("a/../../x", "relative")):
        with pytest.raises(ConfigError, match=text):
            await prepare(world, with_subpath(path))
    (world.place("data") / "dangling").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="a link that leads nowhere"):
        await prepare(world, with_subpath("dangling"))
    (world.place("data") / "file").touch()
    with pytest.raises(ConfigError, match="Not a directory"):
        await prepare(world, with_subpath("file/x"))


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
    with pytest.raises(VolumeError, match=r'for volume "data": .*still holds .*/data/precious'):
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


@pytest.mark.parametrize("after", [False, True])
async def test_an_agent_killed_at_any_mount_or_unmount_leaves_nothing_double_or_behind(
    world: World, after: bool
) -> None:
    pod = with_subpath("a")
    pod = msgspec.structs.replace(
        pod,
        pod=msgspec.structs.replace(
            pod.pod,
            spec=msgspec.structs.replace(pod.spec, volumes=[empty("data", medium="Memory")]),
        ),
    )
    world.kernel.after = after
    await prepare(world, pod)
    wanted = sorted(world.mounts())
    assert len(wanted) == 2
    for die_at in range(1, 5):
        world.kernel.calls, world.kernel.die_at = 0, die_at
        died = 0
        for step in ("down", "up"):
            while True:
                try:
                    if step == "down":
                        await world.volumes.tear_down(UID)
                    else:
                        await prepare(world, pod)
                    break
                except Killed:
                    died += 1
            assert sorted(world.mounts()) == ([] if step == "down" else wanted)
        assert died == 1


def test_a_group_gets_every_entry_and_links_are_not_followed(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    (top / "dir/deep").mkdir(parents=True)
    outside.touch(mode=0o600)
    script = top / "dir/script"
    script.touch()
    script.chmod(0o4700)
    (top / "link").symlink_to(outside)
    apply_group(str(top), 4711)
    entries = [top, *top.rglob("*")]
    assert {entry.lstat().st_gid for entry in entries} == {4711}
    assert [mode(path) & 0o2770 for path in (top, top / "dir", top / "dir/deep")] == [0o2770] * 3
    assert mode(script) == 0o4760
    assert (outside.stat().st_gid, mode(outside)) == (os.getgid(), 0o600)


def test_a_group_that_may_only_read_gets_no_write_bit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(0o400)
    apply_group(str(tmp_path), 4711, read_only=True)
    assert mode(tmp_path / "file") == 0o440


def test_a_right_top_folder_saves_the_walk_if_so_asked(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    apply_group(str(tmp_path), 4711, on_mismatch_only=True)
    assert (tmp_path / "file").stat().st_gid == 4711
    os.chown(tmp_path / "file", -1, 0)
    apply_group(str(tmp_path), 4711, on_mismatch_only=True)
    assert (tmp_path / "file").stat().st_gid == 0
