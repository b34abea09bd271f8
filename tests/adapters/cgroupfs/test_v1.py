"""cgroup v1 on the real kernel, under a root of our own; detection on texts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from nodeagent.adapters.cgroupfs.detect import Layout, detect, read_layout
from nodeagent.adapters.cgroupfs.files import Files
from nodeagent.adapters.cgroupfs.kubepods import Kubepods
from nodeagent.adapters.cgroupfs.v1 import V1Tree
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError
from nodeagent.model.ids import PodUid
from nodeagent.model.launch import PodCgroup, Resources

HOST = read_layout(Path("/proc/self/mountinfo").read_text())
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or HOST.version != 1, reason="needs root and cgroup v1"
)
MIB = 1 << 20
UID = PodUid("0f1e-22")


class Node:
    """Our own root in every hierarchy, and a way to look inside."""

    def __init__(self, threads: Threads) -> None:
        self.root = f"/nodeagent-test-{os.getpid()}"
        self.layout = detect()
        self.tree = V1Tree(self.layout)
        self.cgroups = Kubepods(self.tree, threads, root=self.root)
        self.path = f"{self.root}/kubepods/burstable/pod{UID}"

    def mount(self, controller: str) -> str:
        return next(h.mount for h in self.layout.hierarchies if controller in h.controllers)

    def folder(self, controller: str, path: str = "") -> Path:
        return Path(self.mount(controller) + (path or self.path))

    def folders(self, path: str = "") -> list[bool]:
        """Whether each hierarchy has the folder."""
        return [Path(h.mount + (path or self.path)).is_dir() for h in self.layout.hierarchies]

    def value(self, controller: str, name: str, path: str = "") -> str:
        return (self.folder(controller, path) / name).read_text().strip()

    def pod(self, pids_max: int = 0, path: str = "", **values: int) -> PodCgroup:
        resources = msgspec.convert(values, Resources)
        return PodCgroup(path=path or self.path, pids_max=pids_max, resources=resources)

    def clean(self) -> None:
        for _ in range(50):
            left = self.tree.remove([self.root])
            if not left.folders:
                return
            self.tree.kill(left)
            time.sleep(0.02)
        raise AssertionError(left)


@pytest.fixture
def node() -> Iterator[Node]:
    threads = Threads(2)
    node = Node(threads)
    yield node
    node.clean()
    threads.close()


async def test_a_pod_gets_its_folder_in_every_hierarchy_with_its_limits(node: Node) -> None:
    pod = node.pod(
        cpu_shares=512,
        cpu_quota=50_000,
        cpu_period=100_000,
        memory_limit_bytes=64 * MIB,
        pids_max=100,
    )
    for _ in range(2):
        await node.cgroups.ensure_pod(pod)
        assert all(node.folders())
        assert node.value("cpu", "cpu.shares") == "512"
        assert node.value("cpu", "cpu.cfs_quota_us") == "50000"
        assert node.value("memory", "memory.limit_in_bytes") == str(64 * MIB)
        assert node.value("pids", "pids.max") == "100"
    assert await node.cgroups.list_pods() == {UID: node.path}


async def test_a_new_cpuset_can_take_processes_at_every_level(node: Node) -> None:
    await node.cgroups.ensure_pod(node.pod(cpu_shares=2))
    for name in ("cpuset.cpus", "cpuset.mems"):
        above = node.value("cpuset", name, "/")
        for path in (node.root, f"{node.root}/kubepods", node.path):
            assert node.value("cpuset", name, path) == above


async def test_a_cpuset_left_empty_by_a_crash_is_filled(node: Node) -> None:
    node.folder("cpuset").mkdir(parents=True)
    await node.cgroups.ensure_pod(node.pod(cpu_shares=2))
    assert node.value("cpuset", "cpuset.cpus") != ""
    await node.cgroups.ensure_pod(PodCgroup(path=node.path, resources=Resources(cpuset_cpus="0")))
    assert node.value("cpuset", "cpuset.cpus") == "0"


async def test_limits_shrink_grow_and_go_whatever_parent_and_child_hold(node: Node) -> None:
    """On v1 a quota may not exceed the parent's share, nor fall below a child's."""
    parent = node.pod(path=f"{node.root}/kubepods", cpu_quota=100_000, cpu_period=100_000)
    await node.cgroups.ensure_root(parent)
    child = f"{node.path}/container"
    await node.cgroups.ensure_pod(node.pod(cpu_quota=100_000, cpu_period=100_000))
    await node.cgroups.ensure_pod(node.pod(path=child, cpu_quota=20_000, cpu_period=100_000))
    for quota, period in (
        (10_000, 10_000),
        (500_000, 1_000_000),
        (20_000, 50_000),
        (3_000, 10_000),
    ):
        await node.cgroups.ensure_pod(
            node.pod(cpu_quota=quota, cpu_period=period, memory_limit_bytes=quota * 1024)
        )
        assert node.value("cpu", "cpu.cfs_quota_us") == str(quota)
        assert node.value("cpu", "cpu.cfs_period_us") == str(period)
        assert int(node.value("memory", "memory.limit_in_bytes")) == quota * 1024 // 4096 * 4096
    await node.cgroups.ensure_pod(node.pod(cpu_shares=2))
    assert node.value("cpu", "cpu.cfs_quota_us") == "-1"
    assert int(node.value("memory", "memory.limit_in_bytes")) > 1 << 62
    assert node.value("pids", "pids.max") == "max"


async def test_a_parent_keeps_limits_that_are_not_asked_for(node: Node) -> None:
    path = f"{node.root}/kubepods"
    await node.cgroups.ensure_root(node.pod(path=path, memory_limit_bytes=512 * MIB, pids_max=999))
    await node.cgroups.ensure_root(node.pod(path=path, cpu_shares=2048))
    assert node.value("memory", "memory.limit_in_bytes", path) == str(512 * MIB)
    assert node.value("pids", "pids.max", path) == "999"
    assert node.value("cpu", "cpu.shares", path) == "2048"


async def test_a_refused_value_is_named_and_the_others_are_set(node: Node) -> None:
    await node.cgroups.ensure_root(
        node.pod(path=f"{node.root}/kubepods", cpu_quota=10_000, cpu_period=100_000)
    )
    with pytest.raises(HostError, match=r"set quota .*cpu.cfs_quota_us: Invalid argument \(the"):
        await node.cgroups.ensure_pod(
            node.pod(cpu_quota=90_000, cpu_period=100_000, memory_limit_bytes=MIB, pids_max=7)
        )
    assert node.value("memory", "memory.limit_in_bytes") == str(MIB)
    assert node.value("pids", "pids.max") == "7"


class Counting(Files):
    """Real files, and a list of what was written."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, path: str, value: str) -> None:
        self.written.append(path)
        super().write(path, value)


