"""Run a prepared command over the runtime's streaming URL: input, output, size, exit code.

Source: Kubernetes' remote command protocol v4 ("v4.channel.k8s.io") over SPDY/3.1.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec

from nodeagent.core.spdy import Data, Event, Pinged, ProtocolError, Reset, Spdy
from nodeagent.errors import CriError, CriUnavailable

PROTOCOLS = "v4.channel.k8s.io"
PATIENCE = 10.0  # seconds for the runtime to take the connection up
_BLOCK = 64 * 1024


class Size(msgspec.Struct, frozen=True):
    """Of a terminal, in characters."""

    width: int
    height: int


class Wiring(msgspec.Struct, frozen=True, kw_only=True):
    """Where the streams go. `source` None: the command has no input. `sizes` makes it a terminal.

    `out` and `err` take bytes as they come.
    """

    out: Callable[[bytes], None]
    err: Callable[[bytes], None]
    source: AsyncIterator[bytes] | None = None
    sizes: AsyncIterator[Size] | None = None


async def run_remote(url: str, wiring: Wiring) -> int:
    """Run the command to its end; its exit code.

    CriUnavailable where nobody answers at the URL, CriError where the command cannot be run.
    """
    reader, writer = await _upgraded(url)
    session = _Session(url, reader, writer, wiring)
    try:
        return await session.run()
    finally:
        writer.close()


async def _upgraded(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connected, and talking SPDY from here on."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: Upgrade",
        "Upgrade: SPDY/3.1",
        f"X-Stream-Protocol-Version: {PROTOCOLS}",
        "Content-Length: 0",
    ]
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write("\r\n".join([*head, "", ""]).encode())
            answer = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        detail = f"the runtime's streaming server does not answer: {error or 'timeout'}"
        raise CriUnavailable(op="exec", target=_target(url), detail=detail) from error
    status = answer.split("\r\n", 1)[0]
    if " 101 " not in status:
        rest = (await reader.read(1000)).decode(errors="replace")
        writer.close()
        raise CriError(op="exec", target=_target(url), detail=f"{status}: {' '.join(rest.split())}")
    return reader, writer


def _target(url: str) -> str:
    """The address without its one-time token."""
    return urlsplit(url).netloc


class _Session:
    """One command's streams on one connection."""

    def __init__(
        self,
        url: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        wiring: Wiring,
    ) -> None:
        self._target = _target(url)
        self._reader, self._writer, self._wiring = reader, writer, wiring
        self._spdy = Spdy()
        self._sinks: dict[int, Callable[[bytes], None]] = {}
        self._open: set[int] = set()
        self._verdict = bytearray()

    async def run(self) -> int:
        wiring = self._wiring
        # The runtime begins once it has as many streams as were asked for; error comes first.
        error = self._begin("error", self._verdict.extend)
        stdin = self._begin("stdin", None) if wiring.source is not None else 0
        self._begin("stdout", wiring.out)
        if wiring.sizes is None:
            self._begin("stderr", wiring.err)
        resize = self._begin("resize", None) if wiring.sizes is not None else 0
        async with asyncio.TaskGroup() as group:
            pumps = []
            if wiring.source is not None:
                pumps.append(group.create_task(self._feed(stdin, wiring.source)))
            if wiring.sizes is not None:
                pumps.append(group.create_task(self._resize(resize, wiring.sizes)))
            broken = await self._receive(error)
            for pump in pumps:
                pump.cancel()
        if broken is not None:
            raise CriUnavailable(op="exec", target=self._target, detail=str(broken)) from broken
        return self._exit_code()

    def _begin(self, kind: str, sink: Callable[[bytes], None] | None) -> int:
        stream, raw = self._spdy.open({"streamType": kind})
        self._writer.write(raw)
        if sink is not None:
            self._sinks[stream] = sink
            self._open.add(stream)
        return stream

    async def _feed(self, stream: int, source: AsyncIterator[bytes]) -> None:
        with suppress(ConnectionError):  # who receives tells it
            async for data in source:
                self._writer.write(self._spdy.data(stream, data))
                await self._writer.drain()
            self._writer.write(self._spdy.data(stream, b"", last=True))

    async def _resize(self, stream: int, sizes: AsyncIterator[Size]) -> None:
        async for size in sizes:
            text = msgspec.json.encode({"Width": size.width, "Height": size.height})
            self._writer.write(self._spdy.data(stream, text))

    async def _receive(self, error: int) -> Exception | None:
        """Until all outputs have ended, or the connection has; what broke it too early."""
        try:
            while self._open:
                raw = await self._reader.read(_BLOCK)
                if not raw:
                    early = error in self._open and not self._verdict
                    return ConnectionError("the runtime closed the connection") if early else None
                for event in self._spdy.receive(raw):
                    self._take(event)
        except (ConnectionError, ProtocolError) as broken:
            return broken
        return None

    def _take(self, event: Event) -> None:
        if isinstance(event, Data):
            if event.data and event.stream in self._sinks:
                self._sinks[event.stream](event.data)
            if event.last:
                self._open.discard(event.stream)
        elif isinstance(event, Reset):
            self._open.discard(event.stream)
        elif isinstance(event, Pinged):
            self._writer.write(event.answer)

    def _exit_code(self) -> int:
        """From the metav1.Status on the error stream; nothing at all means success."""
        if not self._verdict:
            return 0
        try:
            status = msgspec.json.decode(bytes(self._verdict), type=_Status)
        except msgspec.DecodeError:
            detail = self._verdict.decode(errors="replace")
            raise CriError(op="exec", target=self._target, detail=detail) from None
        if status.status == "Success":
            return 0
        causes = status.details.causes if status.details else ()
        for cause in causes:
            if cause.reason == "ExitCode" and cause.message.isdigit():
                return int(cause.message)
        raise CriError(op="exec", target=self._target, detail=status.message or "it failed")


class _Cause(msgspec.Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(msgspec.Struct, frozen=True):
    causes: tuple[_Cause, ...] = ()


class _Status(msgspec.Struct, frozen=True):
    status: str = ""
    message: str = ""
    details: _Details | None = None
