"""Memory and tasks of cgroups in the files of both versions."""

from pathlib import Path

import pytest

from nodeagent.adapters.cgroupfs.detect import Hierarchy, Layout
from nodeagent.adapters.cgroupfs.kubepods import Kubepods, Tree
from nodeagent.adapters.cgroupfs.v1 import V1Tree
from nodeagent.adapters.cgroupfs.v2 import V2Tree
from nodeagent.aio.threads import Threads
from nodeagent.model.memory_use import MemoryUse

MEMBER = "cri-containerd-abc.scope"


def write(folder: Path, version: int, *, amount: int) -> None:
    used = "memory.usage_in_bytes" if version == 1 else "memory.current"
    # Version 1 counts the cgroup alone without "total_".
    stat = "inactive_file 9\ntotal_inactive_file 30\n" if version == 1 else "inactive_file 30\n"
    folder.mkdir(parents=True)
    (folder / used).write_text(f"{amount}\n")
    (folder / "memory.stat").write_text(f"cache 1\n{stat}")
    (folder / "pids.current").write_text("7\n")


@pytest.fixture(params=[1, 2])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Tree:
    write(tmp_path / "kubepods/podx", request.param, amount=100)
    write(tmp_path / f"kubepods/podx/{MEMBER}", request.param, amount=20)
    (tmp_path / "kubepods/podx/other").mkdir()
    return tree_of(request.param, tmp_path)


def tree_of(version: int, top: Path) -> Tree:
    if version == 2:
        return V2Tree(str(top))
    names = ("memory", "pids")
    hierarchies = tuple(Hierarchy(mount=str(top), controllers=frozenset((name,))) for name in names)
    return V1Tree(Layout(hierarchies=hierarchies))


async def test_the_working_set_leaves_out_files_nobody_used_of_late(tree: Tree) -> None:
    threads = Threads(1)
    pods = Kubepods(tree, threads)
    assert await pods.memory_use("/kubepods/podx") == {
        "": MemoryUse(used_bytes=100, working_set_bytes=70),
        "abc": MemoryUse(used_bytes=20, working_set_bytes=0),
    }
    assert set(await pods.memory_use("/kubepods/podx", below=False)) == {""}
    assert await pods.memory_use("/kubepods/gone") == {}
    assert await pods.tasks("/kubepods/podx") == 7
    assert await pods.tasks("/kubepods/gone") is None
    threads.close()
