"""A small fixed pool of threads for calls that block for moments: files, cgroups, mounts."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Threads:
    """Runs blocking functions off the event loop, at most `size` at the same time.

    A call that may hang for long (a dead network file system) does not belong here: it would
    hold one of the few threads.
    """

    def __init__(self, size: int = 4, *, name: str = "blocking") -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(size, thread_name_prefix=name)

    async def run(self, call: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call it in a thread and hand on what it returns or raises.

        Nothing of the call goes on after `run` has ended, even when it ends by cancellation: a
        call not yet begun is dropped, one that has begun is waited for. So a caller that was
        cancelled may repeat or undo the work without racing against itself.
        """
        job = self._pool.submit(call, *args)
        outcome = asyncio.wrap_future(job)
        try:
            await asyncio.wait((outcome,))
        except asyncio.CancelledError:
            if not job.cancel():
                await asyncio.wait((outcome,))
                outcome.exception()  # seen, though nobody is left to hear it
            raise
        return outcome.result()

    def close(self) -> None:
        """Drop what has not begun and let the threads end; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
