"""Connections to the API server: as few as carry what is asked, new ones when keys change."""

import asyncio
import contextlib
import math
import socket
import ssl
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import structlog

from nodeagent.adapters.kube.access import Access
from nodeagent.adapters.kube.counts import ApiCounts
from nodeagent.adapters.kube.credentials import Credentials, file_stamp, read_credentials
from nodeagent.adapters.kube.http1 import Http1
from nodeagent.adapters.kube.http2 import Http2
from nodeagent.adapters.kube.limits import Limits
from nodeagent.adapters.kube.reply import Broken, Reply, Request
from nodeagent.aio.threads import Threads
from nodeagent.errors import AgentError, ApiUnavailable

log = structlog.get_logger()

_LOST_AFTER: Final = 25  # seconds without a sign of life, for what has no ping of its own
_BREATH: Final = 1.0  # seconds after a failed try in which no other is made

Connection: TypeAlias = Http1 | Http2


class Connections:
    """Sends requests over a connection that has room, and makes one where none has."""

    def __init__(self, access: Access, counts: ApiCounts, threads: Threads, limits: Limits) -> None:
        self._access, self._counts, self._threads = access, counts, threads
        self._limits = limits
        parts = urlsplit(access.server)
        self._scheme, self._prefix = parts.scheme, parts.path.rstrip("/")
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._authority = counts.host = parts.netloc.rpartition("@")[2]
        self._open: list[Connection] = []
        self._credentials: Credentials | None = None
        self._dialing: asyncio.Future[AgentError | None] | None = None
        self._failed: tuple[float, AgentError] | None = None
        self._ill_since: float | None = None  # answers were 5xx since then
        self._returned = asyncio.Event()  # set and replaced whenever the server is back

    @property
    def connected(self) -> bool:
        """Whether a connection is open; what it is worth, the next request tells."""
        return any(one.alive for one in self._open)

    async def returned(self, *, at_most: float) -> bool:
        """Wait until the server is reached again, at most so many seconds; whether it was."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._returned.wait()
                return True
        return False

    async def ask(self, request: Request) -> Reply:
        """Send it, and wait for the head of the answer. Broken, or ApiUnavailable if no way."""
        connection = await self._connection()
        assert self._credentials is not None
        headers = request.headers
        if self._credentials.token:
            headers = (*headers, ("authorization", f"Bearer {self._credentials.token}"))
        sent = Request(
            purpose=request.purpose,
            method=request.method,
            path=self._prefix + request.path,
            headers=headers,
            body=request.body,
        )
        reply = connection.ask(sent, authority=self._authority, scheme=self._scheme)
        try:
            await reply.head()
        except BaseException:
            reply.close()
            raise
        self._hear(reply.status)
        return reply

    async def refresh(self) -> None:
        """Where files of the credentials changed, use them: old connections are closed."""
        if self._credentials is None:
            return
        stamp = await self._threads.run(file_stamp, self._access)
        if stamp == self._credentials.stamp:
            return
        try:
            self._credentials = await self._threads.run(read_credentials, self._access)
        except ApiUnavailable as error:  # half-written, perhaps: looked at again next time
            log.warning("credentials not read", error=str(error))
            return
        log.info("credentials changed", files=self._access.files)
        self.drop("the credentials changed")

    def tidy(self) -> None:
        """Close connections that a burst has left behind, all but one of those without a use."""
        for one in [each for each in self._open if each.alive and each.idle][1:]:
            self._open.remove(one)
            one.close("not needed any more")

    def drop(self, why: str) -> None:
        """Close every connection; the next request makes a new one."""
        closed, self._open = self._open, []
        for one in closed:
            one.close(why)

    def forget_credentials(self) -> None:
        """Read them anew for the next connection, and make that now: what failed with the old
        ones says nothing of it."""
        self._credentials = None
        if self._failed is not None:
            self._failed = (-math.inf, self._failed[1])
        self.drop("the credentials changed")

    # --- making connections -----------------------------------------------------------------

    async def _connection(self) -> Connection:
        """One with room. Only one is made at a time, and all who wait for it share its fate."""
        while True:
            self._open = [one for one in self._open if not one.ended]
            for one in self._open:
                if one.free:
                    return one
            dialing = self._dialing
            if dialing is None:
                await self._dial()
                continue
            await asyncio.wait([dialing])
            error = dialing.result()
            if error is not None:
                raise _again(error)

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        if self._failed is not None and loop.time() < self._failed[0] + _BREATH:
            raise _again(self._failed[1])
        dialing = self._dialing = loop.create_future()
        outcome: AgentError | None = None
        try:
            made = await self._connect()
            self._open.append(made)  # the list is another than before: whoever came replaced it
            self._told_back()
        except AgentError as error:
            self._failed = (loop.time(), error)
            outcome = error
            raise
        finally:
            self._dialing = None
            dialing.set_result(outcome)

    def _told_back(self) -> None:
        self._counts.connections += 1
        if self._failed is not None:
            self._failed = None
            self._tell_returned()

    def _hear(self, status: int) -> None:
        """Whoever waits because of errors need not wait on once there are none any more."""
        now, since = asyncio.get_running_loop().time(), self._ill_since
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._ill_since = now if since is None else since
            return
        self._ill_since = None
        if since is not None and now - since >= self._limits.outage:
            self._tell_returned()

    def _tell_returned(self) -> None:
        self._returned.set()
        self._returned = asyncio.Event()

    async def _connect(self) -> Connection:
        if self._credentials is None:
            self._credentials = await self._threads.run(read_credentials, self._access)
        tls = self._credentials.tls
        door = _Door(self._counts, self._limits)
        try:
            async with asyncio.timeout(self._limits.connect):
                await asyncio.get_running_loop().create_connection(
                    lambda: door,
                    self._host,
                    self._port,
                    ssl=tls,
                    server_hostname=(self._access.server_name or self._host) if tls else None,
                )
                assert door.connection is not None
                await door.connection.ready()
        except (OSError, Broken, TimeoutError) as error:
            if door.connection is not None:
                door.connection.close()
            raise self._explained(error) from error
        return door.connection

    def _explained(self, error: BaseException) -> ApiUnavailable:
        if isinstance(error, TimeoutError):
            detail = f"no answer within {self._limits.connect:.0f} s"
        elif isinstance(error, ssl.SSLCertVerificationError):
            detail = f"its certificate is not trusted: {error.verify_message}"
        elif isinstance(error, ssl.SSLError):
            detail = f"TLS failed: {error.reason or error}"
        else:
            detail = getattr(error, "strerror", None) or str(error)
        return ApiUnavailable(op="connect to", target=self._access.server, detail=detail)


def _again(error: AgentError) -> ApiUnavailable:
    """The same for another one who waited for it."""
    return ApiUnavailable(op=error.op, target=error.target, detail=error.detail)


class _Door(asyncio.Protocol):
    """Stands in until it is known which protocol the server speaks."""

    def __init__(self, counts: ApiCounts, limits: Limits) -> None:
        self._counts, self._limits = counts, limits
        self.connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        assert isinstance(transport, asyncio.Transport)
        secured = transport.get_extra_info("ssl_object")
        spoken = secured.selected_alpn_protocol() if secured is not None else None
        _watch_over(transport.get_extra_info("socket"))
        if spoken == "h2":
            self.connection = Http2(self._counts, self._limits)
        else:
            self.connection = Http1(self._counts)
        transport.set_protocol(self.connection)
        self.connection.connection_made(transport)


def _watch_over(found: socket.socket | None) -> None:
    """The kernel gives up on a silent connection after half a minute, not after a quarter hour."""
    if found is None:
        return
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _LOST_AFTER * 1000)
