"""A TCP proxy that counts: what an agent and its API server say to each other, in bytes."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

CHUNK = 1 << 16


class Flow(msgspec.Struct):
    """Bytes so far, and how many connections."""

    up: int = 0
    down: int = 0
    connections: int = 0

    def copy(self) -> "Flow":
        return Flow(up=self.up, down=self.down, connections=self.connections)


class Proxy:
    """Hands everything on to `host:port` as it is; `flow` counts."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self.flow = Flow()
        self.port = 0

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Until told to stop."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.flow.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pump(reader, far_writer, up=True))
            group.create_task(self._pump(far_reader, writer, up=False))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if up:
                    self.flow.up += len(data)
                else:
                    self.flow.down += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def counting(host: str, port: int) -> Iterator[Proxy]:
    """A proxy in a thread of its own; it ends with the block."""
    ready, proxy = threading.Event(), Proxy(host, port)
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        await proxy.serve(ready, stop)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="proxy", daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("the proxy does not start")
    try:
        yield proxy
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
