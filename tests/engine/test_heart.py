"""Health checks, and the service manager that is told of them."""

import asyncio
from contextlib import suppress

import pytest

from nodeagent.engine.heart import LEAST, STUCK, Heart
from nodeagent.engine.service import Service
from nodeagent.engine.state import NodeState
from nodeagent.engine.workers import Workers


class Manager:
    """A service manager that wants a sign of life each second."""

    watchdog_period = 1.0

    def __init__(self) -> None:
        self.told: list[str] = []

    def ready(self, status: str = "") -> bool:
        self.told.append("ready")
        return True

    def alive(self) -> bool:
        self.told.append("alive")
        return True

    def stopping(self, status: str = "") -> bool:
        self.told.append("stopping")
        return True


def a_heart(turned_at: float, now: float, *, turn: float = 60.0) -> Heart:
    return Heart(turned_at=lambda: turned_at, steady=lambda: now, turn=turn)


def test_a_loop_that_turns_is_well() -> None:
    heart = a_heart(1000, 1000 + LEAST)
    assert heart.checks() == {"ping": "", "log": "", "syncloop": ""}
    assert heart.beats()


def test_a_loop_that_is_stuck_is_not() -> None:
    heart = a_heart(1000, 1001 + LEAST)
    assert heart.checks()["syncloop"] == STUCK
    assert not heart.beats()
    assert a_heart(1000, 1001 + LEAST, turn=LEAST).beats(), "a slow turn may take twice its time"


def test_before_the_first_turn_nothing_is_wrong() -> None:
    assert a_heart(0.0, 10_000).beats()


@pytest.mark.looptime
async def test_a_stuck_agent_does_not_feed_its_watchdog() -> None:
    well = [True]
    manager = Manager()
    workers = Workers(
        state=NodeState(), executor_tools=lambda: pytest.fail("no pods"), ready=asyncio.Event()
    )
    task = asyncio.ensure_future(Service(manager, workers, lambda: well[0]).run())
    await asyncio.sleep(3.5)
    assert manager.told == ["alive"] * 4
    well[0] = False
    await asyncio.sleep(3)
    assert manager.told == ["alive"] * 4
    well[0] = True
    await asyncio.sleep(1)
    assert manager.told == ["alive"] * 5
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert manager.told[-1] == "stopping"
