"""Plugins that announce themselves at sockets of a folder, over real gRPC."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from nodeagent.adapters.plugins.sockets import Plugin, PluginSockets
from nodeagent.adapters.volumes.csi.drivers import Drivers, highest
from nodeagent.adapters.volumes.csi.local import LocalFacts
from nodeagent.aio.inotify import Inotify
from nodeagent.aio.threads import Threads
from nodeagent.engine.volume_counts import VolumeCounts
from nodeagent.errors import HostError
from nodeagent.metrics import AgentMetrics
from tests.fakes.csi_driver import NAME, Disk, Options, serving
from tests.fakes.figures import value
from tests.fakes.host import FakeData


class Taken:
    """Takes plugins, or refuses them with these words."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.refuse = ""

    async def add(self, plugin: Plugin) -> None:
        self.log.append(f"add {plugin.name}")
        if self.refuse:
            raise HostError(op="take", target=plugin.name, detail=self.refuse)

    async def remove(self, plugin: Plugin) -> None:
        self.log.append(f"remove {plugin.name}")


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads(2)
    yield threads
    threads.close()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "d")


@contextlib.asynccontextmanager
async def following(
    folder: Path, taken: Taken | Drivers, threads: Threads, *, rescan: float = 60.0
) -> AsyncIterator[PluginSockets]:
    watcher = Inotify() if rescan > 1 else None
    sockets = PluginSockets(
        str(folder), {"CSIPlugin": taken}, threads=threads, watcher=watcher, rescan=rescan
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(sockets.run())
        try:
            yield sockets
        finally:
            task.cancel()
            if watcher is not None:
                watcher.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def told(disk: Disk) -> list[dict[str, object]]:
    return disk.calls("NotifyRegistrationStatus")


@pytest.mark.parametrize("rescan", [60.0, 0.05], ids=["inotify", "rescan"])
async def test_a_plugin_is_taken_when_its_socket_comes_and_given_up_when_it_goes(
    tmp_path: Path, disk: Disk, threads: Threads, rescan: float
) -> None:
    taken, registry = Taken(), tmp_path / "r"
    async with following(registry, taken, threads, rescan=rescan):
        await until(registry.is_dir)
        async with serving(disk, registry):
            await until(lambda: len(told(disk)) == 1)
            assert taken.log == [f"add {NAME}"]
            assert told(disk) == [{"plugin_registered": True}]
        await until(lambda: len(taken.log) == 2)
        async with serving(disk, registry):
            await until(lambda: len(told(disk)) == 2)
        await until(lambda: len(taken.log) == 4)
    assert taken.log == [f"add {NAME}", f"remove {NAME}"] * 2


async def test_a_socket_that_was_there_before_and_one_in_a_folder_below_are_found(
    tmp_path: Path, disk: Disk, threads: Threads
) -> None:
    taken, registry = Taken(), tmp_path / "r"
    below = registry / "mine"
    below.mkdir(parents=True)
    async with serving(disk, below), following(registry, taken, threads):
        await until(lambda: len(told(disk)) == 1)
        hidden = registry / ".hidden"
        hidden.mkdir()
        other = Disk(tmp_path / "o")
        other.configure(Options(name="other.example"))
        async with serving(other, hidden):
            await asyncio.sleep(0.1)
            assert taken.log == [f"add {NAME}"]


async def test_a_plugin_that_is_refused_is_told_why_and_asked_again(
    tmp_path: Path, disk: Disk, threads: Threads
) -> None:
    taken, registry = Taken(), tmp_path / "r"
    taken.refuse = "not today"
    registry.mkdir()
    async with serving(disk, registry), following(registry, taken, threads):
        await until(lambda: len(told(disk)) > 0)
        assert told(disk)[0] == {"error": f"take {NAME}: not today"}
        taken.refuse = ""
        await until(lambda: told(disk)[-1] == {"plugin_registered": True})
    assert "remove" not in "".join(taken.log)


async def test_one_that_does_not_answer_holds_up_no_other(
    tmp_path: Path, disk: Disk, threads: Threads
) -> None:
    taken, registry = Taken(), tmp_path / "r"
    registry.mkdir()
    silent = Disk(tmp_path / "s")
    silent.configure(Options(name="aaa.silent"))
    silent.fail("GetInfo", "hang")
    async with serving(silent, registry), serving(disk, registry):
        async with following(registry, taken, threads):
            await until(lambda: len(told(disk)) == 1)
            assert taken.log == [f"add {NAME}"]


async def test_a_csi_driver_is_here_once_and_of_version_one(
    tmp_path: Path, disk: Disk, threads: Threads
) -> None:
    drivers, registry = Drivers(LocalFacts(FakeData().csi_driver)), tmp_path / "r"
    (registry / "other").mkdir(parents=True)
    old = Disk(tmp_path / "o")
    old.configure(Options(versions=("0.3.0",)))
    same = Disk(tmp_path / "x")
    async with following(registry, drivers, threads), serving(disk, registry):
        await until(lambda: drivers.names == (NAME,))
        async with serving(old, registry / "other"):
            await until(lambda: len(told(old)) > 0)
            assert "needs CSI version 1.x, has 0.3.0" in str(told(old)[0]["error"])
        async with serving(same, registry / "other"):
            await until(lambda: len(told(same)) > 0)
            assert "is here already" in str(told(same)[0]["error"])
        assert drivers.get(NAME).socket == str(disk.socket)
    await drivers.close()


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        (("1.0.0", "v1.2.0", "0.9"), (1, 2, 0)),
        (("1.10.0", "1.9.0"), (1, 10, 0)),
        (("2.0.0",), None),
        (("one",), None),
        ((), None),
    ],
)
def test_the_highest_version_one_counts(
    versions: tuple[str, ...], expected: tuple[int, ...] | None
) -> None:
    assert highest(versions) == expected


async def test_sockets_are_counted_as_they_are_and_as_they_should_be(
    tmp_path: Path, disk: Disk, threads: Threads
) -> None:
    taken, registry, metrics = Taken(), tmp_path / "r", AgentMetrics()
    registry.mkdir()
    async with serving(disk, registry), following(registry, taken, threads) as sockets:
        await until(lambda: len(told(disk)) == 1)
        (path,) = sockets.found()
        found = {"dead": False, **sockets.found()}
        metrics.add(VolumeCounts(tuple, kind=lambda volume: "", sockets=lambda: found))
    name, actual = "plugin_manager_total_plugins", "actual_state_of_world"
    assert value(metrics, name, socket_path=path, state=actual) == 1
    assert value(metrics, name, socket_path="dead", state=actual) == 0
    assert value(metrics, name, socket_path="dead", state="desired_state_of_world") == 1
