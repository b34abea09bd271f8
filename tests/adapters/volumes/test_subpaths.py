"""subPath: what is bound, what is refused, and an agent killed half-way."""

from pathlib import Path

import msgspec
import pytest
from lightkube.models import core_v1 as v1

from nodeagent.errors import ConfigError
from nodeagent.model.desired import DesiredPod
from tests.adapters.volumes.world import UID, Killed, World, a_pod, empty, mode, needs_root

pytestmark = needs_root


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
    with pytest.raises(ConfigError, match="NUL character"):
        await prepare(world, with_subpath("a\0b"))
    (world.place("data") / "dangling").symlink_to("nowhere")
    with pytest.raises(ConfigError, match="a link that leads nowhere"):
        await prepare(world, with_subpath("dangling"))
    (world.place("data") / "file").touch()
    with pytest.raises(ConfigError, match="Not a directory"):
        await prepare(world, with_subpath("file/x"))


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
