"""One connection of a probe: non-blocking, on the loop, and gone without TIME_WAIT when closed.

Raw sockets instead of asyncio's streams: figures in docs/decisions/0010-http-probes.md.
"""

import asyncio
import errno
import functools
import os
import socket
import ssl
import struct
from typing import Any, Self

SWEEP = 0.003  # seconds; answers of one clump of probes are collected together after this pause
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_CHUNK = 16 * 1024

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class WireError(Exception):
    """The connection failed; the text says how, in the words users know from a kubelet."""


class PlainAnswer(WireError):
    """TLS was begun and the other side answered in plain HTTP."""


class Wire:
    """A connection. Whoever gets one closes it; nothing of it is left afterwards."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._swept = False

    @classmethod
    async def dial(cls, host: str, port: int, *, tls: ssl.SSLContext | None = None) -> Self:
        """Connect to the first address of `host` that answers. WireError if none does."""
        failure = WireError(f"dial tcp: lookup {host}: no such host")
        for family, address in await _resolve(host, port):
            try:
                wire = cls(socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            except OSError as error:  # no more files, or no IPv6 here
                failure = WireError(f"dial tcp: socket: {_words(error)}")
                continue
            try:
                await wire._connect(address)
                if tls is not None:
                    await wire._handshake(tls, host)
            except WireError as error:
                wire.close()
                failure = error
            except BaseException:
                wire.close()
                raise
            else:
                return wire
        raise failure

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._sock.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                await self._ready(write=True)
            except ssl.SSLWantReadError:
                await self._ready()
            except OSError as error:
                raise WireError(f"write tcp: write: {_words(error)}") from error

    async def receive(self) -> bytes:
        """What has come, at most 16 KiB; b"" at the end of the stream."""
        while True:
            try:
                return self._sock.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._sweep()
            except ssl.SSLWantWriteError:
                await self._ready(write=True)
            except OSError as error:
                raise WireError(f"read tcp: read: {_words(error)}") from error

    def close(self) -> None:
        """Drop the connection at once, by a reset where the other side has not closed yet."""
        self._sock.close()

    async def _connect(self, address: tuple[Any, ...]) -> None:
        sock = self._sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        code = sock.connect_ex(address)
        if code == errno.EINPROGRESS:
            try:
                sock.send(b"")  # to this machine's pods it is mostly through by now
                code = 0
            except BlockingIOError:
                await self._ready(write=True)
                code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            except OSError as error:
                code = error.errno or errno.EIO
        if code:
            where = f"[{address[0]}]" if ":" in address[0] else address[0]
            raise WireError(f"dial tcp {where}:{address[1]}: connect: {_strerror(code)}")

    async def _handshake(self, context: ssl.SSLContext, host: str) -> None:
        name = None if _numeric(host, 0) else host
        try:
            secure = context.wrap_socket(
                self._sock, do_handshake_on_connect=False, server_hostname=name
            )
        except (OSError, ValueError) as error:
            raise WireError(f"tls: {error}") from error
        self._sock = secure
        looked = False
        while True:
            try:
                return secure.do_handshake()
            except ssl.SSLWantReadError:
                await self._ready()
            except ssl.SSLWantWriteError:
                await self._ready(write=True)
            except ssl.SSLError as error:
                raise WireError(f"tls: {error.reason or error.args[-1]}") from error
            except OSError as error:
                raise WireError(f"read tcp: read: {_words(error)}") from error
            if not looked:
                looked = True
                self._refuse_plain_http()

    def _refuse_plain_http(self) -> None:
        try:
            first = socket.socket.recv(self._sock, 5, socket.MSG_PEEK)
        except OSError:
            return  # the handshake will meet the same error and name it
        if first == b"HTTP/":
            raise PlainAnswer("http: server gave HTTP response to HTTPS client")

    async def _sweep(self) -> None:
        if self._swept:
            await self._ready()
        else:
            self._swept = True
            await asyncio.sleep(SWEEP)

    async def _ready(self, *, write: bool = False) -> None:
        loop, fd = asyncio.get_running_loop(), self._sock.fileno()
        future: asyncio.Future[None] = loop.create_future()
        if write:
            loop.add_writer(fd, _wake, future)
        else:
            loop.add_reader(fd, _wake, future)
        try:
            await future
        finally:
            if write:
                loop.remove_writer(fd)
            else:
                loop.remove_reader(fd)


@functools.cache
def insecure_tls(*alpn: str) -> ssl.SSLContext:
    """The one TLS context of probes: any certificate, also weak or expired ones, TLS 1.2 up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


async def _resolve(host: str, port: int) -> tuple[Address, ...]:
    found = _numeric(host, port)
    if found:
        return found
    loop = asyncio.get_running_loop()
    try:
        infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise WireError(f"dial tcp: lookup {host}: no such host") from error
    return tuple((family, address) for family, _, _, _, address in infos)


@functools.lru_cache(maxsize=1024)
def _numeric(host: str, port: int) -> tuple[Address, ...]:
    """The socket address of a literal IP address; empty for a name."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return ()
    return tuple((family, address) for family, _, _, _, address in infos[:1])


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) or not error.errno:
        return str(error)
    return _strerror(error.errno)


def _strerror(code: int) -> str:
    text = os.strerror(code)
    return text[:1].lower() + text[1:]
