"""A small HTTP client over a unix socket, for tests inside the event loop."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec


class Answer(msgspec.Struct, frozen=True):
    """Status code, headers in lower case, body."""

    code: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class Stream:
    """An answer that is still coming."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.code, self.headers = 0, dict[str, str]()

    async def begin(self) -> None:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.code = int(head[0].split()[1])
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        self.headers = {key.lower(): value for key, value in pairs}

    async def piece(self) -> bytes:
        """The next chunk; empty at the end."""
        async with asyncio.timeout(5):
            size = int(await self._reader.readline(), 16)
            data = await self._reader.readexactly(size)
            await self._reader.readexactly(2)
            return data

    async def rest(self) -> bytes:
        if "content-length" in self.headers:
            return await self._reader.readexactly(int(self.headers["content-length"]))
        pieces = []
        while piece := await self.piece():
            pieces.append(piece)
        return b"".join(pieces)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def open_stream(
    socket: Path,
    path: str,
    *,
    method: str = "GET",
    accept: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Stream:
    """Ask, and return when the head of the answer is there."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    sent = {"Host": "x", "Accept": accept, **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{key}: {value}" for key, value in sent.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    stream = Stream(reader, writer)
    await stream.begin()
    return stream


async def ask(
    socket: Path,
    path: str,
    *,
    method: str = "GET",
    accept: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Ask and read the whole answer."""
    stream = await open_stream(socket, path, method=method, accept=accept, headers=headers)
    try:
        return Answer(stream.code, stream.headers, await stream.rest())
    finally:
        await stream.close()
