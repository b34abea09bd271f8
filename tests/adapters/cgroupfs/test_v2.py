"""cgroup v2 on a folder that behaves as the kernel does, and without controllers for real."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.adapters.cgroupfs.detect import read_layout
from nodeagent.adapters.cgroupfs.files import Files
from nodeagent.adapters.cgroupfs.kubepods import Kubepods
from nodeagent.adapters.cgroupfs.v2 import V2Tree
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.metrics import AgentMetrics
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources
from tests.fakes.figures import value

UID = PodUid("0f1e-22")
MIB = 1 << 20
POD = f"/kubepods/burstable/pod{UID}"
FRESH = {
    "cpu": {"cpu.weight": "100", "cpu.max": "max 100000"},
    "cpuset": {"cpuset.cpus": "", "cpuset.mems": ""},
    "memory": {"memory.max": "max", "memory.current": "0", "memory.swap.max": "max"},
    "pids": {"pids.max": "max"},
    "hugetlb": {"hugetlb.2MB.max": "max", "hugetlb.2MB.rsvd.max": "max"},
    "io": {"io.weight": "default 100"},
}


class FixtureKernel(Files):
    """Keeps a folder as the kernel keeps cgroup v2 (cgroup-v2.rst), as far as it matters here."""

    def __init__(self, top: Path, controllers: str) -> None:
        self.written: list[str] = []
        self.refused: set[str] = set()
        self._begin(top, controllers)

    def _begin(self, folder: Path, controllers: str) -> None:
        (folder / "cgroup.controllers").write_text(f"{controllers}\n")
        for name in ("cgroup.subtree_control", "cgroup.procs", "cgroup.kill"):
            (folder / name).write_text("")

    def make(self, path: str) -> bool:
        if not super().make(path):
            return False
        folder = Path(path)
        self._begin(folder, (folder.parent / "cgroup.subtree_control").read_text().strip())
        self._give(folder)
        return True

    def _give(self, folder: Path) -> None:
        for controller in (folder / "cgroup.controllers").read_text().split():
            for name, content in FRESH[controller].items():
                if not (folder / name).exists():
                    (folder / name).write_text(content)

    def remove(self, path: str) -> None:
        folder = Path(path)
        if folder.exists() and (folder / "cgroup.procs").read_text():
            raise OSError(16, "Device or resource busy")
        if self.children(path):
            raise OSError(39, "Directory not empty")
        for file in folder.glob("*") if folder.exists() else ():
            file.unlink()
        super().remove(path)

    def write(self, path: str, value: str) -> None:
        file = Path(path)
        self.written.append(file.name)
        if file.name in self.refused or any(f"+{r}" in value for r in self.refused):
            raise OSError(22, "Invalid argument")
        if file.name == "cgroup.subtree_control":
            self._enable(file, value)
            return
        if file.name == "cgroup.kill":
            (file.parent / "cgroup.procs").write_text("")
        if file.name == "cpu.weight" and not 1 <= int(value) <= 10000:
            raise OSError(34, "Numerical result out of range")
        if file.name == "cpu.max" and " " not in value:
            value += " " + file.read_text().split()[1]
        file.stat()  # a control file that is not there cannot be made
        file.write_text(f"{value}\n")

    def _enable(self, file: Path, value: str) -> None:
        folder = file.parent
        there = (folder / "cgroup.controllers").read_text().split()
        names = [word.removeprefix("+") for word in value.split()]
        if not set(names) <= set(there):
            raise OSError(2, "No such file or directory")
        if (folder / "cgroup.procs").read_text():
            raise OSError(16, "Device or resource busy")
        held = file.read_text().split()
        file.write_text(" ".join(dict.fromkeys([*held, *names])))
        for child in folder.iterdir():
            if child.is_dir():
                (child / "cgroup.controllers").write_text(file.read_text())
                self._give(child)


class Node:
    def __init__(
        self, top: Path, controllers: str = "cpuset cpu io memory hugetlb pids rdma"
    ) -> None:
        top.mkdir()
        self.top = top
        self.kernel = FixtureKernel(top, controllers)
        self.tree = V2Tree(str(top), self.kernel)

    def ensure(
        self, path: str = POD, *, lift: bool = True, pids_max: int = 0, **values: int
    ) -> None:
        want = msgspec.convert(values, Resources)
        self.tree.ensure(path, PodCgroup(path=path, resources=want, pids_max=pids_max), lift=lift)

    def value(self, name: str, path: str = POD) -> str:
        return (self.top / path.strip("/") / name).read_text().strip()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "cgroup")


def test_controllers_are_handed_down_to_the_pod_and_not_by_it(node: Node) -> None:
    node.ensure(cpu_shares=1024)
    for path in ("/", "/kubepods", "/kubepods/burstable"):
        given = set(node.value("cgroup.subtree_control", path).split())
        assert given == {"cpu", "cpuset", "memory", "pids", "hugetlb", "io"}
    assert node.value("cgroup.subtree_control") == ""


def test_limits_are_set_in_the_units_of_v2(node: Node) -> None:
    want = Resources(
        cpu_shares=1024,
        cpu_quota=50_000,
        cpu_period=20_000,
        memory_limit_bytes=64 * MIB,
        hugepages=(("2MB", 4 * MIB), ("1GB", 0)),
        cpuset_cpus="0-1",
        unified=(("memory.swap.max", "0"),),
    )
    node.tree.ensure(POD, PodCgroup(path=POD, resources=want, pids_max=99), lift=True)
    assert node.value("cpu.weight") == "39"  # 1 + (1024 - 2) * 9999 / 262142, KEP-2254
    assert node.value("cpu.max") == "50000 20000"
    assert node.value("memory.max") == str(64 * MIB)
    assert node.value("memory.swap.max") == "0"
    assert node.value("pids.max") == "99"
    assert node.value("cpuset.cpus") == "0-1"
    assert [node.value(f"hugetlb.2MB.{n}") for n in ("max", "rsvd.max")] == [str(4 * MIB)] * 2


def test_the_ends_of_the_range_of_shares_are_the_ends_of_weight(node: Node) -> None:
    for shares, weight in ((2, "1"), (262_144, "10000")):
        node.ensure(cpu_shares=shares)
        assert node.value("cpu.weight") == weight


def test_nothing_is_written_that_holds_already(node: Node) -> None:
    node.ensure(cpu_shares=100, cpu_quota=1000, memory_limit_bytes=MIB + 5, pids_max=5)
    (node.top / POD[1:] / "memory.max").write_text(str(MIB))  # the kernel rounds to pages
    node.kernel.written.clear()
    node.ensure(cpu_shares=100, cpu_quota=1000, memory_limit_bytes=MIB + 5, pids_max=5)
    assert node.kernel.written == []


def test_a_pods_old_limits_go_and_a_parents_stay(node: Node) -> None:
    for path, lift, expect in ((POD, True, "max 20000"), ("/kubepods", False, "1000 20000")):
        node.ensure(
            path,
            lift=lift,
            pids_max=5,
            cpu_quota=1000,
            cpu_period=20_000,
            memory_limit_bytes=MIB,
        )
        node.ensure(path, lift=lift, cpu_shares=2)
        assert node.value("cpu.max", path) == expect
        assert node.value("memory.max", path) == ("max" if lift else str(MIB))
        assert node.value("pids.max", path) == ("max" if lift else "5")


def test_memory_in_use_is_not_cut_off(node: Node) -> None:
    node.ensure(memory_limit_bytes=64 * MIB)
    (node.top / POD[1:] / "memory.current").write_text(str(32 * MIB))
    with pytest.raises(HostError, match="33554432 bytes are in use"):
        node.ensure(memory_limit_bytes=16 * MIB, pids_max=3)
    assert node.value("pids.max") == "3"
    assert node.value("memory.max") == str(64 * MIB)


def test_an_optional_controller_that_is_refused_keeps_no_other_away(node: Node) -> None:
    node.kernel.refused = {"hugetlb"}
    node.ensure(cpu_shares=2, pids_max=7)
    assert node.value("pids.max") == "7"
    assert "hugetlb" not in node.value("cgroup.subtree_control", "/")


def test_a_needed_controller_that_is_refused_is_named(node: Node) -> None:
    node.kernel.refused = {"cpu"}
    with pytest.raises(HostError, match=r"enable cpu .*cgroup.subtree_control: Invalid argument"):
        node.ensure(memory_limit_bytes=MIB)
    assert node.value("memory.max") == str(MIB)


def test_a_host_without_pids_and_huge_pages_still_limits_the_rest(tmp_path: Path) -> None:
    node = Node(tmp_path / "cgroup", "cpu memory")
    want = Resources(cpu_shares=2, memory_limit_bytes=MIB, hugepages=(("2MB", 0),))
    node.tree.ensure(POD, PodCgroup(path=POD, resources=want), lift=True)
    assert node.value("memory.max") == str(MIB)
    with pytest.raises(HostError, match=r"set to 5 .*pids.max: No such file"):
        node.ensure(pids_max=5)


async def test_a_pod_is_listed_and_removed_with_what_runs_in_it(node: Node) -> None:
    threads = Threads(1)
    cgroups = Kubepods(node.tree, threads)
    node.ensure()
    node.kernel.make(f"{node.top}{POD}/container")
    (node.top / POD[1:] / "container/cgroup.procs").write_text("999999999\n")
    assert await cgroups.list_pods() == {UID: POD}
    for _ in range(2):
        await cgroups.remove_pod(UID)
        assert await cgroups.list_pods() == {}
    assert (node.top / "kubepods/burstable").is_dir()
    threads.close()


async def test_work_on_cgroups_is_told_as_what_it_was(node: Node) -> None:
    threads, metrics = Threads(1), AgentMetrics()
    cgroups = Kubepods(node.tree, threads, tell=metrics.node.cgroup)
    pod = PodCgroup(path=POD, resources=Resources(cpu_shares=2))
    for _ in range(3):
        await cgroups.ensure_pod(pod)
    await cgroups.remove_pod(UID)
    for operation, times in (("create", 1), ("update", 2), ("destroy", 1)):
        name = "kubelet_cgroup_manager_duration_seconds_count"
        assert value(metrics, name, operation_type=operation) == times
    threads.close()


UNIFIED = read_layout(Path("/proc/self/mountinfo").read_text()).unified
SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.fixture
def real(tmp_path: Path) -> Iterator[tuple[V2Tree, str, Path]]:
    """A tree of our own without controllers in the kernel's v2 mount."""
    root = f"/nodeagent-test-{os.getpid()}"
    tree = V2Tree(UNIFIED, controllers=frozenset())
    yield tree, root, Path(f"{UNIFIED}{root}/kubepods/pod{UID}")
    left = tree.remove([root])
    assert left.folders == ()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", SLEEPER])
    yield process
    process.kill()
    process.wait(5)


@pytest.mark.skipif(os.geteuid() != 0 or not UNIFIED, reason="needs root and a cgroup v2 mount")
async def test_the_real_kernel_lets_a_pod_with_a_process_go(
    real: tuple[V2Tree, str, Path], sleeper: subprocess.Popen[bytes]
) -> None:
    tree, root, pod = real
    threads = Threads(1)
    cgroups = Kubepods(tree, threads, root=root)
    (pod / "container").mkdir(parents=True)
    (pod / "container/cgroup.procs").write_text(str(sleeper.pid))
    assert await cgroups.list_pods() == {UID: f"{root}/kubepods/pod{UID}"}
    await cgroups.remove_pod(UID)
    assert not pod.exists()
    assert sleeper.wait(5) == -9
    threads.close()
