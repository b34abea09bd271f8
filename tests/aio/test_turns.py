"""Keys are held by one at a time, and one does not wait for another."""

import asyncio

import pytest

from nodeagent.aio.turns import Turns

pytestmark = pytest.mark.looptime


async def test_one_at_a_time_for_each_key_in_the_order_of_asking() -> None:
    turns, done = Turns(), list[str]()

    async def work(key: str, name: str) -> None:
        async with turns.of(key):
            await asyncio.sleep(1)
            done.append(name)

    start = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        for name in ("a1", "a2", "b1", "a3"):
            group.create_task(work(name[0], name))
    assert asyncio.get_running_loop().time() - start == pytest.approx(3, abs=0.1)
    assert [name for name in done if name[0] == "a"] == ["a1", "a2", "a3"]
    assert done.index("b1") <= 1


async def test_who_gives_up_waiting_holds_up_nobody() -> None:
    turns = Turns()
    async with turns.of("a"):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), turns.of("a"):
                pytest.fail("it is held")
    async with asyncio.timeout(1), turns.of("a"):
        pass
