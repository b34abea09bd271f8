"""What is left of the machine, read from a tree of files and from this machine."""

import os
from pathlib import Path

import pytest

from nodeagent.adapters.host.gauge import HostGauge
from nodeagent.aio.threads import Threads
from nodeagent.errors import HostError

MEMINFO = "MemTotal: 1000 kB\nMemFree: 200 kB\nInactive(file): 300 kB\n"


@pytest.fixture
def threads() -> Threads:
    return Threads(1)


def machine(top: Path) -> str:
    kernel = top / "proc/sys/kernel"
    kernel.mkdir(parents=True)
    (top / "proc/meminfo").write_text(MEMINFO)
    (top / "proc/loadavg").write_text("0.1 0.2 0.3 2/345 6789\n")
    (kernel / "pid_max").write_text("4000\n")
    (kernel / "threads-max").write_text("3000\n")
    return str(top)


async def test_memory_tasks_and_file_systems_are_read_at_once(
    tmp_path: Path, threads: Threads
) -> None:
    gauge = HostGauge(threads, top=machine(tmp_path / "m"))
    seen = await gauge.read([str(tmp_path), "/nowhere/at/all"])
    assert (seen.memory, seen.memory_free, seen.memory_inactive) == (
        1000 << 10,
        200 << 10,
        300 << 10,
    )
    assert (seen.tasks, seen.most_tasks) == (345, 3000)
    (found,) = seen.file_systems.values()
    assert 0 < found.available <= found.capacity
    assert found.device == os.lstat(tmp_path).st_dev
    threads.close()


async def test_a_machine_without_proc_is_an_error_of_the_host(
    tmp_path: Path, threads: Threads
) -> None:
    with pytest.raises(HostError):
        await HostGauge(threads, top=str(tmp_path)).read([])
    threads.close()


async def test_this_machine_can_be_read(threads: Threads) -> None:
    seen = await HostGauge(threads).read(["/"])
    assert seen.memory > seen.memory_free > 0
    assert seen.most_tasks > seen.tasks > 0
    threads.close()
