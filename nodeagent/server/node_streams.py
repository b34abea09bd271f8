"""/exec, /attach and /portForward: the client's stream is handed through to the runtime's.

Source: section 10.5 of the reference. The agent asks the runtime for a URL, has it take the upgrade
up that the client asks for, and from then on only carries bytes; WebSockets that the runtime does
not know are translated.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from lightkube.models import core_v1 as v1
from tornado.iostream import IOStream

from nodeagent.core import websocket
from nodeagent.errors import AgentError, CriNotFound, CriUnavailable
from nodeagent.logs import get_logger
from nodeagent.model.ids import ContainerId
from nodeagent.server.backing import StreamWish
from nodeagent.server.identity import split_protocols, without_token
from nodeagent.server.node_http import NodeHandler, Port
from nodeagent.server.numbers import whole_number
from nodeagent.server.pods_by_name import find_pod, is_uid_of, spec_of, uid_of
from nodeagent.server.refusals import Refusal
from nodeagent.server.relay import Pulse, relay
from nodeagent.server.translate import (
    COMMAND,
    TUNNEL_PREFIX,
    Command,
    say_status,
    tunnel,
    tunnelled,
)
from nodeagent.server.upstream import Taken, open_upstream

log = get_logger()

_SPDY = "SPDY/3.1"
_VERSIONS = "X-Stream-Protocol-Version"
# What the client's request tells the runtime; nothing else travels on, least of all a token.
_HANDED_ON = (
    "Connection",
    "Upgrade",
    _VERSIONS,
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Extensions",
)
_REMOTE_COMMANDS = tuple(f"v{number}.channel.k8s.io" for number in (4, 3, 2, 1))
Opener = Callable[[], Awaitable[str]]


class StreamHandler(NodeHandler):
    """A request that becomes a stream."""

    word = ""  # as it is counted and told in the log

    def initialize(self, port: Port) -> None:
        super().initialize(port)
        self._pulse = Pulse(time.monotonic)

    @property
    def protocols(self) -> list[str]:
        """The subprotocols that a WebSocket asks for."""
        return without_token(
            split_protocols(",".join(self.request.headers.get_list("Sec-WebSocket-Protocol")))
        )

    @property
    def is_websocket(self) -> bool:
        return self._upgrade.lower() == "websocket"

    @property
    def _upgrade(self) -> str:
        """What the client wants to talk from here on; "" for nothing else than HTTP."""
        headers = self.request.headers
        words = [word.strip().lower() for word in headers.get("Connection", "").split(",")]
        return str(headers.get("Upgrade", "")) if "upgrade" in words else ""

    async def hand_through(self, target: str, opener: Opener) -> None:
        """Whatever was upgraded, as it is."""
        url = await self._opened(opener)
        headers = self.request.headers
        handed = [(name, value) for name in _HANDED_ON for value in headers.get_list(name) if value]
        if self.protocols:
            handed.append(("Sec-WebSocket-Protocol", ", ".join(self.protocols)))
        handed.append(("Content-Length", "0"))
        taken = await self._taken(url, self.request.method or "POST", handed)
        client = self.detach()

        async def carry() -> None:
            await client.write(taken.head)
            await relay(client, taken.stream, self._pulse, idle=self.backing.idle)

        await self._stream(client, taken.stream, target, carry)

    async def translate(self, target: str, opener: Opener, wish: StreamWish) -> None:
        """A remote command of version 5."""
        answer = self._handshake(COMMAND)
        url = await self._opened(opener)
        self.backing.figures.tally.websocket(self.word)
        client = self.detach()
        await client.write(answer)
        try:
            taken = await _spdy_upstream(url, _REMOTE_COMMANDS)
            if taken.status != 101:
                raise CriUnavailable(op="stream", target=target, detail=_said(taken))
        except AgentError as error:
            why = error.detail
            await self._stream(client, client, target, lambda: say_status(client, why))
            return
        command = Command(client, taken.stream, wish, self._pulse)
        await self._stream(
            client, taken.stream, target, lambda: command.run(idle=self.backing.idle)
        )

    async def tunnel(self, target: str, opener: Opener) -> None:
        """SPDY in the messages of a WebSocket."""
        self._check_handshake()
        url = await self._opened(opener)
        self.backing.figures.tally.websocket(self.word)
        taken = await self._checked(await _spdy_upstream(url, tunnelled(self.protocols)))
        answer = self._handshake(TUNNEL_PREFIX + taken.header(_VERSIONS))
        client = self.detach()

        async def carry() -> None:
            await client.write(answer)
            await tunnel(client, taken.stream, self._pulse, idle=self.backing.idle)

        await self._stream(client, taken.stream, target, carry)

    async def _opened(self, opener: Opener) -> str:
        if not self._upgrade:
            raise Refusal(500, "Upgrade request required\n")
        try:
            return await opener()
        except CriNotFound as error:
            raise Refusal(404, error.detail) from error
        except AgentError as error:
            raise Refusal(500, error.detail) from error

    async def _taken(self, url: str, method: str, headers: Sequence[tuple[str, str]]) -> Taken:
        try:
            taken = await open_upstream(url, method=method, headers=headers)
        except AgentError as error:
            raise Refusal(500, f"{error.detail}\n") from error
        return await self._checked(taken)

    async def _checked(self, taken: Taken) -> Taken:
        """What the runtime took up; its refusal becomes ours, code and words."""
        if taken.status != 101:
            raise Refusal(taken.status if taken.status >= 400 else 500, _said(taken))
        return taken

    def _check_handshake(self) -> str:
        headers = self.request.headers
        if self.request.method != "GET":
            raise Refusal(405, "a WebSocket begins with GET\n")
        if headers.get("Sec-WebSocket-Version") != "13":
            self.set_header("Sec-WebSocket-Version", "13")
            raise Refusal(400, "this version of WebSocket is not known: only 13 is\n")
        try:
            return websocket.accept_key(headers.get("Sec-WebSocket-Key", ""))
        except ValueError as error:
            raise Refusal(400, f"Sec-WebSocket-Key: {error}\n") from error

    def _handshake(self, protocol: str) -> bytes:
        """The head with which a WebSocket is taken up."""
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {self._check_handshake()}",
            f"Sec-WebSocket-Protocol: {protocol}",
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def _stream(
        self,
        client: IOStream,
        runtime: IOStream,
        target: str,
        work: Callable[[], Awaitable[None]],
    ) -> None:
        """Carry, and tell who did what, how long and how much; a stop of the port ends it."""

        def close() -> None:
            client.close()
            runtime.close()

        self.port.close_streams.add(close)
        began = time.monotonic()
        told: dict[str, Any] = {"kind": self.word, "target": target, "user": self.user.name}
        log.info("stream opened", **told)
        try:
            await work()
        finally:
            close()
            self.port.close_streams.discard(close)
            self.tell_end()
            log.info(
                "stream closed",
                **told,
                seconds=round(time.monotonic() - began, 3),
                bytes_in=self._pulse.to_runtime,
                bytes_out=self._pulse.to_client,
            )


async def _spdy_upstream(url: str, versions: Sequence[str]) -> Taken:
    headers = [("Connection", "Upgrade"), ("Upgrade", _SPDY), ("Content-Length", "0")]
    headers += [(_VERSIONS, version) for version in versions]
    return await open_upstream(url, method="POST", headers=headers)


def _said(taken: Taken) -> str:
    body = taken.body.decode(errors="replace")
    return body or taken.head.split(b"\r\n", 1)[0].decode("latin-1")


class Exec(StreamHandler):
    """A command in a container."""

    word = "exec"

    async def get(self, namespace: str, name: str, uid: str, container: str) -> None:
        wish = self.wish()
        pod = find_pod(self.backing.list_pods(), namespace, name, text="pod does not exist")
        found = self.backing.container(uid_of(pod), container)
        if found is None:
            raise Refusal(500, self.missing(pod, container))
        opener = self.opener(pod, container, found, wish)
        target = f"{namespace}/{name}/{container}"
        translated = self.port.switches.translate_websockets and COMMAND in self.protocols
        if self.is_websocket and translated:
            await self.translate(target, opener, wish)
        else:
            await self.hand_through(target, opener)

    post = get

    def wish(self) -> StreamWish:
        """Which streams are asked for; 400 for none."""

        def given(name: str) -> bool:
            return self.get_query_argument(name, "") == "1"

        tty = given("tty")
        stdin, stdout, stderr = given("input"), given("output"), given("error") and not tty
        if not (stdin or stdout or stderr):
            raise Refusal(400, "you must specify at least 1 of stdin, stdout, stderr")
        return StreamWish(stdin=stdin, stdout=stdout, stderr=stderr, tty=tty)

    def missing(self, pod: v1.Pod, container: str) -> str:
        """What to say where the container does not run."""
        return f'container not found ("{container}")'

    def opener(self, pod: v1.Pod, container: str, found: ContainerId, wish: StreamWish) -> Opener:
        """How to ask the runtime for its URL."""
        command = tuple(self.get_query_arguments("command", strip=False))
        return lambda: self.backing.runtime.exec(found, command, wish)


class Attach(Exec):
    """A container's own streams."""

    word = "attach"

    def missing(self, pod: v1.Pod, container: str) -> str:
        metadata = pod.metadata
        full = f"{metadata.name}_{metadata.namespace}" if metadata else ""
        return f"container {container} not found in pod {full}"

    def opener(self, pod: v1.Pod, container: str, found: ContainerId, wish: StreamWish) -> Opener:
        spec = spec_of(pod, container)
        tty = bool(spec and spec.tty)  # as the container was started, whatever the client says
        as_started = StreamWish(stdin=wish.stdin, stdout=wish.stdout, stderr=wish.stderr, tty=tty)
        return lambda: self.backing.runtime.attach(found, as_started)


