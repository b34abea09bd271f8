"""Tornado's HTTP server on the node's ports."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import tornado.web
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from nodeagent.aio.threads import Threads
from nodeagent.server.backing import Backing, Switches
from nodeagent.server.node_http import Guard, Port
from nodeagent.server.node_port import (
    IDLE,
    LONGEST_BODY,
    LONGEST_HEAD,
    MOST_CONNECTIONS,
    SLOWEST_BODY,
    Opening,
    Place,
    Tls,
    listen_on,
)
from nodeagent.server.node_routes import healthz_routes, node_routes, read_only_routes


class BoundedServer(HTTPServer):
    """Takes so many connections at once; more are closed unanswered, streams not counted."""

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        if len(self._connections) >= MOST_CONNECTIONS:
            stream.close()
            return
        super().handle_stream(stream, address)


@asynccontextmanager
async def serve_ports(
    opening: Opening, backing: Backing, switches: Switches, threads: Threads, tls: Tls | None
) -> AsyncIterator[dict[str, int]]:
    """The ports are open inside, by their names. HostError where one cannot be had."""
    # Handshakes that fail and requests that are none would let any stranger fill our log.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    async with AsyncExitStack() as stack:
        bound: dict[str, int] = {}

        def serve(
            name: str, place: Place, routes: tornado.web.Application, tls: Tls | None = None
        ) -> None:
            server = BoundedServer(
                routes,
                ssl_options=tls.context if tls else None,
                idle_connection_timeout=IDLE,
                body_timeout=SLOWEST_BODY,
                max_header_size=LONGEST_HEAD,
                max_body_size=LONGEST_BODY,
            )
            sock = listen_on(place)
            bound[name] = sock.getsockname()[1]
            server.add_socket(sock)
            stack.push_async_callback(_stop, server)
            if tls is not None:
                tls.on_change = lambda: _take_context(server, tls)

        plain = Port(backing=backing, switches=switches, threads=threads)
        if opening.healthz is not None:
            serve("healthz", opening.healthz, healthz_routes(plain))
        if opening.read_only is not None:
            serve("read_only", opening.read_only, read_only_routes(plain))
        if opening.guarded is not None:
            port = guarded_port(opening, backing, switches, threads, tls)
            serve("https", opening.guarded, node_routes(port), tls)
            stack.callback(_end_streams, port)
        yield bound


def guarded_port(
    opening: Opening, backing: Backing, switches: Switches, threads: Threads, tls: Tls | None
) -> Port:
    """What the handlers of the guarded port are given."""
    assert opening.identity is not None and opening.permission is not None and tls is not None
    guard = Guard(opening.identity, opening.permission, lambda: tls.context.client_ca)
    return Port(backing=backing, switches=switches, threads=threads, guard=guard)


def _take_context(server: HTTPServer, tls: Tls) -> None:
    """New connections take the context of the moment."""
    server.ssl_options = tls.context


def _end_streams(port: Port) -> None:
    for close in tuple(port.close_streams):
        close()


async def _stop(server: HTTPServer) -> None:
    server.stop()
    await server.close_all_connections()
    await asyncio.sleep(0)
