"""WebSockets of kubectl that the runtime does not know, in terms of the SPDY that it does.

Source: section 10.5 of the reference; KEP-4006 (WebSockets instead of SPDY). Two kinds: remote
commands of version 5, whose one difference is that a stream can be ended, and SPDY itself wrapped
in messages, for port-forward.
"""

from collections.abc import Callable

import msgspec
from tornado.iostream import IOStream, StreamClosedError

from nodeagent.core import websocket
from nodeagent.core.spdy import Data, ProtocolError, Reset, Spdy
from nodeagent.core.spdy import Pinged as SpdyPinged
from nodeagent.server.backing import StreamWish
from nodeagent.server.refusals import status_of
from nodeagent.server.relay import BLOCK, Pulse, carry

COMMAND = "v5.channel.k8s.io"
TUNNEL_PREFIX, TUNNEL_SUFFIX = "SPDY/3.1+", ".k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, END_OF = 0, 1, 2, 3, 4, 255
_SUCCESS = b'{"metadata":{},"status":"Success"}'


def tunnelled(protocols: list[str]) -> list[str]:
    """The SPDY protocols that a WebSocket's subprotocols wrap."""
    return [
        one.removeprefix(TUNNEL_PREFIX)
        for one in protocols
        if one.startswith(TUNNEL_PREFIX) and one.endswith(TUNNEL_SUFFIX)
    ]


async def say_status(client: IOStream, message: str) -> None:
    """Tell a remote command's client that there is no command, and end the WebSocket."""
    verdict = msgspec.json.encode(status_of(500, f"Internal error occurred: {message}"))
    await client.write(websocket.frame(verdict, prefix=bytes((ERROR,))) + websocket.close_frame())


class _Messages:
    """Messages of a client, its pings answered; the end is a StreamClosedError."""

    def __init__(self, client: IOStream, pulse: Pulse) -> None:
        self._client, self._pulse = client, pulse
        self._reader = websocket.Reader()

    async def next(self) -> list[bytes]:
        """Whole messages, as soon as there are any."""
        while True:
            raw = await self._client.read_bytes(BLOCK, partial=True)
            self._pulse.beat(to_runtime=len(raw))
            found = await self._taken(raw)
            if found:
                return found

    async def _taken(self, raw: bytes) -> list[bytes]:
        found: list[bytes] = []
        try:
            for event in self._reader.receive(raw):
                if isinstance(event, websocket.Message):
                    found.append(event.data)
                elif isinstance(event, websocket.Pinged):
                    await self._client.write(event.answer)
                else:
                    await self._client.write(websocket.close_frame(event.code))
                    raise StreamClosedError
        except websocket.Broken as broken:
            await self._client.write(websocket.close_frame(broken.code, str(broken)))
            raise StreamClosedError from broken
        return found


class Command:
    """A remote command: channels of a WebSocket on one side, streams of SPDY on the other."""

    def __init__(self, client: IOStream, runtime: IOStream, wish: StreamWish, pulse: Pulse) -> None:
        self._client, self._runtime, self._wish, self._pulse = client, runtime, wish, pulse
        self._spdy = Spdy()
        self._inputs: dict[int, int] = {}  # channel -> stream
        self._outputs: dict[int, int] = {}  # stream -> channel, while it may still say something
        self._verdict = bytearray()

    async def run(self, *, idle: float) -> None:
        """To the end of the command, or of the client, or of `idle` seconds without a byte."""
        # The runtime begins once it has as many streams as were asked for; error comes first.
        await self._runtime.write(b"".join(self._opened()))
        await carry(
            self._client,
            self._runtime,
            out=self._out(),
            back=self._back(),
            until=self._pulse.stopped(idle),
        )

    def _opened(self) -> list[bytes]:
        wish = self._wish
        asked = (
            ("error", ERROR, self._outputs, True),
            ("stdin", STDIN, self._inputs, wish.stdin),
            ("stdout", STDOUT, self._outputs, wish.stdout),
            ("stderr", STDERR, self._outputs, wish.stderr),
            ("resize", RESIZE, self._inputs, wish.tty),
        )
        frames = []
        for kind, channel, table, is_wanted in asked:
            if is_wanted:
                stream, raw = self._spdy.open({"streamType": kind})
                if table is self._inputs:
                    table[channel] = stream
                else:
                    table[stream] = channel
                frames.append(raw)
        return frames

    async def _back(self) -> None:
        messages = _Messages(self._client, self._pulse)
        while True:
            for message in await messages.next():
                raw = self._for_runtime(message)
                if raw and not self._runtime.closed():
                    await self._runtime.write(raw)

    def _for_runtime(self, message: bytes) -> bytes:
        if not message:
            return b""
        channel, ends = message[0], False
        if channel == END_OF:
            if len(message) != 2:
                raise StreamClosedError
            channel, ends = message[1], True
        stream = self._inputs.get(channel)
        if stream is None:
            return b""
        if ends:
            del self._inputs[channel]
            return self._spdy.data(stream, b"", last=True)
        return self._spdy.data(stream, message[1:])

    async def _out(self) -> None:
        why = ""
        try:
            while self._outputs:
                raw = await self._runtime.read_bytes(BLOCK, partial=True)
                self._pulse.beat(to_client=len(raw))
                await self._take(raw)
        except (StreamClosedError, ProtocolError) as error:
            why = f"the runtime broke the stream off: {error}"
        if self._client.closed():
            return
        if self._verdict or not why:
            verdict = bytes(self._verdict) or _SUCCESS
            await self._client.write(websocket.frame(verdict, prefix=bytes((ERROR,))))
            await self._client.write(websocket.close_frame())
        else:
            await say_status(self._client, why)

    async def _take(self, raw: bytes) -> None:
        """Write what the bytes say, in one go."""
        frames: list[bytes] = []
        for event in self._spdy.receive(raw):
            if isinstance(event, Data):
                self._take_data(event, frames.append)
            elif isinstance(event, Reset):
                self._outputs.pop(event.stream, None)
            elif isinstance(event, SpdyPinged):
                await self._runtime.write(event.answer)
            # That streams are open, or that no new ones may be, changes nothing.
        if frames:
            await self._client.write(b"".join(frames))

    def _take_data(self, event: Data, send: Callable[[bytes], None]) -> None:
        channel = self._outputs.get(event.stream)
        if channel == ERROR:
            self._verdict += event.data
        elif channel is not None and event.data:
            send(websocket.frame(event.data, prefix=bytes((channel,))))
        if event.last:
            self._outputs.pop(event.stream, None)


async def tunnel(client: IOStream, runtime: IOStream, pulse: Pulse, *, idle: float) -> None:
    """Messages of the client are the runtime's bytes, and the other way round."""

    async def out() -> None:
        while True:
            raw = await runtime.read_bytes(BLOCK, partial=True)
            pulse.beat(to_client=len(raw))
            await client.write(websocket.frame(raw))

    async def out_and_close() -> None:
        try:
            await out()
        except StreamClosedError:
            if not client.closed():
                await client.write(websocket.close_frame())

    async def back() -> None:
        messages = _Messages(client, pulse)
        while True:
            for message in await messages.next():
                if not runtime.closed():
                    await runtime.write(message)

    await carry(client, runtime, out=out_and_close(), back=back(), until=pulse.stopped(idle))
