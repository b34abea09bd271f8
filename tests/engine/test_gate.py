"""The gate that paces calls: ranks, order, and places given back."""

import asyncio

import pytest

from nodeagent.engine.gate import Gate

pytestmark = pytest.mark.looptime


async def test_at_most_so_many_hold_and_the_lowest_rank_comes_next() -> None:
    gate, order = Gate(2), list[str]()

    async def hold(name: str, rank: int) -> None:
        async with gate.hold(rank=rank):
            order.append(name)
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        for name, rank in (("a", 1), ("b", 1), ("c", 1), ("d", 1), ("first", 0)):
            group.create_task(hold(name, rank))
        await asyncio.sleep(0.5)
        assert order == ["a", "b"]
        await asyncio.sleep(1)
        assert order == ["a", "b", "first", "c"]
    assert order[-1] == "d"


@pytest.mark.parametrize("after", [0.5, 1.0])
async def test_who_is_cancelled_while_waiting_takes_no_place(after: float) -> None:
    gate = Gate(1)

    async def hold() -> None:
        async with gate.hold(rank=0):
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(hold())
        await asyncio.sleep(0)
        given_up = [group.create_task(hold()) for _ in range(3)]
        await asyncio.sleep(after)
        for task in given_up:
            task.cancel()
    clock = asyncio.get_running_loop().time
    began = clock()
    await hold()
    assert clock() - began == pytest.approx(1.0)


async def test_a_failure_inside_gives_the_place_back() -> None:
    gate = Gate(0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with gate.hold(rank=0):
                raise ZeroDivisionError
    assert gate.limit == 1


@pytest.mark.looptime
async def test_a_holder_that_hangs_loses_its_place_and_gives_none_back_later() -> None:
    gate = Gate(1, slow=5.0)
    entered: list[float] = []
    loop = asyncio.get_running_loop()

    async def hold(seconds: float) -> None:
        async with gate.hold(rank=0):
            entered.append(loop.time())
            await asyncio.sleep(seconds)

    async with asyncio.TaskGroup() as group:
        began = loop.time()
        group.create_task(hold(60))
        for _ in range(3):
            group.create_task(hold(1))
    assert [round(at - began) for at in entered] == [0, 5, 6, 7]
