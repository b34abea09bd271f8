"""An HTTP/2 server whose every frame a test decides, over TLS on a real socket."""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    PingAckReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes, Settings

from nodeagent.adapters.kube.access import Access, Pem
from nodeagent.adapters.kube.client import KubeClient
from nodeagent.adapters.kube.limits import Limits
from nodeagent.aio.threads import Threads
from tests.apiserver.authority import Authority

AUTHORITY = Authority()


class Asked:
    """A request that came; the test answers it, or not."""

    def __init__(self, line: "Line", stream_id: int, headers: Mapping[str, str]) -> None:
        self.line, self.stream_id = line, stream_id
        self.method, self.path = headers[":method"], headers[":path"]
        self.body = b""
        self.whole = asyncio.Event()
        self.left = asyncio.Event()  # the client reset it

    def head(self, status: str = "200", *, headers: Iterable[tuple[str, Any]] = ()) -> None:
        """Send the head of the answer."""
        self.line.h2.send_headers(self.stream_id, [(":status", status), *headers])
        self.line.flush()

    def send(self, data: bytes, *, end: bool = False) -> None:
        """Send a part of the body, as much as the client's window takes."""
        self.line.h2.send_data(self.stream_id, data, end_stream=end)
        self.line.flush()

    def answer(
        self, body: bytes = b"{}", status: str = "200", *, headers: Iterable[tuple[str, Any]] = ()
    ) -> None:
        """The whole answer at once."""
        self.head(status, headers=headers)
        self.send(body, end=True)

    def reset(self, code: ErrorCodes) -> None:
        """End this request alone."""
        self.line.h2.reset_stream(self.stream_id, code)
        self.line.flush()


class Line(asyncio.Protocol):
    """One connection of the server."""

    def __init__(self, server: "ScriptedServer") -> None:
        self._server = server
        self.h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.transport: asyncio.Transport
        self.corked = False  # keep what is to be sent until it is uncorked
        self.lost = asyncio.Event()
        self.settled = asyncio.Event()
        self.requests: dict[int, Asked] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.lines.append(self)
        self.h2.local_settings = Settings(client=False, initial_values=self._server.settings)
        self.h2.initiate_connection()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            self._take(event)
        self.flush()

    def _take(self, event: Event) -> None:
        asked = self.requests.get(getattr(event, "stream_id", None) or 0)
        match event:
            case RequestReceived(stream_id=int(stream_id)):
                headers = {str(name): str(value) for name, value in event.headers or ()}
                asked = self.requests[stream_id] = Asked(self, stream_id, headers)
                self._server.asked.put_nowait(asked)
            case DataReceived(stream_id=int(stream_id)) if asked is not None:
                asked.body += event.data or b""
                if not self._server.stingy:
                    weight = event.flow_controlled_length or 0
                    self.h2.acknowledge_received_data(weight, stream_id)
            case StreamEnded() if asked is not None:
                asked.whole.set()
            case StreamReset() if asked is not None:
                asked.left.set()
            case PingAckReceived():
                self.settled.set()

    def flush(self) -> None:
        """Send what is due, unless corked."""
        if not self.corked and not self.transport.is_closing():
            self.transport.write(self.h2.data_to_send())

    def uncork(self) -> None:
        """Send all that was kept, in one piece."""
        self.corked = False
        self.flush()

    async def settle(self) -> None:
        """Wait until the client has taken everything sent so far."""
        self.settled.clear()
        self.h2.ping(b"settle??")
        self.flush()
        await self.settled.wait()

    def change(self, settings: Mapping[int, int]) -> None:
        """Other settings from now on."""
        self.h2.update_settings(dict(settings))
        self.flush()

    def go_away(self, *, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """GOAWAY, after which h2 lets this side go on with what it has begun."""
        state = self.h2.state_machine.state
        self.h2.close_connection(code, last_stream_id=last)
        self.h2.state_machine.state = state
        self.flush()

    def cut(self) -> None:
        """End it without a word."""
        self.transport.abort()

    def go_deaf(self) -> None:
        """Neither hear nor say anything more, with the socket left open."""
        self.transport.pause_reading()


class ScriptedServer:
    """Connections and requests in the order they came."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.asked: asyncio.Queue[Asked] = asyncio.Queue()
        self.stingy = False  # give no window back
        self.settings: dict[SettingCodes, int] = {SettingCodes.MAX_CONCURRENT_STREAMS: 100}

    async def next(self) -> Asked:
        """The next request, once it is there."""
        return await self.asked.get()


def tls_server(*protocols: str) -> ssl.SSLContext:
    """What a server of the tests' authority needs, with the protocols it offers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(list(protocols))
    with tempfile.NamedTemporaryFile() as file:
        file.write(AUTHORITY.server("127.0.0.1", ["127.0.0.1"]).both)
        file.flush()
        context.load_cert_chain(file.name)
    return context


@asynccontextmanager
async def client_of(port: int, limits: Limits | None = None) -> AsyncIterator[KubeClient]:
    """The real client of a server here; everything it does must be over within 20 s."""
    access = Access(server=f"https://127.0.0.1:{port}", ca=Pem(data=AUTHORITY.pem), origin="test")
    threads = Threads(1)
    client = KubeClient(access, threads=threads, limits=limits)
    try:
        async with asyncio.timeout(20):
            yield client
    finally:
        client.close()
        threads.close()


@asynccontextmanager
async def scripted(
    limits: Limits | None = None, settings: Mapping[SettingCodes, int] | None = None
) -> AsyncIterator[tuple[ScriptedServer, KubeClient]]:
    """A server with such settings, and a client of it."""
    server = ScriptedServer()
    server.settings |= settings or {}
    listening = await asyncio.get_running_loop().create_server(
        lambda: Line(server), "127.0.0.1", 0, ssl=tls_server("h2")
    )
    try:
        async with client_of(listening.sockets[0].getsockname()[1], limits) as client:
            yield server, client
    finally:
        listening.close()
        for line in server.lines:
            line.transport.abort()
            await line.lost.wait()
