"""Usage read from trees of both versions, and the page made of it, whole, as files to compare."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from nodeagent.adapters.cgroupfs.usage import CgroupUsage
from nodeagent.aio.threads import Threads
from nodeagent.core.cadvisor import Scene
from nodeagent.core.cadvisor import cadvisor_page as pieces
from nodeagent.core.container_families import GROUPS, USE_FAMILIES
from nodeagent.core.exposition import encoded
from nodeagent.model.machine import BlockDevice, Dimm, Disks, Machine, MountedDevice
from nodeagent.model.scrapes import Tier
from nodeagent.model.usage import (
    CgroupKind,
    CgroupReading,
    FileSystem,
    Layer,
    Pressure,
    Reading,
    ReadingWish,
    Use,
)
from tests.fakes.cgroup_trees import AT, PARENTS, Tree, make_tree

read_openmetrics: Any = openmetrics_parser.text_string_to_metric_families  # has no types
GOLDEN = Path(__file__).parents[2] / "data" / "metrics"
DISKS = Disks(
    devices=(BlockDevice(major=254, minor=0, name="vda", reads=7, sectors_read=80, read_ms=1500),),
    mounted=(
        MountedDevice(
            device="/dev/vda",
            space=FileSystem(
                at=AT, capacity=1000, available=400, used=500, inodes=100, inodes_free=60
            ),
        ),
    ),
)
MACHINE = Machine(
    cores=4,
    physical_cores=2,
    memory=1 << 34,
    dimms=(Dimm(type="DDR5", count=2, capacity=1 << 34),),
    machine_id="m",
    system_uuid="s",
    boot_id="b",
    kernel="6.1",
    os_image='A "quoted" system',
    started_at=AT - 1000,
)
# Names that a kubelet has, and that promtool would choose otherwise.
NAMED_BY_OTHERS = {
    "cadvisor_version_info label names should be written in 'snake_case' not 'camelCase'",
    "container_cpu_load_d_average_10s metric names should not contain abbreviated units",
    'container_fs_inodes_total non-counter metrics should not have "_total" suffix',
    'container_memory_failcnt counter metrics should have "_total" suffix',
    'machine_dimm_count non-histogram and non-summary metrics should not have "_count" suffix',
}


def cadvisor_page(scene: Scene, tier: Tier, *, openmetrics: bool) -> str:
    """The whole page."""
    return "".join(pieces(scene, tier, openmetrics=openmetrics))


def read(tree: Tree, tier: Tier) -> Reading:
    threads = Threads(1)
    usage = CgroupUsage(tree.layout, threads, proc=str(tree.proc), now=lambda: AT)
    threads.close()
    return usage.read_now(
        ReadingWish(
            groups=GROUPS[tier],
            parents=PARENTS,
            sandboxes=tree.sandboxes,
            network=True,
            deep=tier is Tier.FULL,
        )
    )


def scene(tree: Tree, tier: Tier) -> Scene:
    reading = read(tree, tier)
    container = tree.pods[0].containers[0].id
    return Scene(
        reading=reading,
        pods=tree.pods,
        layers={container: Layer(at=AT, used=12345, inodes=3, place="/var/lib/layers")},
        sick=frozenset((container,)),
        loads={one.cgroup.path: (1.5, 0.0) for one in reading.cgroups},
        sandbox_image="registry.example/pause:1",
        machine=MACHINE,
        disks=DISKS,
        version="v1",
        runtime_version="2.1",
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("tier", list(Tier))
def test_the_page_of_a_tree_is_as_it_was(tmp_path: Path, version: int, tier: Tier) -> None:
    tree = make_tree(tmp_path, version=version)
    made = cadvisor_page(scene(tree, tier), tier, openmetrics=False)
    file = GOLDEN / f"v{version}-{tier.value}.txt"
    if os.environ.get("NODEAGENT_WRITE_GOLDEN"):
        file.write_text(made)
    assert made == file.read_text(), "NODEAGENT_WRITE_GOLDEN=1 writes it anew; look at the diff"


@pytest.mark.parametrize("openmetrics", [False, True])
def test_promtool_reads_the_page_and_minds_only_names_that_others_chose(
    tmp_path: Path, *, openmetrics: bool
) -> None:
    promtool = shutil.which("promtool")
    assert promtool is not None, "`make test` installs it with Debian's prometheus"
    tree = make_tree(tmp_path, version=2)
    page = cadvisor_page(scene(tree, Tier.FULL), Tier.FULL, openmetrics=openmetrics)
    if openmetrics:  # which promtool does not read
        assert page.endswith("# EOF\n") and "# TYPE container_cpu_usage_seconds counter" in page
        return
    done = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert set(done.stderr.splitlines()) == NAMED_BY_OTHERS
    assert done.returncode == 3  # it read everything, and minds names


def counts(tree: Tree, tier: Tier) -> dict[str, int]:
    """Series by what they are of: a container, a pod (its cgroup and its sandbox), the node."""
    page = cadvisor_page(scene(tree, tier), tier, openmetrics=False)
    found = {"container": 0, "pod": 0, "node": 0}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            labels = sample.labels
            kind = (
                "container" if labels.get("container") else "pod" if labels.get("pod") else "node"
            )
            found[kind] += 1
    return found


def test_the_core_tier_has_few_series(tmp_path: Path) -> None:
    for version in (1, 2):
        told = counts(make_tree(tmp_path / str(version), version=version), Tier.CORE)
        assert told["container"] <= 12
        assert told["pod"] <= 8


def test_each_tier_has_all_that_the_one_before_has(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, version=2)
    pages = [cadvisor_page(scene(tree, tier), tier, openmetrics=False) for tier in Tier]
    lines = [{line for line in page.splitlines() if line[0] != "#"} for page in pages]
    assert lines[0] < lines[1] < lines[2]


HOSTILE = 'a"b\\c,{d}="e'


def test_names_of_interfaces_devices_and_images_cannot_break_the_page(tmp_path: Path) -> None:
    """A container may name its interfaces as it likes, but for spaces, slashes and colons."""
    tree = make_tree(tmp_path, version=1)
    for dev in tree.proc.glob("*/net/dev"):
        dev.write_text(dev.read_text().replace("eth0", HOSTILE))
    seen = scene(tree, Tier.FULL)
    pod = tree.pods[0]
    container = msgspec.structs.replace(pod.containers[0], image=f"{HOSTILE}\n\udcff")
    pods = (msgspec.structs.replace(pod, containers=(container,)),)
    mounted = (msgspec.structs.replace(DISKS.mounted[0], device=f"/dev/{HOSTILE}"),)
    layers = {container.id: Layer(at=AT, used=1, inodes=1, place=f"/{HOSTILE}\n")}
    disks = msgspec.structs.replace(DISKS, mounted=mounted)
    seen = msgspec.structs.replace(seen, pods=pods, disks=disks, layers=layers)
    for openmetrics, reader in ((False, text_string_to_metric_families), (True, read_openmetrics)):
        page = encoded(cadvisor_page(seen, Tier.FULL, openmetrics=openmetrics)).decode()
        samples = [s for family in reader(page) for s in family.samples]
        told = {name: {s.labels.get(name) for s in samples} for name in ("image", "interface")}
        assert f"{HOSTILE}\n?" in told["image"] and HOSTILE in told["interface"]
        devices = {s.labels.get("device") for s in samples if s.name == "container_fs_usage_bytes"}
        assert devices == {f"/dev/{HOSTILE}", f"/{HOSTILE}\n"}


def of_kind(reading: Reading, kind: CgroupKind) -> CgroupReading:
    return next(one for one in reading.cgroups if one.cgroup.kind is kind)


def test_a_pod_without_a_network_of_its_own_has_the_hosts(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, version=1)
    Path(tree.proc, "self/net/dev").write_text("a\nb\n host0: 7 0 0 0 0 0 0 0 9 0 0 0 0 0 0 0\n")
    threads = Threads(1)
    usage = CgroupUsage(tree.layout, threads, proc=str(tree.proc))
    threads.close()
    wish = ReadingWish(
        groups=GROUPS[Tier.CORE],
        parents=PARENTS,
        sandboxes=dict.fromkeys(tree.sandboxes, False),
        network=True,
    )
    told = of_kind(usage.read_now(wish), CgroupKind.SANDBOX).network
    assert [(one.name, one.rx_bytes, one.tx_bytes) for one in told] == [("host0", 7, 9)]


EXPECTED: dict[str, dict[int, object]] = {
    "cpu_ns": {1: 1234567890, 2: 1234567000},
    "user_ns": {1: 1_000_000_000, 2: 1_000_000_000},
    "throttled_ns": {1: 800_000_000, 2: 800_000_000},
    "periods": {1: 50, 2: 50},
    "quota": {1: 50_000, 2: 50_000},
    "memory": {1: 73400320, 2: 73400320},
    "working_set": {1: 62914560, 2: 62914560},
    "rss": {1: 41943040, 2: 41943040},
    "cache": {1: 20971520, 2: 20971520},
    "faults": {1: 2100, 2: 2100},
    "own_faults": {1: 11, 2: 2100},
    "peak": {1: 83886080, 2: 83886080},
    "failures": {1: 3, 2: 3},
    "oom_kills": {1: 1, 2: 1},
    "swap": {1: 8192, 2: 8192},
    "swap_limit": {1: 104857600, 2: 104857600},
    "memory_limit": {1: 104857600, 2: 104857600},
    "soft_limit": {1: None, 2: 0},
    "threads": {1: 5, 2: 5},
    "threads_max": {1: 100, 2: None},
    "processes": {1: 1, 2: 1},
}


@pytest.mark.parametrize("version", [1, 2])
def test_every_figure_of_a_container_is_where_it_belongs(tmp_path: Path, version: int) -> None:
    reading = read(make_tree(tmp_path, version=version), Tier.FULL)
    use = of_kind(reading, CgroupKind.CONTAINER).use
    assert {name: getattr(use, name) for name in EXPECTED} == {
        name: by[version] for name, by in EXPECTED.items()
    }
    assert use.io is not None
    assert use.io[0].octets["read"] == 4096 and use.io[0].operations["write"] == 2
    assert use.files is not None
    assert (use.files.descriptors, use.files.sockets, use.files.most_open) == (2, 1, 1024)
    assert use.files.states == {"S": 1}
    if version == 2:
        assert use.memory_psi is not None
        assert use.memory_psi.some == Pressure(avg10=1.5, avg60=0.75, avg300=0.1, total=2500000)


@pytest.mark.parametrize("version", [1, 2])
def test_the_node_has_the_machines_memory_and_pressure(tmp_path: Path, version: int) -> None:
    reading = read(make_tree(tmp_path, version=version), Tier.FULL)
    use = of_kind(reading, CgroupKind.ROOT).use
    assert use.memory == (73400320 if version == 1 else 600 * 1024)
    assert use.io_psi is not None and use.io_psi.some.total == 2500000
    assert [one.name for one in reading.network] == ["lo", "eth0"]


@pytest.mark.parametrize("version", [1, 2])
def test_what_vanishes_leaves_the_rest(tmp_path: Path, version: int) -> None:
    tree = make_tree(tmp_path, version=version, pods=2)
    gone = f"{PARENTS[1]}/pod{tree.pods[0].uid}"
    for folder in tree.folders(f"{gone}/{tree.pods[0].containers[0].id}"):
        for file in folder.iterdir():
            file.unlink()  # the folder is listed, its files are gone
    for folder in tree.folders(gone):
        (folder / "memory.stat").unlink(missing_ok=True)
    shutil.rmtree(tree.proc / "1000")
    page = cadvisor_page(scene(tree, Tier.FULL), Tier.FULL, openmetrics=False)
    containers = {
        sample.labels["pod"]
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.labels.get("container")
    }
    assert containers == {"pod-1"}
    assert f'id="{gone}"' in page


@pytest.mark.parametrize("text", ["", "max", "-1", "nobody knows\n", "8:0 8:x a=b\n", "\xff"])
@pytest.mark.parametrize("version", [1, 2])
def test_files_that_say_something_else_leave_the_rest(
    tmp_path: Path, version: int, text: str
) -> None:
    tree = make_tree(tmp_path, version=version, pods=2)
    pod = f"{PARENTS[1]}/pod{tree.pods[0].uid}"
    for folder in tree.folders(f"{pod}/{tree.pods[0].containers[0].id}"):
        for file in folder.iterdir():
            file.write_text(text)
    page = cadvisor_page(scene(tree, Tier.FULL), Tier.FULL, openmetrics=False)
    used = {
        sample.labels["pod"]
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "container_memory_working_set_bytes" and sample.labels["container"]
    }
    assert used == {"pod-1"}


def test_a_container_that_nobody_knows_is_not_told(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, version=2)
    other = msgspec.structs.replace(tree.pods[0], containers=())
    known = msgspec.structs.replace(scene(tree, Tier.CORE), pods=(other,))
    page = cadvisor_page(known, Tier.CORE, openmetrics=False)
    assert 'container="main"' not in page and 'pod="pod-0"' in page
    nobody = msgspec.structs.replace(known, pods=())
    assert 'pod="pod-0"' not in cadvisor_page(nobody, Tier.CORE, openmetrics=False)


def test_the_hosts_slices_are_told_but_in_the_core_tier(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, version=2)
    (Path(tree.layout.unified) / "system.slice" / "ssh.service").mkdir()
    paths = {
        tier: {one.cgroup.path for one in read(tree, tier).cgroups if one.cgroup.uid == ""}
        for tier in Tier
    }
    assert paths[Tier.CORE] == {"/"}
    assert paths[Tier.STANDARD] == {"/", *PARENTS, "/system.slice"}
    assert paths[Tier.FULL] == paths[Tier.STANDARD]  # its files are missing: it has gone
    (Path(tree.layout.unified) / "system.slice" / "ssh.service" / "cpu.stat").write_text("")
    told = {one.cgroup.path for one in read(tree, Tier.FULL).cgroups}
    assert "/system.slice/ssh.service" in told


def test_hostile_names_come_out_escaped(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, version=1)
    image = 'evil"\n\\image\udcff'
    pod = tree.pods[0]
    container = msgspec.structs.replace(pod.containers[0], image=image)
    pods = (msgspec.structs.replace(pod, containers=(container,)),)
    hostile = msgspec.structs.replace(scene(tree, Tier.STANDARD), pods=pods)
    page = cadvisor_page(hostile, Tier.STANDARD, openmetrics=False).encode("utf-8", "replace")
    images = {
        sample.labels["image"]
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if sample.labels.get("container")
    }
    assert images == {'evil"\n\\image?'}


def test_throttling_is_told_only_with_a_quota() -> None:
    names = {one.family.name: one for one in USE_FAMILIES}
    periods = names["container_cpu_cfs_periods_total"].value
    assert periods(Use(at=AT, periods=5)) is None
    assert periods(Use(at=AT, periods=5, quota=1000)) == 5


def test_figures_belong_to_the_last_disk_of_their_line(tmp_path: Path) -> None:
    tree = make_tree(tmp_path, version=2)
    before = of_kind(read(tree, Tier.FULL), CgroupKind.CONTAINER).use.io
    (folder,) = tree.folders(f"{PARENTS[1]}/pod{tree.pods[0].uid}/{tree.pods[0].containers[0].id}")
    stat = folder / "io.stat"
    stat.write_text("7:0\n7:1 8:0 " + stat.read_text())
    after = of_kind(read(tree, Tier.FULL), CgroupKind.CONTAINER).use.io
    assert before and after is not None
    assert (after[0].major, after[0].minor, after[0].octets) == (7, 0, {})
    assert after[1:] == before
