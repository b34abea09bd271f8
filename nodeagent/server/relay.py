"""Hands bytes on between a client and the runtime, whatever they mean, until one of them ends."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeAlias

from tornado.iostream import IOStream, StreamClosedError

BLOCK = 64 * 1024
FAREWELL = 2.0  # seconds for a client to take what is under way and to close

Work: TypeAlias = Coroutine[Any, Any, None]


class Pulse:
    """When something was last carried, and how much in all. `steady` counts seconds."""

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self.last = steady()
        self.to_client = 0
        self.to_runtime = 0

    def beat(self, *, to_client: int = 0, to_runtime: int = 0) -> None:
        """So many bytes went by."""
        self.to_client += to_client
        self.to_runtime += to_runtime
        self.last = self._steady()

    async def stopped(self, idle: float) -> None:
        """Return once nothing went by for so many seconds."""
        while True:
            left = self.last + idle - self._steady()
            if left <= 0:
                return
            await asyncio.sleep(left)


async def relay(client: IOStream, runtime: IOStream, pulse: Pulse, *, idle: float) -> None:
    """Carry bytes both ways until one side ends or none came for `idle` seconds.

    One block is under way in each direction: who reads slowly slows the writer down. What the
    runtime wrote before its end reaches the client. Both are closed afterwards.
    """

    async def out() -> None:
        block = bytearray(BLOCK)
        view = memoryview(block)
        while True:
            size = await runtime.read_into(block, partial=True)
            pulse.beat(to_client=size)
            await client.write(view[:size])

    async def back() -> None:
        block = bytearray(BLOCK)
        view = memoryview(block)
        while True:
            size = await client.read_into(block, partial=True)
            pulse.beat(to_runtime=size)
            if not runtime.closed():
                await runtime.write(view[:size])

    await carry(client, runtime, out=out(), back=back(), until=pulse.stopped(idle))


async def carry(client: IOStream, runtime: IOStream, *, out: Work, back: Work, until: Work) -> None:
    """Run `out` (runtime to client) and `back` until one ends, or `until` does; close both then.

    When `out` ends first the client is told that no more comes, and has a moment to close: a
    socket closed while its peer still sends would throw away what is on its way to the peer. So
    `back` must read on, even though the runtime has gone.
    """
    for stream in (client, runtime):
        stream.set_nodelay(True)  # keys and answers are small, and somebody waits for each
    try:
        async with asyncio.TaskGroup() as group:
            outward = group.create_task(_to_its_end(out))
            backward = group.create_task(_to_its_end(back))
            stopped = group.create_task(until)
            tasks = (outward, backward, stopped)
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if outward.done() and not backward.done() and not client.closed():
                runtime.close()
                end_writing(client)
                await asyncio.wait((backward,), timeout=FAREWELL)
            for task in tasks:
                task.cancel()
    finally:
        client.close()
        runtime.close()


async def _to_its_end(work: Work) -> None:
    with suppress(StreamClosedError, OSError):
        await work


def end_writing(stream: IOStream) -> None:
    """Tell the peer that no more comes. What it still sends may be read, but not understood."""
    sock = stream.socket
    with suppress(OSError, ValueError):
        if isinstance(sock, ssl.SSLSocket):
            with suppress(ssl.SSLError):
                sock.unwrap()
        sock.shutdown(socket.SHUT_WR)
