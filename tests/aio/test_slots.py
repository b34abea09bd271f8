"""A number of holders that can change."""

import asyncio

import pytest

from nodeagent.aio.slots import Slots

pytestmark = pytest.mark.looptime


class Crowd:
    """Ten that want a slot for a second each, in order."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.held = self.most = 0
        self.order: list[int] = []
        self.tasks = [asyncio.ensure_future(self._hold(number)) for number in range(10)]

    async def _hold(self, number: int) -> None:
        async with self._slots:
            self.order.append(number)
            self.held += 1
            self.most = max(self.most, self.held)
            try:
                await asyncio.sleep(1)
            finally:
                self.held -= 1


async def test_no_more_than_the_limit_hold_and_the_oldest_is_next() -> None:
    crowd = Crowd(Slots(3))
    await asyncio.gather(*crowd.tasks)
    assert crowd.most == 3
    assert crowd.order == list(range(10))
    assert asyncio.get_running_loop().time() == pytest.approx(4.0)


async def test_a_larger_limit_lets_waiting_ones_in_at_once() -> None:
    slots = Slots(1)
    crowd = Crowd(slots)
    await asyncio.sleep(0.5)
    slots.resize(4)
    await asyncio.sleep(0.1)
    assert crowd.held == 4
    await asyncio.gather(*crowd.tasks)


async def test_a_smaller_limit_waits_until_holders_leave() -> None:
    slots = Slots(4)
    crowd = Crowd(slots)
    await asyncio.sleep(0.5)
    slots.resize(1)
    assert crowd.held == 4
    await asyncio.sleep(1)
    assert crowd.held == 1
    await asyncio.gather(*crowd.tasks)
    assert crowd.order == list(range(10))


async def test_who_gives_up_waiting_loses_no_slot_to_others() -> None:
    slots = Slots(1)
    crowd = Crowd(slots)
    await asyncio.sleep(0.5)
    for task in crowd.tasks[1:9]:
        task.cancel()
    await asyncio.gather(*crowd.tasks, return_exceptions=True)
    assert crowd.order == [0, 9]


async def test_who_gives_up_just_when_let_in_passes_the_slot_on() -> None:
    slots = Slots(1)
    crowd = Crowd(slots)
    await asyncio.sleep(0.5)
    slots.resize(2)
    crowd.tasks[1].cancel()
    await asyncio.sleep(0.1)
    assert crowd.order == [0, 2]
    await asyncio.gather(*crowd.tasks, return_exceptions=True)
