"""Requests that go on to a node: its logs, exec, attach, port-forward, and whatever it proxies.

As a real API server does it: over TLS to the node's own port with a client certificate of
system:masters; what the client upgrades is passed on as it is.
"""

import asyncio
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

import msgspec
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient

from tests.apiserver.asking import Target
from tests.apiserver.kinds import kind_named
from tests.apiserver.problems import Document, StatusError, bad_request
from tests.apiserver.store import Store

_HOP: Final = {"host", "authorization", "content-length", "transfer-encoding", "expect"}
_STREAMS: Final = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
_LOG_WORDS: Final = {
    *("follow", "previous", "timestamps", "sinceSeconds", "sinceTime", "tailLines", "limitBytes"),
    *("stream", "insecureSkipTLSVerifyBackend"),
}
_WEBSOCKETS: Final = "ExtendWebSocketsToKubelet"
CHUNK: Final = 65536


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes on to."""

    host: str
    port: int
    path: str
    websockets: bool  # whether the node takes them


class Nodes:
    """Finds the nodes' ports and connects to them."""

    def __init__(self, store: Store, context: ssl.SSLContext) -> None:
        self._store, self._context = store, context

    def place(self, target: Target, query: dict[str, list[str]]) -> Place:
        """Where this subresource of a pod or node is served; 400 where it cannot be."""
        if target.kind.kind == "Node":
            name, _, port = target.name.partition(":")
            rest = f"/{target.rest}" + (f"?{urlencode(query, doseq=True)}" if query else "")
            return self._at(name, rest, port=int(port or 0))
        kind = kind_named("v1", "Pod")
        assert kind is not None
        pod = self._store.get(kind, target.name, target.namespace)
        node = pod["spec"].get("nodeName")
        if not node:
            raise bad_request(f"pod {target.name} does not have a host assigned")
        at = f"{target.namespace}/{target.name}"
        if target.subresource == "portforward":
            wanted = {"port": query["ports"]} if "ports" in query else {}
            return self._at(node, f"/portForward/{at}{_text(wanted)}")
        container = _container(pod, (query.get("container") or [""])[0])
        if target.subresource == "log":
            kept = {k: v for k, v in query.items() if k in _LOG_WORDS}
            return self._at(node, f"/containerLogs/{at}/{container}{_text(kept)}")
        wanted = {
            short: ["1"]
            for word, short in _STREAMS.items()
            if query.get(word, ["false"])[0] in ("1", "true")
        }
        if "command" in query:
            wanted["command"] = query["command"]
        return self._at(node, f"/{target.subresource}/{at}/{container}{_text(wanted)}")

    def _at(self, node: str, path: str, *, port: int = 0) -> Place:
        nodes = kind_named("v1", "Node")
        assert nodes is not None
        status = self._store.get(nodes, node).get("status") or {}
        addresses = [(a["type"], a["address"]) for a in status.get("addresses") or []]
        host = next(
            (at for kind in ("InternalIP", "Hostname") for of, at in addresses if of == kind), ""
        )
        told = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port")
        if not host:
            raise StatusError(500, "InternalError", f"no preferred addresses found for {node}")
        return Place(
            host=host,
            port=port or told or 10250,
            path=path,
            websockets=_WEBSOCKETS in (status.get("declaredFeatures") or []),
        )

    async def connect(self, place: Place) -> IOStream:
        """A connection to the node; 500 with the reason where there is none."""
        try:
            return await TCPClient().connect(
                place.host, place.port, ssl_options=self._context, timeout=10
            )
        except (OSError, StreamClosedError) as error:
            message = f"error dialing backend: dial tcp {place.host}:{place.port}: {error}"
            raise StatusError(500, "InternalError", message) from error


def request_text(method: str, place: Place, headers: HTTPHeaders, body: bytes) -> bytes:
    """The request as the node gets it."""
    lines = [f"{method} {place.path} HTTP/1.1", f"Host: {place.host}:{place.port}"]
    upgrade = "upgrade" in headers.get("Connection", "").lower()
    for name, value in headers.get_all():
        if name.lower() not in _HOP and (upgrade or name.lower() != "connection"):
            lines.append(f"{name}: {value}")
    if not upgrade:
        lines.append("Connection: close")
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


async def join_streams(client: IOStream, node: IOStream) -> None:
    """Pass bytes both ways until either side ends; both are closed then."""
    tasks = {
        asyncio.create_task(_pump(client, node)),
        asyncio.create_task(_pump(node, client)),
    }
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    client.close()
    node.close()
    await asyncio.wait(tasks)


async def _pump(source: IOStream, sink: IOStream) -> None:
    with suppress(StreamClosedError):
        while True:
            await sink.write(await source.read_bytes(CHUNK, partial=True))


def _text(query: dict[str, list[str]]) -> str:
    return f"?{urlencode(query, doseq=True)}" if query else ""


def _container(pod: Document, name: str) -> str:
    spec = pod["spec"]
    names = [one["name"] for one in spec["containers"]]
    others: Iterable[Document] = [
        *(spec.get("initContainers") or []),
        *(spec.get("ephemeralContainers") or []),
    ]
    if not name:
        if len(names) == 1:
            return str(names[0])
        raise bad_request(
            f"a container name must be specified for pod {pod['metadata']['name']}, choose one "
            f"of: [{' '.join(names)}]"
        )
    if name not in names and name not in [one["name"] for one in others]:
        raise bad_request(f"container {name} is not valid for pod {pod['metadata']['name']}")
    return name
