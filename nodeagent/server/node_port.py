"""Opens the node's ports: the guarded one under TLS, the read-only one, and the one for health."""

import asyncio
import socket
from collections.abc import Callable

import msgspec

from nodeagent.aio.threads import Threads
from nodeagent.errors import AgentError, HostError
from nodeagent.logs import get_logger
from nodeagent.server.backing import Backing, Switches
from nodeagent.server.identity import Identity
from nodeagent.server.permission import Permission
from nodeagent.server.tls import Stamp, TlsFiles, TlsRules

log = get_logger()

IDLE = 90.0  # seconds without a request until a connection is closed
SLOWEST_BODY = 30.0
LONGEST_HEAD, LONGEST_BODY = 1 << 20, 1 << 20  # bytes
MOST_CONNECTIONS = 2000
BACKLOG = 512
LOOK_AT_FILES = 5.0  # seconds between two looks whether certificates are others


class Place(msgspec.Struct, frozen=True):
    """Where to listen."""

    address: str
    port: int


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """Which ports to open, None for closed; the guarded one needs all of what follows it."""

    guarded: Place | None = None
    read_only: Place | None = None
    healthz: Place | None = None
    tls: TlsRules | None = None
    identity: Identity | None = None
    permission: Permission | None = None


class NodePorts:
    """The component. `prepare` makes what the certificate files need before they are read."""

    def __init__(
        self,
        opening: Opening,
        backing: Backing,
        switches: Switches,
        *,
        prepare: Callable[[], None] = lambda: None,
        look_every: float = LOOK_AT_FILES,
    ) -> None:
        self._opening, self._backing, self._switches = opening, backing, switches
        self._prepare, self._look_every = prepare, look_every
        self.ready = asyncio.Event()
        self.ports: dict[str, int] = {}  # as bound, should a port of 0 have been asked for

    async def run(self) -> None:
        """Listen until cancelled. HostError where a port or a certificate cannot be had."""
        from nodeagent.server.serving_http import serve_ports  # late: Tornado is not always wanted

        threads = Threads(6, name="node-port")
        try:
            await threads.run(self._prepare)
            tls = await self._tls(threads)
            async with serve_ports(
                self._opening, self._backing, self._switches, threads, tls
            ) as bound:
                self.ports.update(bound)
                log.info("ports open", **bound)
                self.ready.set()
                await (asyncio.Event().wait() if tls is None else tls.follow(self._look_every))
        finally:
            threads.close()

    async def _tls(self, threads: Threads) -> "Tls | None":
        rules = self._opening.tls
        if self._opening.guarded is None or rules is None:
            return None
        tls = Tls(TlsFiles(rules), threads)
        await tls.load()
        return tls


class Tls:
    """The context for new connections, made anew when its files changed."""

    def __init__(self, files: TlsFiles, threads: Threads) -> None:
        self._files, self._threads = files, threads
        self._stamp: Stamp = ()
        self.on_change: Callable[[], None] = lambda: None

    async def load(self) -> None:
        """HostError or SettingsError where the files cannot be used."""
        stamp = await self._threads.run(self._files.stamp)
        self.context = await self._threads.run(self._files.load)
        self._stamp = stamp

    async def follow(self, look_every: float) -> None:
        """For ever, a look in so many seconds. Files that cannot be used change nothing."""
        while True:
            await asyncio.sleep(look_every)
            stamp = await self._threads.run(self._files.stamp)
            if stamp == self._stamp:
                continue
            self._stamp = stamp
            try:
                await self.load()
            except AgentError as error:
                log.warning("certificate files not taken", error=str(error))
                continue
            self.on_change()
            log.info("certificate files taken")


def listen_on(place: Place) -> socket.socket:
    """A listening socket. "::" takes IPv4 too, as in Go. HostError where it cannot be had."""
    wide = ":" in place.address
    try:
        sock = socket.create_server(
            (place.address, place.port),
            family=socket.AF_INET6 if wide else socket.AF_INET,
            backlog=BACKLOG,
            dualstack_ipv6=place.address == "::",
        )
    except (OSError, ValueError) as error:
        target = f"{place.address}:{place.port}"
        raise HostError(op="listen on", target=target, detail=str(error)) from error
    sock.setblocking(False)
    return sock