class Forbidden(Files):
    """A host on which writing is not allowed."""

    def write(self, path: str, value: str) -> None:
        raise PermissionError(1, "Operation not permitted")


def test_values_that_hold_are_not_written_again(node: Node) -> None:
    files = Counting()
    tree = V1Tree(node.layout, files)
    pod = node.pod(cpu_shares=512, cpu_quota=1000, cpu_period=100_000, memory_limit_bytes=MIB + 1)
    tree.ensure(node.path, pod, lift=True)
    assert len(files.written) > 3
    files.written.clear()
    tree.ensure(node.path, pod, lift=True)
    assert files.written == []


def test_a_forbidden_write_is_an_error_that_says_what_to_do(node: Node) -> None:
    node.tree.ensure(f"{node.root}/kubepods", node.pod(), lift=False)
    with pytest.raises(HostError, match=r"Operation not permitted .the agent may not change"):
        V1Tree(node.layout, Forbidden()).ensure(node.path, node.pod(cpu_shares=5), lift=True)


SLEEPER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    processes = [subprocess.Popen([sys.executable, "-c", SLEEPER]) for _ in range(2)]
    yield processes
    for process in processes:
        process.kill()
        process.wait(5)


async def test_removing_a_pod_kills_what_is_left_in_any_class_and_controller(
    node: Node, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    await node.cgroups.ensure_pod(node.pod(cpu_shares=2))
    other = f"{node.root}/kubepods/besteffort/pod{UID}"
    await node.cgroups.ensure_pod(node.pod(path=other, cpu_shares=2))
    deep = node.folder("pids") / "container/nested"
    deep.mkdir(parents=True)
    in_cpu = node.folder("freezer", other)
    (deep / "cgroup.procs").write_text(str(sleepers[0].pid))
    (in_cpu / "cgroup.procs").write_text(str(sleepers[1].pid))
    (in_cpu / "freezer.state").write_text("FROZEN")
    for _ in range(2):
        await node.cgroups.remove_pod(UID)
        assert await node.cgroups.list_pods() == {}
    assert not any(node.folders() + node.folders(other))
    assert [process.wait(5) for process in sleepers] == [-signal.SIGKILL] * 2


async def test_a_pod_that_is_only_in_one_controller_is_listed_and_removed(node: Node) -> None:
    node.folder("memory").mkdir(parents=True)
    assert await node.cgroups.list_pods() == {UID: node.path}
    await node.cgroups.remove_pod(UID)
    assert await node.cgroups.list_pods() == {}


async def test_huge_page_limits_without_the_controller_do_no_harm(node: Node) -> None:
    if any("hugetlb" in h.controllers for h in node.layout.hierarchies):
        pytest.skip("this host has the controller")
    pod = PodCgroup(path=node.path, resources=Resources(hugepages=(("2MB", 1 << 62),)))
    await node.cgroups.ensure_pod(pod)
    assert node.folder("cpu").is_dir()


def test_memory_with_swap_is_raised_before_memory_and_lowered_after(tmp_path: Path) -> None:
    """The kernel refuses a memory limit above that of memory with swap."""
    layout = read_layout(f"1 2 0:1 / {tmp_path} rw - cgroup cgroup rw,memory")
    folder = tmp_path / "p"
    folder.mkdir()
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        (folder / name).write_text(str(10 * MIB))
    files = Counting()
    tree = V1Tree(layout, files)
    for size, first in ((20 * MIB, "memsw"), (5 * MIB, "memory.limit")):
        (folder / "memory.limit_in_bytes").write_text(str(10 * MIB))
        (folder / "memory.memsw.limit_in_bytes").write_text(str(10 * MIB))
        files.written.clear()
        want = Resources(memory_limit_bytes=size, memory_swap_limit_bytes=size)
        tree.ensure("/p", PodCgroup(path="/p", resources=want), lift=True)
        assert first in files.written[0]
        assert len(files.written) == 2


def test_hosts_are_told_apart(tmp_path: Path) -> None:
    def line(point: str, fstype: str, options: str) -> str:
        return f"1 2 0:1 / {point} rw shared:3 - {fstype} cgroup {options}\n"

    both = line("/c/cpu\\040x,cpuacct", "cgroup", "rw,cpu,cpuacct")
    named = line("/c/systemd", "cgroup", "rw,xattr,name=systemd")
    v2 = line("/c/unified", "cgroup2", "rw,nsdelegate")
    hybrid = read_layout(both + named + v2 + line("/again", "cgroup", "rw,cpu,cpuacct"))
    assert hybrid.version == 1
    assert hybrid.unified == "/c/unified"
    assert [(h.mount, sorted(h.controllers)) for h in hybrid.hierarchies] == [
        ("/c/cpu x,cpuacct", ["cpu", "cpuacct"]),
        ("/c/systemd", ["name=systemd"]),
    ]
    assert read_layout(v2).version == 2
    assert read_layout(named + v2).version == 2
    assert read_layout("1 2 0:1 / /proc rw - proc proc rw") == Layout()


def test_a_host_without_a_needed_controller_says_how_to_get_it(tmp_path: Path) -> None:
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(f"1 2 0:1 / {tmp_path} rw - cgroup2 cgroup rw\n")
    (tmp_path / "cgroup.controllers").write_text("cpu pids\n")
    with pytest.raises(HostError, match=r"controllers memory are not usable.*cgroup_enable=memory"):
        detect(str(mountinfo))
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    assert detect(str(mountinfo)) == Layout(unified=str(tmp_path))


def test_huge_pages_and_their_reservations_are_limited_where_the_kernel_can(
    tmp_path: Path,
) -> None:
    tree = V1Tree(read_layout(f"1 2 0:1 / {tmp_path} rw - cgroup cgroup rw,hugetlb"))
    names = ("hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.rsvd.limit_in_bytes")
    (tmp_path / "p").mkdir()
    for name in (*names, "hugetlb.1GB.limit_in_bytes"):
        (tmp_path / "p" / name).write_text("9223372036854771712\n")
    want = Resources(hugepages=(("2MB", 4 * MIB), ("1GB", 0), ("64KB", 0)))
    tree.ensure("/p", PodCgroup(path="/p", resources=want), lift=True)
    values = {file.name: file.read_text() for file in (tmp_path / "p").iterdir()}
    assert {name: int(values[name].split()[0]) for name in names} == dict.fromkeys(names, 4 * MIB)
    assert values["hugetlb.1GB.limit_in_bytes"].startswith("0")
