"""Local volumes on block devices: on loop devices, with the real tools."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.adapters.host.mounts import mounts_below
from nodeagent.errors import MountFailed
from nodeagent.model.data import Claim, PersistentVolume
from nodeagent.model.desired import DesiredPod
from nodeagent.model.ids import PodUid
from tests.adapters.volumes.world import UID, Killed, World, a_pod, needs_root

MIB = 1 << 20
KIND = "kubernetes.io~local-volume"


def has_loops() -> bool:
    return os.geteuid() == 0 and Path("/dev/loop-control").exists()


pytestmark = [
    needs_root,
    pytest.mark.skipif(not has_loops() or not shutil.which("losetup"), reason="no loop devices"),
]


@pytest.fixture
def disk(world: World) -> Iterator[Callable[[bytes], str]]:
    """Makes loop devices of 16 MiB that begin with these bytes."""
    made: list[str] = []

    def make(content: bytes = b"") -> str:
        file = world.top / f"disk{len(made)}"
        with file.open("wb") as out:
            out.write(content)
            out.truncate(16 * MIB)
        done = run("losetup", "--find", "--show", str(file))
        made.append(done)
        return done

    yield make
    for point in world.mounts():
        world.kernel.unmount(point)
    for device in made:
        run("losetup", "--detach", device)


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def state(device: str) -> str:
    """What ext4 says of itself."""
    lines = run("dumpe2fs", "-h", device).splitlines()
    return next(line for line in lines if line.startswith("Filesystem state")).split(":")[1].strip()


def beginning(device: str) -> bytes:
    """Its first MiB."""
    with Path(device).open("rb") as file:
        return file.read(MIB)


def bound(world: World, device: str, **more: object) -> None:
    """The claim "data" has this device."""
    source = v1.LocalVolumeSource(path=device, **more)  # type: ignore[arg-type]
    world.data.put(PersistentVolume(name="pv0", spec=v1.PersistentVolumeSpec(local=source)))
    spec = v1.PersistentVolumeClaimSpec()
    world.data.put(Claim(namespace="default", name="data", spec=spec, volume="pv0"))


def using(uid: str = UID, *, read_only: bool = False, group: int | None = None) -> DesiredPod:
    source = v1.PersistentVolumeClaimVolumeSource(claimName="data", readOnly=read_only)
    context = v1.PodSecurityContext(fsGroup=group) if group is not None else None
    pod = a_pod(v1.Volume(name="p", persistentVolumeClaim=source), context=context)
    return msgspec.structs.replace(pod, uid=PodUid(uid))


def place(world: World, uid: str = UID) -> Path:
    return world.top / "root/pods" / uid / "volumes" / KIND / "pv0"


def node_mount(world: World) -> Path:
    return world.top / "root/plugins/kubernetes.io/local-volume/mounts/pv0"


async def test_a_blank_device_is_formatted_once_and_keeps_its_files(
    world: World, disk: Callable[[bytes], str]
) -> None:
    bound(world, disk(b""))
    for number in range(3):
        places = await world.volumes.set_up(using(group=4321))
        found = place(world)
        assert places["p"].host_path == str(found) and not places["p"].read_only
        (mount,) = mounts_below(str(found))
        assert mount.fstype == "ext4" and found.stat().st_gid == 4321
        (found / f"file{number}").touch()
        if number == 1:  # as after a reboot
            for point in world.mounts():
                world.kernel.unmount(point)
    assert {path.name for path in found.glob("file*")} == {"file0", "file1", "file2"}
    for _ in range(2):
        await world.volumes.tear_down(UID)
        assert world.mounts() == [] and not node_mount(world).exists()


async def test_the_node_mounts_a_device_once_for_all_its_pods(
    world: World, disk: Callable[[bytes], str]
) -> None:
    bound(world, disk(b""))
    await asyncio.gather(*(world.volumes.set_up(using(uid)) for uid in ("one", "two")))
    (place(world, "one") / "word").write_text("shared")
    assert (place(world, "two") / "word").read_text() == "shared"
    assert len(world.mounts()) == 3
    await world.volumes.tear_down(PodUid("one"))
    assert set(world.mounts()) == {str(node_mount(world)), str(place(world, "two"))}
    await world.volumes.set_up(using("one"))
    await asyncio.gather(*(world.volumes.tear_down(PodUid(uid)) for uid in ("one", "two")))
    assert world.mounts() == [] and not node_mount(world).exists()


@pytest.mark.parametrize("after", [False, True])
async def test_an_agent_that_dies_half_way_leaves_nothing_that_the_next_cannot_take_away(
    world: World, disk: Callable[[bytes], str], after: bool
) -> None:
    bound(world, disk(b""))
    for die_at in (1, 2, 3):
        world.kernel.calls, world.kernel.die_at, world.kernel.after = 0, die_at, after
        with suppress(Killed):
            await world.volumes.set_up(using())
            await world.volumes.tear_down(UID)
        world.kernel.die_at = 0
        await world.volumes.tear_down(UID)
        assert world.mounts() == [] and not node_mount(world).exists()


@pytest.mark.parametrize(
    ("content", "read_only", "words"),
    [
        (b"somebody's data", False, "holds data that no tool knows: it is not formatted"),
        (b"", True, "cannot mount unformatted disk"),
    ],
)
async def test_what_is_not_blank_or_not_to_be_written_is_left_as_it_is(
    world: World, disk: Callable[[bytes], str], content: bytes, read_only: bool, words: str
) -> None:
    device = disk(content)
    bound(world, device)
    before = beginning(device)
    with pytest.raises(MountFailed, match=words):
        await world.volumes.set_up(using(read_only=read_only))
    assert beginning(device) == before
    assert not list(world.top.glob("root/plugins/kubernetes.io/local-volume/formatting/*"))
    await world.volumes.tear_down(UID)
    assert world.mounts() == []


async def test_erased_flash_is_blank_too(world: World, disk: Callable[[bytes], str]) -> None:
    bound(world, disk(b"\xff" * MIB))
    await world.volumes.set_up(using())
    assert place(world).joinpath("lost+found").is_dir()


async def test_a_damaged_file_system_is_mended_before_it_is_mounted(
    world: World, disk: Callable[[bytes], str]
) -> None:
    device = disk(b"")
    run("mkfs.ext4", "-q", device)
    run("debugfs", "-w", "-R", "ssv state 2", device)
    assert "errors" in state(device)
    bound(world, device)
    await world.volumes.set_up(using())
    await world.volumes.tear_down(UID)
    assert state(device) == "clean"


async def test_a_partition_table_is_never_formatted(
    world: World, disk: Callable[[bytes], str]
) -> None:
    table = bytes(446) + bytes.fromhex("000101008303203f0008000000f80f00") + bytes(48) + b"\x55\xaa"
    device = disk(table)
    bound(world, device)
    with pytest.raises(MountFailed, match="unknown data, probably partitions"):
        await world.volumes.set_up(using())
    assert beginning(device)[:512] == table


async def test_a_device_with_files_is_mounted_as_it_is_also_for_reading(
    world: World, disk: Callable[[bytes], str]
) -> None:
    device = disk(b"")
    run("mkfs.ext4", "-q", device)
    bound(world, device)
    places = await world.volumes.set_up(using(read_only=True))
    assert places["p"].read_only
    (mount,) = mounts_below(str(node_mount(world)))
    assert "ro" in mount.options.split(",")
    assert (place(world) / "lost+found").is_dir()


async def test_another_file_system_than_asked_for_is_an_error_that_formats_nothing(
    world: World, disk: Callable[[bytes], str]
) -> None:
    device = disk(b"")
    run("mkfs.ext4", "-q", device)
    bound(world, device, fsType="xfs")
    with pytest.raises(MountFailed, match="mount xfs"):
        await world.volumes.set_up(using())
    assert "ext4" in run("blkid", "-p", "-s", "TYPE", device)


async def test_a_formatting_that_was_broken_off_is_taken_up_again(
    world: World, disk: Callable[[bytes], str]
) -> None:
    device = disk(b"half of a file system")
    bound(world, device)
    mark = begun(world, device)
    await world.volumes.set_up(using())
    assert not mark.exists()
    assert [mount.fstype for mount in mounts_below(str(place(world)))] == ["ext4"]


async def test_what_was_begun_on_another_device_of_that_volume_formats_nothing(
    world: World, disk: Callable[[bytes], str]
) -> None:
    other, device = disk(b"half of a file system"), disk(b"a database")
    begun(world, other)
    bound(world, device)
    before = beginning(device)
    with pytest.raises(MountFailed, match="holds data that no tool knows"):
        await world.volumes.set_up(using())
    assert beginning(device) == before


def begun(world: World, device: str) -> Path:
    """The mark of an agent that was killed while it formatted the device for this volume."""
    mark = world.top / "root/plugins/kubernetes.io/local-volume/formatting/pv0"
    mark.parent.mkdir(parents=True)
    mark.write_text(device)
    return mark


async def test_a_type_without_its_tool_says_what_to_install(
    world: World, disk: Callable[[bytes], str]
) -> None:
    bound(world, disk(b""), fsType="nosuch")
    with pytest.raises(MountFailed, match=r"no mkfs\.nosuch on this node: install"):
        await world.volumes.set_up(using())
