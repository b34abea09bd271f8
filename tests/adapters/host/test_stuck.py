"""Calls on file systems that hang: decided by mountinfo, and tried on one that really hangs."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.host.mounts import Kernel
from nodeagent.adapters.host.stuck import CarefulFiles, leads_to, slow_points
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from tests.fakes.dead_mount import dead_mount, needs_fuse


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(1)
    yield pool
    pool.close()


def careful(threads: Threads, tmp_path: Path, *, slow: str = "") -> CarefulFiles:
    """With `slow`, mountinfo claims that this folder is on NFS."""
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"9 1 0:9 / {slow} rw - nfs4 host:/x rw\n" if slow else "")
    return CarefulFiles(threads, Kernel(), deadline=10.0, mountinfo=str(mountinfo))


@pytest.mark.parametrize("slow", [False, True])
async def test_local_and_slow_paths_give_the_same_answers(
    threads: Threads, tmp_path: Path, slow: bool
) -> None:
    top = tmp_path / "t"
    top.mkdir()
    files = careful(threads, tmp_path, slow=str(top) if slow else "")
    (top / "link").symlink_to("dir/sub")
    assert await files.kind(f"{top}/dir/sub") == ""
    await files.make_folder(f"{top}/dir/sub", 0o755)
    await files.make_folder(f"{top}/dir/sub", 0o755)
    assert await files.kind(f"{top}/link") == "Directory"
    await files.make_file(f"{top}/link/file", 0o644)
    await files.make_file(f"{top}/link/file", 0o644)
    assert await files.kind(f"{top}/dir/sub/file") == "File"
    assert await files.kind(f"{top}/dir/sub/file/x") == ""
    os.mkfifo(top / "fifo")
    assert await files.kind(f"{top}/fifo") == "Other"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{top}/s")
        assert await files.kind(f"{top}/s") == "Socket"
    assert await files.kind("/dev/null") == "CharDevice"
    with pytest.raises(HostError, match=f"make_file {top}/none/file: No such file or directory"):
        await files.make_file(f"{top}/none/file", 0o644)


def test_network_and_fuse_mounts_count_as_slow() -> None:
    text = "".join(
        f"1 2 0:1 / /{kind} rw - {kind} s rw\n"
        for kind in ("ext4", "nfs4", "fuse.sshfs", "fuseblk", "tmpfs", "cifs", "9p", "nfsd")
    )
    assert slow_points(text) == {"/nfs4", "/fuse.sshfs", "/cifs", "/9p"}
    assert slow_points("1 2 0:1 / / rw - ext4 s rw\n") == frozenset()


def test_a_way_to_a_slow_mount_is_found_through_links(tmp_path: Path) -> None:
    points = frozenset({f"{tmp_path}/nfs"})
    (tmp_path / "a").mkdir()
    (tmp_path / "a/relative").symlink_to("../nfs/data")
    (tmp_path / "a/absolute").symlink_to(f"{tmp_path}/a/relative")
    (tmp_path / "loop").symlink_to("loop")
    assert leads_to(f"{tmp_path}/nfs", points)
    assert leads_to(f"{tmp_path}/nfs/x/y", points)
    assert leads_to(f"{tmp_path}/a/absolute/deep", points)
    assert leads_to(f"{tmp_path}/a/../nfs", points)
    assert not leads_to(f"{tmp_path}/nfs-other", points)
    assert not leads_to(f"{tmp_path}/a/./x", points)
    assert not leads_to(f"{tmp_path}/loop/x", points)


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "dead"
    place.mkdir()
    with dead_mount(place):
        yield place


async def test_what_takes_long_leaves_the_threads_to_the_others(
    threads: Threads, tmp_path: Path
) -> None:
    files, go_on = careful(threads, tmp_path), threading.Event()

    def wait() -> None:
        go_on.wait()

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(files.at_length(wait))
        await asyncio.sleep(0)  # they are in their threads, or wait for one
        assert await threads.run(lambda: "free") == "free"
        go_on.set()


@needs_fuse
async def test_a_dead_file_system_fails_by_name_and_does_not_hold_the_others(
    threads: Threads, tmp_path: Path, dead: Path
) -> None:
    files = CarefulFiles(threads, Kernel(), deadline=0.5)
    began = time.monotonic()
    with pytest.raises(HostError, match=f"kind {dead}/x: the file system did not answer"):
        await files.kind(f"{dead}/x")
    assert time.monotonic() - began < 5
    assert await files.kind(str(tmp_path)) == "Directory"


@needs_fuse
async def test_a_dead_file_system_can_be_unmounted(
    threads: Threads, tmp_path: Path, dead: Path
) -> None:
    files = CarefulFiles(threads, Kernel(), deadline=5.0)
    for _ in range(2):
        await files.unmount(str(dead))
        assert Kernel().mounts_below(str(tmp_path)) == ()


FREEZER = Path("/sys/fs/cgroup/freezer")


class Freezer:
    """A place where not even SIGKILL ends a process, as in the middle of a dead NFS call."""

    def __init__(self) -> None:
        self.folder = FREEZER / f"nodeagent-test-{os.getpid()}"
        self.folder.mkdir()

    def hold_children(self) -> bool:
        """Whether there were any to hold."""
        tasks = Path("/proc/self/task").glob("*/children")
        pids = [pid for task in tasks for pid in task.read_text().split()]
        for pid in pids:
            (self.folder / "cgroup.procs").write_text(pid)
        (self.folder / "freezer.state").write_text("FROZEN")
        return bool(pids)

    def let_go(self) -> None:
        (self.folder / "freezer.state").write_text("THAWED")


@pytest.fixture
def freezer() -> Iterator[Freezer]:
    freezer = Freezer()
    yield freezer
    freezer.let_go()
    for _ in range(100):
        try:
            freezer.folder.rmdir()
        except OSError:
            time.sleep(0.02)
        else:
            return


@needs_fuse
@pytest.mark.skipif(not FREEZER.is_dir(), reason="needs the freezer of cgroup v1")
async def test_a_process_that_cannot_be_killed_is_left_behind_and_not_joined_by_more(
    threads: Threads, dead: Path, freezer: Freezer
) -> None:
    files = CarefulFiles(threads, Kernel(), deadline=0.5)
    call = asyncio.create_task(files.kind(f"{dead}/x"))
    while True:
        await asyncio.sleep(0.01)
        if freezer.hold_children():
            break
    with pytest.raises(HostError, match="did not answer within"):
        await call
    with pytest.raises(HostError, match=r"has not answered for [01] s, and the process \d+ that"):
        await files.kind(f"{dead}/x")
    freezer.let_go()
    async with asyncio.timeout(5):
        while True:
            with pytest.raises(HostError) as caught:
                await files.kind(f"{dead}/x")
            if "did not answer within" in str(caught.value):
                return
            await asyncio.sleep(0.02)
