"""How late the loop's timers are."""

import asyncio

import pytest

from nodeagent.aio.lag import watch_lag
from nodeagent.metrics import AgentMetrics
from tests.fakes.figures import value


@pytest.mark.looptime
async def test_each_timer_that_is_late_is_told_with_how_late() -> None:
    told, hours = list[float](), iter((0.0, 5.25, 10.0, 14.0, 20.0))
    metrics = AgentMetrics()
    done = asyncio.Event()

    def tell(seconds: float) -> None:
        told.append(seconds)
        metrics.loop_lag.observe(seconds)
        if len(told) == 2:
            done.set()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(watch_lag(tell, steady=lambda: next(hours)))
        await done.wait()
        task.cancel()
    assert told == [0.25, 0.0]
    assert asyncio.get_running_loop().time() == pytest.approx(10.0)
    assert value(metrics, "nodeagent_loop_lag_seconds_count") == 2
    assert value(metrics, "nodeagent_loop_lag_seconds_sum") == 0.25
