"""A runtime's streaming server: takes upgrades over real sockets and speaks as containerd does."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from nodeagent.core.spdy import Spdy

SUCCESS = b'{"metadata":{},"status":"Success"}'
_HEAD = struct.Struct("!II")


class FakeStreaming:
    """`mode`: "echo" sends every byte back, "source" writes `amount` bytes and ends, "command" is
    a remote command over SPDY that copies its input to its output, "mute" never says anything,
    "refuse" answers 400. `heads` are the requests as they came.
    """

    def __init__(self) -> None:
        self.mode = "echo"
        self.amount = 0
        self.verdict = SUCCESS
        self.parting = _HEAD.pack(0x80030007, 8) + b"\0" * 8  # GOAWAY, as a server that ends
        self.heads: list[str] = []
        self.received = bytearray()
        self.sizes: list[bytes] = []
        self.kinds: list[str] = []
        self.open = 0
        self.most_open = 0
        self.input_ended = asyncio.Event()
        self.elsewhere = ""  # a URL at which nobody is
        self._port = 0

    @property
    def url(self) -> str:
        return self.elsewhere or f"http://127.0.0.1:{self._port}/exec/token?x=1"

    @asynccontextmanager
    async def running(self) -> AsyncIterator["FakeStreaming"]:
        server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self._port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self.open -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        if self.mode == "refuse":
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 8\r\n\r\nno such\n")
            await writer.drain()
            return
        upgrade = next(
            line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Upgrade")
        )
        version = "portforward.k8s.io" if "portforward" in head else "v4.channel.k8s.io"
        writer.write(
            f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {upgrade}\r\nConnection: Upgrade\r\n"
            f"X-Stream-Protocol-Version: {version}\r\n\r\n".encode()
        )
        modes: dict[str, Callable[..., object]] = {
            "echo": self._echo,
            "source": self._source,
            "command": self._command,
            "mute": self._mute,
        }
        await modes[self.mode](reader, writer)  # type: ignore[misc]

    async def _echo(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while block := await reader.read(65536):
            self.received += block
            writer.write(block)
            await writer.drain()
        self.input_ended.set()

    async def _source(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left, block = self.amount, bytes(range(256)) * 256
        while left:
            piece = block[: min(left, len(block))]
            writer.write(piece)
            await writer.drain()
            left -= len(piece)

    async def _mute(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        self.input_ended.set()

    async def _command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Copies stdin to stdout until its end, greets on stderr, then tells the verdict."""
        streams = _Streams()
        while not streams.input_ended:
            block = await reader.read(65536)
            if not block:
                self.input_ended.set()
                return
            for kind, data in streams.receive(block):
                if kind == "stdin":
                    self.received += data
                    writer.write(streams.data("stdout", data))
                elif kind == "resize":
                    self.sizes.append(data)
            self.kinds = list(streams.ids)
            await writer.drain()
        self.input_ended.set()
        writer.write(self.parting)  # no new streams, though the old ones go on
        if "stderr" in streams.ids:
            writer.write(streams.data("stderr", b"bye\n", last=True))
        writer.write(streams.data("stdout", b"", last=True))
        writer.write(streams.data("error", self.verdict, last=True) + self.parting)
        await writer.drain()


class _Streams:
    """The server's side of SPDY, as little as is needed."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.input_ended = False
        self._inflate = zlib.decompressobj()
        self._rest = b""

    def receive(self, raw: bytes) -> list[tuple[str, bytes]]:
        self._rest += raw
        found = []
        while len(self._rest) >= 8:
            first, second = _HEAD.unpack_from(self._rest)
            length = second & 0xFFFFFF
            if len(self._rest) < 8 + length:
                break
            body, self._rest = self._rest[8 : 8 + length], self._rest[8 + length :]
            if first >> 31:
                self._control(first & 0xFFFF, body)
                continue
            kind = next(name for name, number in self.ids.items() if number == first)
            found.append((kind, body))
            if kind == "stdin" and second >> 24 & 1:
                self.input_ended = True
        return found

    def _control(self, kind: int, body: bytes) -> None:
        if kind != 1:
            return
        stream = struct.unpack_from("!I", body)[0]
        block = self._inflate.decompress(body[10:])
        words, at = [], 4
        while at < len(block):
            size = struct.unpack_from("!I", block, at)[0]
            words.append(block[at + 4 : at + 4 + size].decode())
            at += 4 + size
        headers = dict(zip(words[::2], words[1::2], strict=True))
        self.ids[headers["streamtype"]] = stream

    def data(self, kind: str, data: bytes, *, last: bool = False) -> bytes:
        return Spdy().data(self.ids[kind], data, last=last)