class PortForward(StreamHandler):
    """Connections to ports of a pod."""

    word = "portforward"

    async def get(self, namespace: str, name: str, uid: str = "") -> None:
        wrapped = bool(
            self.is_websocket
            and self.port.switches.translate_websockets
            and tunnelled(self.protocols)
        )
        ports = () if wrapped or not self.is_websocket else self._ports()
        pod = find_pod(self.backing.list_pods(), namespace, name, text="pod does not exist")
        if uid and not is_uid_of(pod, uid, self.backing.mirror_uid):
            raise Refusal(404, "pod not found")
        found = self.backing.sandbox(uid_of(pod))
        if found is None:
            raise Refusal(500, f'pod not found ("{name}_{namespace}")')
        sandbox = found

        async def opener() -> str:
            return await self.backing.runtime.forward(sandbox, ports)

        if wrapped:
            await self.tunnel(f"{namespace}/{name}", opener)
        else:
            await self.hand_through(f"{namespace}/{name}", opener)

    post = get

    def _ports(self) -> tuple[int, ...]:
        """The ports of a WebSocket that is not wrapped SPDY; 400 where they cannot be read."""
        given = self.get_query_arguments("port")
        if not given:
            raise Refusal(400, 'query parameter "port" is required')
        ports = []
        for text in ",".join(given).split(","):
            if not text:
                raise Refusal(400, 'query parameter "port" cannot be empty')
            port = whole_number(text)
            if port is None or port > 65535:
                raise Refusal(400, f'unable to parse "{text}" as a port')
            if port < 1:
                raise Refusal(400, f'port "{text}" must be > 0')
            ports.append(port)
        return tuple(ports)
