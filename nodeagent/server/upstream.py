"""Connects to the runtime's streaming server and has it take up a stream."""

import asyncio
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec
from tornado.iostream import IOStream, StreamClosedError, UnsatisfiableReadError

from nodeagent.errors import CriUnavailable

PATIENCE = 10.0  # seconds for the runtime to take the connection up
_LONGEST_HEAD = 64 * 1024
_LONGEST_BODY = 64 * 1024


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime's answer. With `status` 101 `stream` goes on; else it is closed, and `body` is
    what the runtime had to say. `head` is the whole head as it came.
    """

    stream: IOStream
    status: int
    head: bytes
    body: bytes = b""

    def header(self, name: str) -> str:
        """A header's value, "" for none."""
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return ""


async def open_upstream(url: str, *, method: str, headers: Iterable[tuple[str, str]]) -> Taken:
    """Ask the runtime to go on at the URL that it gave. CriUnavailable where it does not answer."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        detail = f"it streams at {parts.scheme}://{parts.netloc}, and only http can be used"
        raise CriUnavailable(op="stream", target="container runtime", detail=detail)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers]
    family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
    stream = IOStream(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
    try:
        async with asyncio.timeout(PATIENCE):
            await stream.connect((parts.hostname, parts.port))
            stream.set_nodelay(True)
            await stream.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            head = await stream.read_until(b"\r\n\r\n", max_bytes=_LONGEST_HEAD)
            taken = Taken(stream=stream, status=_status(head), head=head)
            return taken if taken.status == 101 else await _refused(taken)
    except (OSError, StreamClosedError, UnsatisfiableReadError, TimeoutError, ValueError) as error:
        stream.close()
        detail = f"the runtime's streaming server does not answer: {error or 'timeout'}"
        raise CriUnavailable(op="stream", target=parts.netloc, detail=detail) from error
    except asyncio.CancelledError:
        stream.close()
        raise


def _status(head: bytes) -> int:
    return int(head.split(b" ", 2)[1])


async def _refused(taken: Taken) -> Taken:
    """The answer with its body, as much of it as is reasonable."""
    stated = taken.header("Content-Length")
    body = b""
    if stated.isdigit():
        body = await taken.stream.read_bytes(min(int(stated), _LONGEST_BODY))
    elif "chunked" not in taken.header("Transfer-Encoding"):
        body = (await taken.stream.read_until_close())[:_LONGEST_BODY]
    taken.stream.close()
    return msgspec.structs.replace(taken, body=body)
