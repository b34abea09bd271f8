"""Servers that probes meet: scripted answers over real sockets, good and hostile."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Where a scripted server listens, and what it was sent."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.open = 0

    @property
    def last(self) -> str:
        return self.requests[-1].decode()


@asynccontextmanager
async def serving(
    script: Script, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run the script for every request (its head is read first)."""
    known = Server()

    async def _each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known.open += 1
        try:
            known.requests.append(await reader.readuntil(b"\r\n\r\n"))
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            known.open -= 1
            writer.transport.abort()

    server = await asyncio.start_server(_each, host, 0, ssl=tls)
    known.port = server.sockets[0].getsockname()[1]
    try:
        yield known
    finally:
        server.close()


def answer(data: bytes) -> Script:
    """Send that and close."""

    async def _script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof() if writer.can_write_eof() else writer.close()
        await asyncio.sleep(0.05)

    return _script


def forever(first: bytes, more: bytes, *, pause: float = 0.0) -> Script:
    """Send `first`, then `more` again and again for as long as somebody takes it."""

    async def _script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(pause)

    return _script


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Say nothing and keep the connection until the other side leaves."""
    await reader.read()


def sockets_in_state(port: int, state: str) -> int:
    """How many TCP sockets of this machine with that port at either end are in the state."""
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            ports = [int(end.rsplit(":", 1)[1], 16) for end in fields[1:3]]
            count += port in ports and fields[3] == state
    return count


TIME_WAIT = "06"
