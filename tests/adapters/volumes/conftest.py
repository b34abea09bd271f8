"""The world of every test here, with nothing mounted in it afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.aio.threads import Threads
from tests.adapters.volumes.world import World
from tests.fakes.csi_driver import Disk, tidy


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    threads = Threads(2)
    world = World(tmp_path, threads)
    yield world
    world.kernel.die_at = 0
    for point in world.mounts():
        world.kernel.unmount(point)
    assert world.mounts() == []
    threads.close()


@pytest.fixture
def disk(world: World, tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "d")
    yield disk
    tidy(disk, tmp_path)
