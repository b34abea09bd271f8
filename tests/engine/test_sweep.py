"""What the sweep takes, what it leaves, and what it says."""

import asyncio
from collections.abc import Mapping

import pytest

from nodeagent.engine.sweep import Sweep
from nodeagent.errors import HostError
from nodeagent.metrics import AgentMetrics
from nodeagent.model.ids import PodUid
from tests.fakes.figures import value

pytestmark = pytest.mark.looptime


class Disk:
    """Folders, logs and cgroups of pods as sets; `mounted` names pods whose folder must stay."""

    def __init__(self) -> None:
        self.folders = {"known", "orphan"}
        self.logs = {"/logs/a_known_known": "known", "/logs/a_orphan_orphan": "orphan"}
        self.groups = {"known", "orphan", "only-a-cgroup"}
        self.mounted: set[str] = set()
        self.known = {"known"}
        self.steps: list[str] = []
        self.links_asked: list[frozenset[str]] = []

    async def pod_folders(self) -> tuple[PodUid, ...]:
        return tuple(PodUid(uid) for uid in self.folders)

    async def log_folders(self) -> Mapping[str, PodUid]:
        return {path: PodUid(uid) for path, uid in self.logs.items()}

    async def remove_dead_links(self, alive: frozenset[str]) -> int:
        self.links_asked.append(alive)
        return 0

    async def remove_logs(self, folder: str) -> None:
        self.steps.append(f"logs {self.logs.pop(folder)}")

    async def list_pods(self) -> Mapping[PodUid, str]:
        return {PodUid(uid): f"/kubepods/pod{uid}" for uid in self.groups}

    async def remove_pod(self, uid: PodUid) -> None:
        self.groups.discard(uid)

    async def tear_down(self, uid: PodUid) -> None:
        self.steps.append(f"volumes {uid}")

    async def remove_pod_dirs(self, uid: PodUid, log_directory: str) -> None:
        if uid in self.mounted:
            raise HostError(op="remove pod folders", target=uid, detail="still mounted")
        self.folders.discard(uid)
        self.steps.append(f"folder {uid}")


def sweep_of(disk: Disk, *, ready: asyncio.Event | None = None) -> Sweep:
    event = ready or asyncio.Event()
    return Sweep(
        leftovers=disk,
        files=disk,  # type: ignore[arg-type]
        volumes=disk,  # type: ignore[arg-type]
        cgroups=lambda: disk,  # type: ignore[arg-type, return-value]
        is_known=lambda uid: uid in disk.known,
        alive=lambda: frozenset({"c1"}),
        ready=event,
    )


async def test_only_what_nobody_knows_goes() -> None:
    disk = Disk()
    await sweep_of(disk).sweep()
    assert disk.folders == disk.groups == {"known"}
    assert list(disk.logs.values()) == ["known"]
    assert disk.links_asked == [frozenset({"c1"})]


async def test_volumes_are_torn_down_before_the_folder_goes() -> None:
    disk = Disk()
    await sweep_of(disk).sweep()
    assert [s for s in disk.steps if "orphan" in s] == [
        "volumes orphan",
        "logs orphan",
        "folder orphan",
    ]


async def test_a_folder_with_a_mount_stays_and_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = Disk()
    disk.mounted = {"orphan"}
    sweep = sweep_of(disk)
    for _ in range(3):
        await sweep.sweep()
    told = capsys.readouterr()
    assert "orphan" in disk.folders
    assert (told.out + told.err).count("orphaned pod cannot be removed") == 1


async def test_nothing_goes_before_the_gate_opens() -> None:
    disk, ready = Disk(), asyncio.Event()
    task = asyncio.create_task(sweep_of(disk, ready=ready).run())
    await asyncio.sleep(300)
    assert "orphan" in disk.folders
    ready.set()
    await asyncio.sleep(1)
    assert "orphan" not in disk.folders
    disk.folders.add("late")
    await asyncio.sleep(60)
    assert "late" not in disk.folders
    task.cancel()


async def test_each_sweep_tells_how_many_it_dealt_with_and_how_many_stay() -> None:
    disk, metrics = Disk(), AgentMetrics()
    disk.mounted = {"orphan"}
    sweep = sweep_of(disk)
    sweep.on_swept = metrics.node.swept
    await sweep.sweep()
    assert value(metrics, "kubelet_orphan_pod_cleaned_volumes") == 2
    assert value(metrics, "kubelet_orphan_pod_cleaned_volumes_errors") == 1
    disk.mounted = set()
    await sweep.sweep()
    assert value(metrics, "kubelet_orphan_pod_cleaned_volumes_errors") == 0
