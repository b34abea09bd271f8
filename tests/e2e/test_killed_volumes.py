"""An agent that is killed while volumes of all kinds are set up and taken down.

What is mounted is compared before and after; nothing below a mount may have been deleted, nothing
may be left. The moments are random within the time that the same takes undisturbed.
"""

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.csi import Driver, running_driver
from tests.e2e.every_volume import EveryVolume
from tests.e2e.member import Member, running_member
from tests.e2e.objects import sharing
from tests.e2e.runtime import Runtimes

ROUNDS = 4


@pytest.fixture
def member(runtimes: Runtimes, tmp_path: Path) -> Iterator[Member]:
    """On a containerd that has image volumes."""
    (tmp_path / "cluster").mkdir()
    with running_member(runtimes.get("forky"), tmp_path / "cluster") as member:
        yield member


def test_an_agent_killed_at_any_moment_loses_no_volume_and_leaves_none(
    member: Member, tmp_path: Path
) -> None:
    chance, place = random.Random(11), tmp_path / "node"
    place.mkdir()
    with sharing(place), running_driver(member, tmp_path / "csi") as driver:
        every = EveryVolume(member, driver, place, pods=2)
        up = _seconds(every.create, every.check_shown)
        down = _seconds(every.delete, every.check_gone)
        print(f"\nseconds undisturbed: up {up:.2f}, down {down:.2f}")
        for number in range(ROUNDS):
            every.create()
            _kill_soon(member, driver, chance.uniform(0.0, up), with_driver=number % 2 == 0)
            every.check_kept()
            every.check_shown()
            every.delete()
            _kill_soon(member, driver, chance.uniform(0.0, down), with_driver=number % 2 == 1)
            every.check_kept()
            every.check_gone()


def _seconds(*acts: Callable[[], None]) -> float:
    began = time.monotonic()
    for act in acts:
        act()
    return time.monotonic() - began


def _kill_soon(member: Member, driver: Driver, after: float, *, with_driver: bool) -> None:
    time.sleep(after)
    member.kill()
    if with_driver:
        driver.kill()
    member.start()
    if with_driver:
        driver.start()
