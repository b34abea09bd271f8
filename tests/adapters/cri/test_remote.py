"""Commands over a streaming server that a test scripts, frame by frame."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from nodeagent.adapters.cri.remote import Size, Wiring, run_remote
from nodeagent.core.spdy import Data, Opened, Pinged, ProtocolError, Reset, Spdy
from nodeagent.errors import CriError, CriUnavailable

FAILED = {
    "status": "Failure",
    "reason": "NonZeroExitCode",
    "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
}


class Peer:
    """The runtime's side of a connection: which streams were opened, and what came on them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.streams: dict[str, int] = {}
        self.got: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self._inflate = zlib.decompressobj()

    async def frame(self) -> None:
        """Take one frame."""
        first, second = struct.unpack("!II", await self.reader.readexactly(8))
        body = await self.reader.readexactly(second & 0xFFFFFF)
        if first >> 31:
            if first & 0xFFFF == 1:
                text = self._inflate.decompress(body[10:])
                self.streams[text[text.index(b"streamtype") + 14 :].decode()] = struct.unpack(
                    "!I", body[:4]
                )[0]
            return
        self.got[first] = self.got.get(first, b"") + body
        if second >> 24:
            self.ended.add(first)

    async def until(self, done: Callable[[], bool]) -> None:
        while not done():
            await self.frame()

    def say(self, stream: str, data: bytes, *, last: bool = False) -> None:
        flags = (1 << 24) if last else 0
        self.writer.write(struct.pack("!II", self.streams[stream], flags | len(data)) + data)

    def finish(self, status: object = None) -> None:
        """End outputs and tell the verdict."""
        for stream in ("stdout", "stderr"):
            if stream in self.streams:
                self.say(stream, b"", last=True)
        self.say("error", b"" if status is None else msgspec.json.encode(status), last=True)


Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def runtime(script: Script, *, answer: str = "101 Switching Protocols") -> AsyncIterator[str]:
    """A streaming server; the URL of its only command."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {answer}\r\n\r\n".encode())
        if answer.startswith("101"):
            await script(Peer(reader, writer))
        else:
            writer.write(b"no such command\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/exec/token"
    finally:
        server.close()
    assert "Upgrade: SPDY/3.1" in asked[0] and asked[0].startswith("POST /exec/token ")


class Ran:
    """A command run to its end: what came out, and its code."""

    def __init__(self) -> None:
        self.out, self.err, self.code = bytearray(), bytearray(), -1

    async def run(
        self,
        url: str,
        *,
        source: AsyncIterator[bytes] | None = None,
        sizes: AsyncIterator[Size] | None = None,
    ) -> "Ran":
        wiring = Wiring(out=self.out.extend, err=self.err.extend, source=source, sizes=sizes)
        async with asyncio.timeout(5):
            self.code = await run_remote(url, wiring)
        return self


async def test_outputs_stay_apart_and_nothing_on_the_error_stream_is_success() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.streams) == 3)
        assert list(peer.streams) == ["error", "stdout", "stderr"]
        peer.say("stdout", b"out")
        peer.say("stderr", b"err")
        peer.finish()

    async with runtime(script) as url:
        ran = await Ran().run(url)
    assert (bytes(ran.out), bytes(ran.err), ran.code) == (b"out", b"err", 0)


async def test_the_exit_code_is_in_the_status() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.streams) == 3)
        peer.finish(FAILED)

    async with runtime(script) as url:
        assert (await Ran().run(url)).code == 7


async def test_input_arrives_with_its_end() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def script(peer: Peer) -> None:
        await peer.until(lambda: bool(peer.ended))
        peer.say("stdout", peer.got[peer.streams["stdin"]])
        peer.finish({"status": "Success"})

    async with runtime(script) as url:
        assert (await Ran().run(url, source=source())).out == b"onetwo"


async def test_a_terminal_has_one_output_and_tells_its_size() -> None:
    async def sizes() -> AsyncIterator[Size]:
        yield Size(80, 24)
        await asyncio.Event().wait()

    async def script(peer: Peer) -> None:
        await peer.until(lambda: bool(peer.got))
        assert list(peer.streams) == ["error", "stdout", "resize"]
        peer.say("stdout", peer.got[peer.streams["resize"]])
        peer.finish()

    async with runtime(script) as url:
        assert (await Ran().run(url, sizes=sizes())).out == b'{"Width":80,"Height":24}'


async def test_an_input_that_never_ends_does_not_outlive_the_command() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.streams) == 4)
        peer.finish()

    async with runtime(script) as url:
        assert (await Ran().run(url, source=source())).code == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"status": "Failure", "message": "no such file"}, "no such file"),
        ({"status": "Failure", "details": {"causes": [{"reason": "Other"}]}}, "it failed"),
    ],
)
async def test_a_command_that_cannot_run_is_an_error(status: object, words: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.streams) == 3)
        peer.finish(status)

    async with runtime(script) as url:
        with pytest.raises(CriError, match=words):
            await Ran().run(url)


async def test_plain_words_on_the_error_stream_are_an_error() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.streams) == 3)
        peer.say("stdout", b"", last=True)
        peer.say("stderr", b"", last=True)
        peer.say("error", b"container is gone", last=True)

    async with runtime(script) as url:
        with pytest.raises(CriError, match="container is gone"):
            await Ran().run(url)


async def test_a_connection_that_breaks_is_told_without_its_token() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(lambda: len(peer.streams) == 3)

    async with runtime(script) as url:
        with pytest.raises(CriUnavailable, match="closed the connection") as caught:
            await Ran().run(url)
    assert "token" not in str(caught.value)


async def test_a_refused_upgrade_tells_the_answer() -> None:
    async def script(peer: Peer) -> None:
        raise AssertionError

    async with runtime(script, answer="404 Not Found") as url:
        with pytest.raises(CriError, match="404 Not Found: no such command"):
            await Ran().run(url)


async def test_nobody_at_the_url_is_unavailable() -> None:
    with pytest.raises(CriUnavailable, match="does not answer"):
        await Ran().run("http://127.0.0.1:1/exec/token")


def control(kind: int, body: bytes, *, flags: int = 0, version: int = 0x8003) -> bytes:
    return struct.pack("!II", version << 16 | kind, flags << 24 | len(body)) + body


def test_frames_are_put_together_from_any_pieces() -> None:
    spdy = Spdy()
    raw = spdy.data(5, b"abc") + spdy.data(5, b"", last=True) + control(2, b"\0\0\0\x05xx")
    found = [event for i in range(len(raw)) for event in spdy.receive(raw[i : i + 1])]
    assert found == [Data(5, b"abc", False), Data(5, b"", True), Opened(5)]


def test_control_frames_are_known_or_passed_over() -> None:
    spdy = Spdy()
    assert list(spdy.receive(control(3, struct.pack("!II", 9, 1)))) == [Reset(9)]
    ping = control(6, b"\0\0\0\x02")
    assert list(spdy.receive(ping)) == [Pinged(ping)]
    assert list(spdy.receive(control(4, b"\0\0\0\0"))) == []
    reply = control(2, b"\0\0\0\x03", flags=1)
    assert list(spdy.receive(reply)) == [Opened(3), Data(3, b"", True)]
    assert len(list(spdy.receive(control(7, b"\0" * 8)))) == 1


def test_another_protocol_is_refused() -> None:
    with pytest.raises(ProtocolError):
        list(Spdy().receive(control(1, b"", version=0x8002)))
    with pytest.raises(ValueError, match="16 MiB"):
        Spdy().data(1, b"x" * (1 << 24))
