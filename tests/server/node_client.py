"""A small client of the node's port: HTTP over TLS, and streams after an upgrade."""

import asyncio
import base64
import os
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.server.http_client import Answer, Stream
from tests.server.pki import client_context

SPDY = {"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
KEY = base64.b64encode(b"0123456789abcdef").decode()
WEBSOCKET = {
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
}


def v5(protocols: str = "v5.channel.k8s.io, v4.channel.k8s.io") -> dict[str, str]:
    """Headers of a WebSocket that asks for these protocols."""
    return {**WEBSOCKET, "Sec-WebSocket-Protocol": protocols}


async def close(writer: asyncio.StreamWriter) -> None:
    """Close, with a moment for the peer to close too."""
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        writer.transport.abort()


class Client:
    """Asks one port, with or without a certificate and a token."""

    def __init__(
        self, port: int, context: ssl.SSLContext | None = None, *, token: str = "", tls: bool = True
    ) -> None:
        self.port, self.token = port, token
        self.context = (context or client_context()) if tls else None

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection."""
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    def head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        """The head of a request."""
        lines = [f"{method} {path} HTTP/1.1", "Host: node"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    @asynccontextmanager
    async def open(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> AsyncIterator[Stream]:
        """An answer whose head is there."""
        reader, writer = await self.connect()
        try:
            sent = dict(headers or {})
            if body:
                sent["Content-Length"] = str(len(body))
            writer.write(self.head(method, path, sent) + body)
            stream = Stream(reader, writer)
            async with asyncio.timeout(10):
                await stream.begin()
            yield stream
        finally:
            await close(writer)

    async def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """The whole answer."""
        async with self.open(path, method=method, headers=headers, body=body) as stream:
            rest = b"" if method == "HEAD" else await stream.rest()
            return Answer(stream.code, stream.headers, rest)


class Upgraded:
    """A connection after its upgrade."""

    def __init__(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.head, self.reader, self.writer = head, reader, writer

    @property
    def code(self) -> int:
        return int(self.head.split()[1])

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def message(self, data: bytes, *, kind: int = 2, last: bool = True) -> None:
        """A WebSocket message as a client sends it."""
        mask = os.urandom(4)
        size = len(data)
        length = (
            struct.pack("!B", 0x80 | size)
            if size < 126
            else struct.pack("!BH", 0x80 | 126, size)
            if size < 65536
            else struct.pack("!BQ", 0x80 | 127, size)
        )
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        await self.send(struct.pack("!B", (0x80 if last else 0) | kind) + length + mask + masked)

    async def next(self) -> tuple[int, bytes]:
        """The next frame: its kind and its data."""
        async with asyncio.timeout(10):
            first, second = await self.reader.readexactly(2)
            assert second & 0x80 == 0, "a server does not mask"
            size = second
            if second == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif second == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(size)

    async def rest(self) -> bytes:
        async with asyncio.timeout(30):
            return await self.reader.read()


@asynccontextmanager
async def upgraded(
    client: Client, path: str, headers: Mapping[str, str], *, method: str = "POST"
) -> AsyncIterator[Upgraded]:
    reader, writer = await client.connect()
    try:
        writer.write(client.head(method, path, headers))
        async with asyncio.timeout(10):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        yield Upgraded(head, reader, writer)
    finally:
        await close(writer)
