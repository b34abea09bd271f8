"""One answer for all who ask at the same time."""

import asyncio

import pytest

from nodeagent.aio.joined import Joined

pytestmark = pytest.mark.looptime


async def test_those_who_ask_at_the_same_time_share_an_answer_or_an_error() -> None:
    made: list[int] = []

    async def make() -> int:
        made.append(1)
        await asyncio.sleep(1)
        if len(made) == 2:
            raise ValueError("odd")
        return len(made)

    joined: Joined[str, int] = Joined()
    assert await asyncio.gather(*(joined.get("a", make) for _ in range(3))) == [1, 1, 1]
    told = await asyncio.gather(*(joined.get("a", make) for _ in range(3)), return_exceptions=True)
    assert {type(one) for one in told} == {ValueError}
    assert await joined.get("a", make) == 3, "neither is kept"


async def test_where_the_maker_is_cancelled_the_next_one_makes_it() -> None:
    makers: list[str] = []

    async def make() -> int:
        task = asyncio.current_task()
        makers.append(task.get_name() if task else "")
        await asyncio.sleep(10)
        return len(makers)

    joined: Joined[str, int] = Joined()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(joined.get("a", make), name="first")
        others = [group.create_task(joined.get("a", make), name=f"other {n}") for n in range(2)]
        await asyncio.sleep(5)
        others[1].cancel()
        first.cancel()
    assert makers == ["first", "other 0"]
    assert others[0].result() == 2 and others[1].cancelled()
