"""gitRepo volumes over a real git server: whole or not there, and never twice."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube.models import core_v1 as v1

from nodeagent.aio.threads import Threads
from nodeagent.errors import MountFailed, NotSupported
from tests.adapters.volumes.world import UID, World, a_pod
from tests.fakes.git_server import GitServer, git_server, needs_git

pytestmark = needs_git
CLONE = "volumes/kubernetes.io~git-repo/code"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as server:
        server.commit("app", {"word": "one"})
        yield server


def code(server: GitServer, name: str = "app", **more: str) -> v1.Volume:
    source = v1.GitRepoVolumeSource(repository=server.url(name), **more)
    return v1.Volume(name="code", gitRepo=source)


async def test_a_clone_stays_as_the_pod_changed_it_until_it_is_torn_down(
    world: World, server: GitServer
) -> None:
    pod = a_pod(code(server, directory="."))
    (place,) = (await world.volumes.set_up(pod)).values()
    top = world.pod_folder / CLONE
    assert place.host_path == str(top)
    assert (place.read_only, stat.S_IMODE(top.stat().st_mode)) == (False, 0o777)
    (top / "word").write_text("of the pod")
    server.commit("app", {"word": "two"})
    await world.volumes.set_up(pod)
    assert (top / "word").read_text() == "of the pod"
    (found,) = await world.volumes.stats(pod)
    assert found.folder == str(top) and not found.in_memory
    for _ in range(2):
        await world.volumes.tear_down(UID)
        assert not (world.pod_folder / "volumes").exists()
        assert not list(world.pod_folder.rglob("code"))


async def test_the_pods_group_may_write_it(world: World, server: GitServer) -> None:
    pod = a_pod(code(server), context=v1.PodSecurityContext(fsGroup=4321))
    await world.volumes.set_up(pod)
    top = world.pod_folder / CLONE
    for path, mode in ((top, 0o2777), (top / "app", 0o2775), (top / "app/word", 0o664)):
        about = path.stat()
        assert (about.st_gid, stat.S_IMODE(about.st_mode)) == (4321, mode)


async def test_what_an_agent_left_half_done_is_made_anew(world: World, server: GitServer) -> None:
    half = world.pod_folder / "plugins/kubernetes.io~git-repo/code/0123"
    for left in (half / "tree/junk", half / "root", world.pod_folder / CLONE / "junk"):
        left.mkdir(parents=True)
    await world.volumes.set_up(a_pod(code(server)))
    assert [path.name for path in (world.pod_folder / CLONE).iterdir()] == ["app"]
    assert [path.name for path in half.parent.iterdir()] == ["ready"]


async def test_a_failed_clone_shows_nothing_and_the_next_try_does(
    world: World, server: GitServer
) -> None:
    pod = a_pod(code(server, "later"))
    with pytest.raises(MountFailed, match=r'volume "code" : .*: git clone .*: exit code 128'):
        await world.volumes.set_up(pod)
    assert not (world.pod_folder / CLONE).exists()
    server.commit("later", {"word": "x"})
    await world.volumes.set_up(pod)
    assert (world.pod_folder / CLONE / "later/word").read_text() == "x"


async def test_a_clone_may_not_take_more_than_the_pod(world: World, server: GitServer) -> None:
    server.commit("app", {"large": bytes(2 << 20)})
    with pytest.raises(MountFailed, match="it takes more than 1 MiB"):
        await world.volumes.set_up(a_pod(code(server), limits={"ephemeral-storage": "1Mi"}))


async def test_what_is_not_enabled_or_not_allowed_is_refused(
    tmp_path: Path, world: World, server: GitServer
) -> None:
    pod = a_pod(code(server, revision="-f"))
    assert world.volumes.unsupported(pod) == (
        'volume "code": "-f" is an invalid value for revision: it may not start with "-"'
    )
    threads = Threads(1)
    closed = World(tmp_path / "closed", threads, clones=False).volumes
    why = 'kind "gitRepo" is off: .* init container .* feature gate GitRepoVolumeDriver'
    with pytest.raises(NotSupported, match=why):
        await closed.set_up(a_pod(code(server)))
    assert "init container" in closed.unsupported(a_pod(code(server)))
    threads.close()
