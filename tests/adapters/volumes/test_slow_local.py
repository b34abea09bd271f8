"""Local volumes on file systems that may hang: nothing of it is done in the agent's threads."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.block_devices import BlockDevices
from nodeagent.adapters.host.mounts import mounts_below
from nodeagent.adapters.host.stuck import CarefulFiles
from nodeagent.adapters.volumes.base import Place, place_of
from nodeagent.adapters.volumes.local import LocalVolume
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.launch import VolumePlace
from tests.adapters.volumes.world import UID, Mortal, a_pod, needs_root
from tests.fakes.dead_mount import dead_mount, needs_fuse

pytestmark = needs_root


class Fooled(CarefulFiles):
    """The folder was there when it was looked at."""

    async def kind(self, path: str) -> str:
        return "Directory"


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(1)
    yield pool
    pool.close()


class Node:
    """One local volume at `folder`, of an agent with a single thread."""

    def __init__(self, top: Path, files: CarefulFiles, threads: Threads, folder: Path) -> None:
        self.root = f"{top}/root"
        self.place: Place = place_of(self.root, UID, LocalVolume.name, "pv0")
        self.kind = LocalVolume(self.root, Mortal(), files, threads, BlockDevices())
        source = v1.LocalVolumeSource(path=str(folder))
        self.volume = PersistentVolume(name="pv0", spec=v1.PersistentVolumeSpec(local=source))
        claim = v1.PersistentVolumeClaimSpec()
        self.claim = Claim(namespace="default", name="c", spec=claim, volume="pv0")

    async def set_up(self, pod: DesiredPod) -> VolumePlace:
        return await self.kind.set_up_persistent(
            pod, self.volume, self.place, claim=self.claim, read_only=False
        )


async def test_a_slow_folder_is_bound_and_given_to_the_group_by_other_processes(
    tmp_path: Path, threads: Threads
) -> None:
    folder, other = tmp_path / "nfs", tmp_path / "nfs2"
    for one in (folder, other):
        one.mkdir()
        (one / "file").touch(mode=0o600)
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(
        "".join(f"9 1 0:9 / {one} rw - nfs4 host:/x rw\n" for one in (folder, other))
    )
    files = CarefulFiles(threads, Mortal(), mountinfo=str(mountinfo))
    node, again = (Node(tmp_path, files, threads, one) for one in (folder, other))
    pod = a_pod(context=v1.PodSecurityContext(fsGroup=4321))
    place = tmp_path / "root/pods" / UID / "volumes/kubernetes.io~local-volume/pv0"
    for _ in range(2):
        assert (await node.set_up(pod)).host_path == str(place)
        assert len(mounts_below(str(place))) == 1
    about = (place / "file").stat()
    assert (about.st_gid, stat.S_IMODE(about.st_mode)) == (4321, 0o660)
    (other / "more").touch()
    await again.set_up(pod)
    assert (place / "more").exists() and len(mounts_below(str(place))) == 1
    await node.kind.tear_down(node.place)
    assert mounts_below(str(tmp_path)) == () and not place.exists()
    assert (folder / "file").exists()


@needs_fuse
async def test_a_folder_that_dies_after_it_was_looked_at_holds_no_thread(
    tmp_path: Path, threads: Threads
) -> None:
    dead = tmp_path / "dead"
    dead.mkdir()
    with dead_mount(dead):
        files = Fooled(threads, Mortal(), deadline=0.5)
        node = Node(tmp_path, files, threads, dead / "folder")
        async with asyncio.timeout(20):
            with pytest.raises(HostError, match=r"bind .*dead/folder: .* did not answer within"):
                await node.set_up(a_pod())
            assert await threads.run(lambda: "free") == "free"
            await node.kind.tear_down(node.place)
    assert mounts_below(str(tmp_path)) == ()
