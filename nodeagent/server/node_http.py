"""What every request to the node's ports goes through: who asks, may they, and how errors look.

Import this only when a server is wanted: it brings Tornado along. Errors are plain text with the
words of a kubelet, for its clients know them.
"""

import time
from collections.abc import Callable
from typing import Any, cast

import msgspec
import tornado.web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import SSLIOStream, StreamClosedError

from nodeagent.aio.threads import Threads
from nodeagent.core.access import refusal_text, wish_of
from nodeagent.errors import AgentError
from nodeagent.logs import get_logger
from nodeagent.model.access import NOBODY, User, Wish
from nodeagent.server import documents
from nodeagent.server.backing import Backing, Switches
from nodeagent.server.counted import PORT_PATHS, asked
from nodeagent.server.identity import Credentials, Identity, Unproven, bearer_token
from nodeagent.server.permission import Permission
from nodeagent.server.refusals import Refusal

log = get_logger()

TEXT = "text/plain; charset=utf-8"


class Guard(msgspec.Struct, frozen=True):
    """Who may come in. `client_ca` is the bundle that client certificates are checked with now."""

    identity: Identity
    permission: Permission
    client_ca: Callable[[], bytes] = lambda: b""


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """What all handlers of one port are given. Without a guard everybody may ask."""

    backing: Backing
    switches: Switches
    threads: Threads
    guard: Guard | None = None
    close_streams: set[Callable[[], None]] = msgspec.field(default_factory=set)


class NodeHandler(tornado.web.RequestHandler):
    """A request to a port of the node."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "DELETE", "PATCH", "PUT", "OPTIONS")
    guarded = True

    def initialize(self, port: Port) -> None:
        self.port, self.backing = port, port.backing
        self.closed = False
        self.is_stale = False  # the client was checked with another bundle than that of today
        self.user = NOBODY
        self._began = time.monotonic()
        server_type = "readonly" if port.guard is None else "readwrite"
        self._asked = asked(self.request, server_type, PORT_PATHS)
        self.backing.figures.tally.began(self._asked)

    async def prepare(self) -> None:
        if self.port.guard is None or not self.guarded:
            return
        wish = wish_of(self.request.method or "", self.request.path)
        self.user = await self._identify(self.port.guard)
        try:
            allowed = await self.port.guard.permission.allows(self.user, wish)
        except AgentError as error:
            log.warning("access review failed", user=self.user.name, error=str(error))
            raise Refusal(500, _failed_text(self.user, wish)) from error
        if not allowed:
            log.debug("request refused", user=self.user.name, verb=wish.verb)
            raise Refusal(403, refusal_text(self.user.name, wish))

    async def _identify(self, guard: Guard) -> User:
        try:
            user = await guard.identity.user(self._credentials(guard))
        except Unproven as error:
            log.debug("request not authenticated", error=str(error))
            raise Refusal(401, "Unauthorized") from error
        except AgentError as error:
            log.warning("token review failed", error=str(error))
            raise Refusal(401, "Unauthorized") from error
        if user is None:
            raise Refusal(401, "Unauthorized")
        return user

    def _credentials(self, guard: Guard) -> Credentials:
        headers = self.request.headers
        token = bearer_token(
            headers.get("Authorization", ""), headers.get("Sec-WebSocket-Protocol", "")
        )
        stream = cast(HTTP1Connection, self.request.connection).stream
        if not isinstance(stream, SSLIOStream):
            return Credentials(token=token)
        if stream.closed():  # it has left already, and nothing is known of it any more
            raise StreamClosedError
        if getattr(stream.socket.context, "client_ca", b"") != guard.client_ca():
            self.is_stale = True
            return Credentials(token=token)
        certificate = stream.socket.getpeercert()
        der = stream.socket.getpeercert(binary_form=True) if certificate else None
        return Credentials(certificate=certificate, der=der or b"", token=token)

    def on_finish(self) -> None:
        self.tell_end()

    def tell_end(self) -> None:
        """The request is over; for streams, which end apart from their answer, call it then."""
        self.backing.figures.tally.ended(self._asked, time.monotonic() - self._began)

    def on_connection_close(self) -> None:
        self.closed = True

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", TEXT)
        self.set_header("X-Content-Type-Options", "nosniff")

    def answer(self, document: object) -> None:
        """Send one JSON document."""
        self.set_header("Content-Type", "application/json")
        self.write(documents.encoded(document))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        self.set_header("Content-Type", TEXT)
        text = f"{status_code}: {self._reason}"
        if isinstance(error, Refusal):
            self.set_status(error.code)
            text = error.message
        elif isinstance(error, AgentError):
            text = str(error)
        if not self.is_stale:
            self.finish(text)
            return
        self.set_header("Connection", "close")  # it shall connect, and be checked, anew
        stream = cast(HTTP1Connection, self.request.connection).stream
        self.finish(text).add_done_callback(lambda _: stream.close())

    def log_exception(self, *exc_info: Any) -> None:
        error = exc_info[1]
        if isinstance(error, Refusal | StreamClosedError | tornado.web.HTTPError):
            return
        if isinstance(error, AgentError):
            log.warning("request to the node failed", path=self.request.path, error=str(error))
            return
        log.error("request to the node failed", path=self.request.path, exc_info=exc_info)

    def _request_summary(self) -> str:  # without query: logs must not show what was asked
        return f"{self.request.method} {self.request.path}"


def _failed_text(user: User, wish: Wish) -> str:
    return (
        f"Authorization error (user={user.name}, verb={wish.verb}, resource=nodes,"
        f" subresource={wish.subresources[0]})"
    )


class Missing(NodeHandler):
    """Any other path, to anybody, as with a kubelet."""

    guarded = False

    async def prepare(self) -> None:
        raise Refusal(404, "404 page not found\n")


class Disabled(NodeHandler):
    """A path that the configuration switches off."""

    def initialize(self, port: Port, text: str) -> None:  # type: ignore[override]
        super().initialize(port)
        self._text = text

    async def prepare(self) -> None:
        await super().prepare()
        raise Refusal(405, f"{self._text}\n")
