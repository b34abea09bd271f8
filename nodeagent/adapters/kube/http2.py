"""One HTTP/2 connection: many requests at once, and a ping that notices when it is dead.

h2 is the protocol without I/O; this is the I/O. httpx2's own HTTP/2 does not tell the server when
a reader leaves an answer early, so that every closed watch would stay open there, and it never
pings (docs/decisions/0052-a-few-http2-connections-of-our-own.md).
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from nodeagent.adapters.kube.counts import OVERHEAD, ApiCounts
from nodeagent.adapters.kube.limits import Limits
from nodeagent.adapters.kube.reply import Broken, Reply, Request

MOST: Final = 1000  # requests at once, where the server allows even more
_STREAM_WINDOW: Final = 1 << 20
_CONNECTION_WINDOW: Final = 16 << 20
_FRAME_HEAD: Final = 9


class _H2(H2Connection):
    MAX_CLOSED_STREAMS = 128  # remembered; the default of 65536 is megabytes after some days

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        """h2 would take whatever comes after it for a breach of the protocol.

        RFC 9113 6.8 has the server finish what it has begun, which may be in the same packet.
        """
        unsent = self.data_to_send()  # which h2 would forget
        state = self.state_machine.state
        answer = super()._receive_goaway_frame(frame)
        self.state_machine.state = state
        self._data_to_send += unsent
        return answer


class _Stream:
    """A request under way: what is left to send of it, and its answer."""

    def __init__(self, request: Request, reply: Reply) -> None:
        self.purpose, self.reply = request.purpose, reply
        self.unsent = memoryview(request.body)


class Http2(asyncio.Protocol):
    """Requests over one connection. After `alive` is False it never becomes True again."""

    def __init__(self, counts: ApiCounts, limits: Limits) -> None:
        self._counts, self._limits = counts, limits
        self._loop = asyncio.get_running_loop()
        config = H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
        )
        self._h2 = _H2(config=config)
        self._transport: asyncio.Transport | None = None
        self._streams: dict[int, _Stream] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._error: Broken | None = None
        self._retired = False  # finishes what runs, takes nothing new
        self._heard = 0.0
        self._pinged = False
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = False

    # --- the user ---------------------------------------------------------------------------

    async def ready(self) -> None:
        """Wait until the server has told how many requests it takes. Broken where it takes none.

        Not even one would mean another connection for every try.
        """
        await asyncio.wait([self._ready])
        if not self.free:
            raise self._error or Broken("the server takes no requests")

    @property
    def alive(self) -> bool:
        """Whether requests may be sent."""
        return self._error is None and not self._retired and self._ready.done()

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more, not even what is under way."""
        return self._error is not None

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._streams

    @property
    def free(self) -> int:
        """How many more requests it takes now."""
        if not self.alive:
            return 0
        allowed = min(self._h2.remote_settings.max_concurrent_streams, MOST)
        return max(0, allowed - len(self._streams))

    def ask(self, request: Request, *, authority: str, scheme: str) -> Reply:
        """Send a request; only while `free`. Its head is awaited on the reply."""
        stream_id = self._h2.get_next_available_stream_id()
        reply = Reply(
            taken=lambda weight: self._taken(stream_id, weight),
            left=lambda: self._left(stream_id),
        )
        stream = self._streams[stream_id] = _Stream(request, reply)
        headers = [
            (":method", request.method),
            (":scheme", scheme),
            (":authority", authority),
            (":path", request.path),
            *request.headers,
        ]
        self._flush()  # so that the next bytes are this request's
        self._h2.send_headers(stream_id, headers, end_stream=not request.body)
        self._pump(stream_id, stream)
        self._flush(request.purpose)
        return reply

    def close(self, why: str = "closed") -> None:
        """End it at once; everything under way is Broken."""
        self._break(Broken(why))

    # --- the transport ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._h2.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: _STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: 1 << 16,
            },
        )
        del self._h2.local_settings[SettingCodes.ENABLE_CONNECT_PROTOCOL]
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_CONNECTION_WINDOW)
        self._heard = self._loop.time()
        self._flush()
        self._timer = self._loop.call_later(self._limits.quiet, self._listen)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._break(Broken(str(exc) if exc else "the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._error is not None:
            return
        self._heard, self._pinged = self._loop.time(), False
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            self._break(Broken(f"the server broke the protocol: {error}"))
            return
        self._count_received(len(data), events)
        for event in events:
            self._take(event)
        self._pump_all()  # after all events: one of them may have ended a request
        self._flush()
        if self._retired and not self._streams:
            self._break(Broken("the server ended the connection"))

    # --- what comes -------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        match event:
            case DataReceived(stream_id=int(stream_id), data=bytes(data)):
                self._take_data(stream_id, data, event.flow_controlled_length or 0)
            case ResponseReceived(stream_id=int(stream_id)):
                self._take_head(stream_id, event.headers or ())
            case StreamEnded(stream_id=int(stream_id)):
                self._take_end(stream_id)
            case StreamReset(stream_id=int(stream_id)):
                self._take_reset(stream_id, refused=event.error_code == ErrorCodes.REFUSED_STREAM)
            case RemoteSettingsChanged():
                if not self._ready.done():  # the first make it ready
                    self._ready.set_result(None)
            case ConnectionTerminated():
                self._retire(event)

    def _take_head(self, stream_id: int, found: Iterable[Any]) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in found}
        status = headers.pop(":status", "")
        if len(status) == 3 and status.isascii() and status.isdecimal() and int(status):
            stream.reply.start(int(status), headers)
        else:
            del self._streams[stream_id]
            self._reset(stream_id)
            stream.reply.fail(Broken(f"the server broke the protocol: no status {status[:20]!r}"))

    def _take_end(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is None:
            return
        if stream.unsent:  # answered before it was heard out: the rest is not wanted
            self._reset(stream_id)
        stream.reply.end()

    def _take_reset(self, stream_id: int, *, refused: bool) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.reply.fail(Broken("the server reset the request", unseen=refused))

    def _take_data(self, stream_id: int, data: bytes, weight: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None and data:
            stream.reply.add(data, weight)
        elif weight:
            self._h2.acknowledge_received_data(weight, stream_id)

    def _retire(self, event: ConnectionTerminated) -> None:
        """The server takes no more requests here, but may finish those it has begun."""
        last = event.last_stream_id or 0
        for stream_id in [one for one in self._streams if one > last]:
            stream = self._streams.pop(stream_id)
            stream.reply.fail(Broken("the server takes no more requests", unseen=True))
        if event.error_code in (None, ErrorCodes.NO_ERROR):
            self._retired = True
        else:
            self._break(Broken(f"the server ended the connection: {event.error_code}"))

    def _break(self, error: Broken) -> None:
        if self._error is not None:
            return
        self._error = error
        if self._timer is not None:
            self._timer.cancel()
        if not self._ready.done():
            self._ready.set_result(None)
        for stream in self._streams.values():
            stream.reply.fail(error)
        self._streams.clear()
        if self._transport is not None:
            self._transport.abort()

    def _listen(self) -> None:
        """Nothing heard for long: ask. No answer to that either: the connection is dead."""
        quiet = self._loop.time() - self._heard
        if self._pinged:
            self._break(Broken(f"the server has been silent for {quiet:.0f} s"))
            return
        wait = self._limits.quiet - quiet
        if wait <= 0:
            self._pinged, wait = True, self._limits.ping
            self._h2.ping(b"nodeagnt")
            self._flush()
        self._timer = self._loop.call_later(wait, self._listen)

    # --- what goes --------------------------------------------------------------------------

    def _pump_all(self) -> None:
        for stream_id, stream in self._streams.items():
            self._pump(stream_id, stream)

    def _pump(self, stream_id: int, stream: _Stream) -> None:
        """Send as much of a body as the server takes now."""
        while stream.unsent:
            window = self._h2.local_flow_control_window(stream_id)
            size = min(window, self._h2.max_outbound_frame_size, len(stream.unsent))
            if size <= 0:
                return
            part, stream.unsent = stream.unsent[:size], stream.unsent[size:]
            self._h2.send_data(stream_id, part.tobytes(), end_stream=not stream.unsent)

    def _taken(self, stream_id: int, weight: int) -> None:
        if self._error is None and weight:
            self._h2.acknowledge_received_data(weight, stream_id)
            self._flush_soon()

    def _left(self, stream_id: int) -> None:
        """The reader does not want the rest: the server must know, or it would go on sending."""
        if self._streams.pop(stream_id, None) is None or self._error is not None:
            return
        self._reset(stream_id)
        self._flush_soon()

    def _reset(self, stream_id: int) -> None:
        with suppress(ProtocolError):  # where it is over on both sides
            self._h2.reset_stream(stream_id, ErrorCodes.CANCEL)

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self, purpose: str = OVERHEAD) -> None:
        self._flushing = False
        data = self._h2.data_to_send()
        if data and self._error is None and self._transport is not None:
            self._counts.sent[purpose] += len(data)
            self._transport.write(data)

    def _count_received(self, size: int, events: Iterable[Event]) -> None:
        """Bodies count for their requests; what is beside them (heads) for the first of these."""
        rest, first = size, OVERHEAD
        for event in events:
            stream = self._streams.get(getattr(event, "stream_id", 0) or 0)
            if stream is None:
                continue
            first = stream.purpose if first == OVERHEAD else first
            if isinstance(event, DataReceived):
                weight = min(rest, (event.flow_controlled_length or 0) + _FRAME_HEAD)
                self._counts.received[stream.purpose] += weight
                rest -= weight
        self._counts.received[first] += rest
