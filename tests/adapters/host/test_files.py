"""Folders, logs and messages of pods on a real file system, with real mounts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.files import HostPodFiles
from nodeagent.adapters.host.mounts import Kernel
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.node import PodDirs

UID = PodUid("0f1e-22")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


class World:
    def __init__(self, top: Path, threads: Threads) -> None:
        self.dirs = PodDirs(
            root=f"{top}/root", logs=f"{top}/logs/pods", container_links=f"{top}/logs/containers"
        )
        self.files = HostPodFiles(self.dirs, threads)
        self.pod = Path(self.dirs.root) / "pods" / UID
        self.logs = Path(self.dirs.logs) / f"default_web_{UID}"
        self.links = Path(self.dirs.container_links)

    async def make(self) -> None:
        await self.files.make_pod_dirs(UID, str(self.logs))

    async def remove(self) -> None:
        await self.files.remove_pod_dirs(UID, str(self.logs))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    threads = Threads(2)
    yield World(tmp_path, threads)
    threads.close()


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o7777


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def test_pod_folders_get_their_modes_whatever_the_umask_and_twice(world: World) -> None:
    before = os.umask(0o077)
    try:
        await world.make()
        await world.make()
    finally:
        os.umask(before)
    assert [mode(world.pod / name) for name in (".", "volumes", "plugins")] == [0o750] * 3
    assert mode(world.logs) == 0o755
    assert mode(world.logs.parent) == 0o750


async def test_container_files_are_made_and_named(world: World) -> None:
    hosts, message = await world.files.make_container_files(
        UID, "web", log_directory=str(world.logs), hosts="127.0.0.1 localhost\n", message=True
    )
    assert hosts == f"{world.pod}/etc-hosts"
    assert (world.pod / "etc-hosts").read_text() == "127.0.0.1 localhost\n"
    assert mode(world.pod / "etc-hosts") == 0o644
    assert Path(message).parent == world.pod / "containers/web"
    assert len(Path(message).name) == 8
    assert mode(Path(message)) == 0o666
    assert mode(Path(message).parent) == 0o750
    assert mode(world.logs / "web") == 0o755


async def test_what_is_not_asked_for_is_not_made(world: World) -> None:
    answer = await world.files.make_container_files(
        UID, "web", log_directory=str(world.logs), hosts=None, message=False
    )
    assert answer == ("", "")
    assert not world.pod.exists()


async def test_hosts_change_in_place_so_that_running_containers_see_it(world: World) -> None:
    async def write(text: str) -> Path:
        hosts, _ = await world.files.make_container_files(
            UID, "web", log_directory=str(world.logs), hosts=text, message=False
        )
        return Path(hosts)

    first = (await write("a much longer text\n")).stat()
    path = await write("short\n")
    assert path.read_text() == "short\n"
    assert path.stat().st_ino == first.st_ino


async def test_each_start_has_a_new_message_file_and_old_ones_go(world: World) -> None:
    made = []
    for _ in range(30):
        _, message = await world.files.make_container_files(
            UID, "web", log_directory=str(world.logs), hosts=None, message=True
        )
        made.append(message)
    kept = names(world.pod / "containers/web")
    assert len(set(made)) == 30
    assert kept == sorted(Path(path).name for path in made[-20:])


async def test_a_name_that_is_no_file_name_is_refused(world: World) -> None:
    with pytest.raises(HostError, match="cannot be a file name"):
        await world.files.make_pod_dirs(PodUid("../x"), str(world.logs))
    with pytest.raises(HostError, match="not below"):
        await world.files.make_pod_dirs(UID, f"{world.dirs.logs}/../elsewhere")
    with pytest.raises(HostError, match="not below"):
        await world.files.remove_pod_dirs(UID, world.dirs.logs)


async def link(world: World, target: str, container_id: str = "c1", name: str = "web") -> None:
    await world.files.link_log(
        name=name, namespace="default", container="app", container_id=container_id, target=target
    )


async def test_the_log_link_is_made_corrected_and_kept(world: World) -> None:
    await link(world, "/old")
    path = world.links / "web_default_app-c1.log"
    assert str(path.readlink()) == "/old"
    await link(world, "/new")
    assert str(path.readlink()) == "/new"
    inode = path.lstat().st_ino
    await link(world, "/new")
    assert path.lstat().st_ino == inode


async def test_a_long_link_name_is_cut_to_what_a_file_name_may_have(world: World) -> None:
    await link(world, "/t", container_id="c" * 64, name="w" * 240)
    (name,) = names(world.links)
    assert len(name) == 255
    assert name.endswith(".log")


async def test_a_message_is_read_from_a_pods_own_folder_only(world: World, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("secret of the node")
    for path in (tmp_path / "shadow", world.pod / ".." / ".." / ".." / "shadow"):
        assert await world.files.read_message(str(path), limit=9) == ""


async def test_the_last_bytes_of_a_message_are_read(world: World) -> None:
    await world.make()
    path = world.pod / "message"
    assert await world.files.read_message(str(path), limit=10) == ""
    path.write_bytes(b"x" * 100 + b"the \xff end")
    assert await world.files.read_message(str(path), limit=9) == "the \ufffd end"
    path.unlink()
    os.mkfifo(path)
    assert await world.files.read_message(str(path), limit=9) == ""


STAMP = b"2026-01-02T03:04:05.123456789Z "


async def tail(world: World, data: bytes, *, lines: int = 80, limit: int = 2048) -> str:
    path = Path(world.dirs.root) / "0.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return await world.files.read_log_tail(str(path), lines=lines, limit=limit)


async def test_a_log_tail_has_text_only_and_joins_split_lines(world: World) -> None:
    data = (
        STAMP + b"stdout F first\n"
        + STAMP + b"stderr P half and \n"
        + STAMP + b"stderr F half\n"
        + b"torn garbage\n"
        + STAMP + b"stdout F \n"
        + STAMP + b"stdout F last"
    )  # fmt: skip
    assert await tail(world, data) == "first\nhalf and half\n\nlast\n"
    assert await tail(world, data, lines=2) == "\nlast\n"
    assert await tail(world, data, limit=8) == "f\n\nlast\n"
    assert await tail(world, b"") == ""


async def test_a_log_tail_is_right_wherever_the_chunks_are_cut(world: World) -> None:
    for size in (4095, 16384, 16385, 40000):
        data = b"".join(STAMP + b"stdout F %d\n" % n for n in range(size // 8))
        last = size // 8 - 1
        assert await tail(world, data, lines=3) == f"{last - 2}\n{last - 1}\n{last}\n"


async def test_a_log_tail_of_one_endless_line_is_capped(world: World) -> None:
    data = (STAMP + b"stdout P " + b"y" * 16000 + b"\n") * 500
    assert await tail(world, data) == "y" * 2048


async def test_a_missing_log_has_no_tail(world: World) -> None:
    assert await world.files.read_log_tail(f"{world.dirs.root}/none", lines=1, limit=1) == ""


async def test_restart_counts_are_read_from_log_names(world: World) -> None:
    for name in ("web/0.log", "web/12.log.20260102-030405.gz", "web/9.log", "db/x.log"):
        path = world.logs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert await world.files.used_restart_counts(str(world.logs)) == {"web": 12}
    assert await world.files.used_restart_counts(f"{world.dirs.logs}/none") == {}


async def test_removing_a_log_takes_its_rotated_ones_and_its_link_and_no_other(
    world: World,
) -> None:
    folder = world.logs / "app"
    folder.mkdir(parents=True)
    for name in ("0.log", "0.log.20260102-030405", "0.log.20260101-030405.gz", "10.log"):
        (folder / name).touch()
    await link(world, str(folder / "0.log"))
    await link(world, str(folder / "10.log"), container_id="c2")
    for _ in range(2):
        await world.files.remove_log(str(folder / "0.log"), container_id="c1")
        assert names(folder) == ["10.log"]
        assert names(world.links) == ["web_default_app-c2.log"]


async def test_removing_a_pod_leaves_nothing_and_no_dangling_link(world: World) -> None:
    await world.make()
    await world.files.make_container_files(
        UID, "app", log_directory=str(world.logs), hosts="x", message=True
    )
    (world.pod / "nodeagent.json").write_text("{}")
    (world.pod / "plugins/kubernetes.io~empty-dir/data/ready").mkdir(parents=True)
    (world.pod / "volumes/kubernetes.io~empty-dir").mkdir(parents=True)
    (world.logs / "app/0.log").touch()
    await link(world, str(world.logs / "app/0.log"))
    other = world.links / "web_default_app-other.log"
    other.symlink_to(f"{world.dirs.logs}/default_web_other-uid/app/0.log")
    for _ in range(2):
        await world.remove()
        assert not world.pod.exists()
        assert not world.logs.exists()
        assert names(world.links) == [other.name]


async def test_a_volume_with_files_stops_the_removal_and_keeps_the_record(world: World) -> None:
    await world.make()
    (world.pod / "nodeagent.json").write_text("{}")
    data = world.pod / "volumes/kubernetes.io~csi/data/precious"
    data.parent.mkdir(parents=True)
    data.write_text("keep")
    with pytest.raises(HostError, match=r"still holds .*volumes/kubernetes.io~csi/data/precious"):
        await world.remove()
    assert data.read_text() == "keep"
    assert (world.pod / "nodeagent.json").exists()


async def test_a_link_to_elsewhere_is_removed_and_not_followed(
    world: World, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    await world.make()
    (world.pod / "containers").symlink_to(precious)
    (world.pod / "plugins/link").symlink_to(precious)
    world.logs.rmdir()
    world.logs.symlink_to(precious)
    await world.remove()
    assert (precious / "file").read_text() == "keep"
    assert not world.pod.exists()
    assert not world.logs.is_symlink()


@needs_root
async def test_a_mount_below_stops_the_removal_before_anything_is_gone(
    world: World, tmp_path: Path
) -> None:
    kernel = Kernel()
    await world.make()
    (world.logs / "app").mkdir()
    place = world.pod / "volumes/kubernetes.io~nfs/my data"
    place.mkdir(parents=True)
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("keep")
    kernel.bind(str(source), str(place))
    try:
        with pytest.raises(HostError, match=r"still mounted, unmount first: .*my data"):
            await world.remove()
        assert (world.logs / "app").exists()
    finally:
        kernel.unmount(str(place))
    await world.remove()
    assert (source / "file").read_text() == "keep"
    assert not world.pod.exists()
