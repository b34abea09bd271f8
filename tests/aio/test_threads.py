"""The pool: results, errors, and what cancelling leaves behind."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from nodeagent.aio.threads import Threads


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads(1)
    yield pool
    pool.close()


async def test_the_result_and_the_error_of_a_call_come_back(threads: Threads) -> None:
    assert await threads.run(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)


async def test_the_loop_goes_on_while_a_call_blocks(threads: Threads) -> None:
    gate = threading.Event()
    call = asyncio.create_task(threads.run(gate.wait, 5.0))
    await asyncio.sleep(0)
    assert not call.done()
    gate.set()
    assert await call is True


async def test_a_cancelled_call_that_has_begun_is_over_when_run_ends(threads: Threads) -> None:
    begun, gate, done = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(5)
        done.set()
        raise OSError("nobody hears this")

    task = asyncio.create_task(threads.run(work))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_a_cancelled_call_that_has_not_begun_never_runs(threads: Threads) -> None:
    gate = threading.Event()
    ran: list[int] = []
    first = asyncio.create_task(threads.run(gate.wait, 5.0))
    second = asyncio.create_task(threads.run(ran.append, 1))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.set()
    await first
    assert await threads.run(time.monotonic) > 0
    assert ran == []
