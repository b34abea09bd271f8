"""The port over whatever tree: giving up on processes, and one spelling of paths."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from nodeagent.adapters.cgroupfs.detect import Hierarchy, Layout
from nodeagent.adapters.cgroupfs.kubepods import Kubepods
from nodeagent.adapters.cgroupfs.systemd import SystemdTree, connect
from nodeagent.adapters.cgroupfs.teardown import Left
from nodeagent.adapters.cgroupfs.v1 import V1Tree
from nodeagent.adapters.cgroupfs.v2 import V2Tree
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup
from nodeagent.model.memory_use import MemoryUse

UID = PodUid("0f1e-22")


class Undead:
    """A tree whose processes survive `rounds` kills."""

    def __init__(self, rounds: int, pids: tuple[int, ...]) -> None:
        self.rounds, self.pids = rounds, pids
        self.kills = 0

    def has(self, path: str) -> bool:
        return True

    def ensure(self, path: str, cgroup: PodCgroup, *, lift: bool) -> None:
        raise NotImplementedError

    def remove(self, paths: Iterable[str]) -> Left:
        return Left(folders=("/x",), pids=self.pids) if self.kills < self.rounds else Left()

    def kill(self, left: Left) -> None:
        self.kills += 1

    def memory_use(self, path: str, *, below: bool = True) -> dict[str, MemoryUse]:
        return {}

    def tasks(self, path: str) -> int | None:
        return None

    def pods(self, parents: Iterable[str]) -> dict[PodUid, str]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("pids", "text"),
    [((12, 13), "processes stay after 5 rounds of SIGKILL: 12, 13"), ((), "no process is in it")],
)
async def test_processes_that_survive_five_rounds_are_named(
    pids: tuple[int, ...], text: str
) -> None:
    threads = Threads(1)
    tree = Undead(9, pids)
    with pytest.raises(HostError, match=text):
        await Kubepods(tree, threads, pause=0.0).remove_pod(UID)
    assert tree.kills == 5
    patient = Undead(5, pids)
    await Kubepods(patient, threads, pause=0.0).remove_pod(UID)
    assert patient.kills == 5
    threads.close()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("driver", ["cgroupfs", "systemd"])
async def test_pods_are_listed_by_the_same_paths_whatever_version_and_driver(
    tmp_path: Path, version: int, driver: str
) -> None:
    mount = str(tmp_path)
    hierarchy = Hierarchy(mount=mount, controllers=frozenset({"cpu"}))
    inner = V1Tree(Layout(hierarchies=(hierarchy,))) if version == 1 else V2Tree(mount)
    tree = SystemdTree(inner, version, connect) if driver == "systemd" else inner
    folder = (
        "own.slice/own-kubepods.slice/own-kubepods-pod0f1e_22.slice"
        if driver == "systemd"
        else f"own/kubepods/pod{UID}"
    )
    (tmp_path / folder).mkdir(parents=True)
    threads = Threads(1)
    assert await Kubepods(tree, threads, root="/own").list_pods() == {
        UID: f"/own/kubepods/pod{UID}"
    }
    threads.close()
