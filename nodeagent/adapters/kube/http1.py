"""One HTTP/1.1 connection, one request at a time: for servers and proxies without HTTP/2."""

import asyncio
from typing import Any, Final

import h11

from nodeagent.adapters.kube.counts import OVERHEAD, ApiCounts
from nodeagent.adapters.kube.reply import Broken, Reply, Request

_MOST_UNREAD: Final = 1 << 20


class Http1(asyncio.Protocol):
    """Requests one after the other. After `alive` is False it never becomes True again.

    A reader that leaves before the end ends the connection: there is no other way to say so.
    """

    def __init__(self, counts: ApiCounts) -> None:
        self._counts = counts
        self._h11 = h11.Connection(h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._purpose: str = OVERHEAD
        self._error: Broken | None = None
        self._unread = 0

    async def ready(self) -> None:
        """There is nothing to wait for."""

    @property
    def alive(self) -> bool:
        """Whether requests may be sent, now or once the one under way has its answer."""
        return self._error is None

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more."""
        return self._error is not None

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything."""
        return self._reply is None

    @property
    def free(self) -> int:
        """How many more requests it takes now: one or none."""
        return int(self.alive and self._reply is None)

    def ask(self, request: Request, *, authority: str, scheme: str) -> Reply:
        """Send a request; only while `free`. Its head is awaited on the reply."""
        assert self._transport is not None
        self._reply = Reply(taken=self._taken, left=self._left)
        self._purpose = request.purpose
        headers = [("host", authority), *request.headers]
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            headers.append(("content-length", str(len(request.body))))
        head = h11.Request(method=request.method, target=request.path, headers=headers)
        data = self._h11.send(head) or b""
        if request.body:
            data += self._h11.send(h11.Data(data=request.body)) or b""
        data += self._h11.send(h11.EndOfMessage()) or b""
        self._counts.sent[request.purpose] += len(data)
        self._transport.write(data)
        return self._reply

    def close(self, why: str = "closed") -> None:
        """End it at once; what is under way is Broken."""
        self._break(Broken(why))

    # --- the transport ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._read(b"")
        self._break(Broken(str(exc) if exc else "the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._counts.received[self._purpose] += len(data)
        self._read(data)

    def _read(self, data: bytes) -> None:
        if self._error is not None:
            return
        try:
            self._h11.receive_data(data)
            while self._take(self._h11.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self._break(Broken(f"the server broke the protocol: {error}"))

    def _take(self, event: Any) -> bool:
        """One event; False where no more can come now."""
        if not isinstance(event, h11.Event):
            return False  # NEED_DATA or PAUSED
        if self._reply is None:
            self._break(Broken("the server closed the connection", unseen=True))
            return False
        match event:
            case h11.Response():
                headers = {name.decode(): value.decode("latin-1") for name, value in event.headers}
                self._reply.start(event.status_code, headers)
            case h11.Data():
                self._unread += len(event.data)
                if self._unread > _MOST_UNREAD and self._transport is not None:
                    self._transport.pause_reading()
                self._reply.add(bytes(event.data), len(event.data))
            case h11.EndOfMessage():
                self._end()
                return False
        return True

    def _end(self) -> None:
        reply, self._reply, self._purpose = self._reply, None, OVERHEAD
        done = self._h11.our_state is h11.DONE and self._h11.their_state is h11.DONE
        if done and not self._h11.trailing_data[0]:  # else it would answer the next request
            self._h11.start_next_cycle()
        else:
            self._break(Broken("the server closed the connection"))
        if reply is not None:
            reply.end()

    def _taken(self, weight: int) -> None:
        self._unread -= weight
        if self._unread <= _MOST_UNREAD and self._error is None and self._transport is not None:
            self._transport.resume_reading()

    def _left(self) -> None:
        self._break(Broken("the answer was not wanted any more"))

    def _break(self, error: Broken) -> None:
        if self._error is not None:
            return
        self._error = error
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.fail(error)
        if self._transport is not None:
            self._transport.abort()
