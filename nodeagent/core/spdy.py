"""SPDY/3.1 as far as the runtime's streaming server needs it: some streams on one connection.

Every containerd speaks it, and unlike its WebSocket it can tell a command that its input is over.
Source: the SPDY/3.1 draft; stream types and their order as Kubernetes' remote command protocol.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping

import msgspec

_VERSION = 0x8003
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_FIN = 0x01
_MOST = 0xFFFFFF
_HEAD = struct.Struct("!II")  # control or stream id; flags and length


class Data(msgspec.Struct, frozen=True):
    """Bytes of a stream; `last` says that no more come."""

    stream: int
    data: bytes
    last: bool


class Opened(msgspec.Struct, frozen=True):
    """The peer agreed to a stream."""

    stream: int


class Reset(msgspec.Struct, frozen=True):
    """The peer broke a stream off."""

    stream: int


class Pinged(msgspec.Struct, frozen=True):
    """The peer asks whether we are there; `answer` goes back to it."""

    answer: bytes


class GoAway(msgspec.Struct, frozen=True):
    """The peer wants to end the connection."""


Event = Data | Opened | Reset | Pinged | GoAway


class ProtocolError(Exception):
    """What came is no SPDY."""


class Spdy:
    """Frames to and from bytes, for the side that connected. Does no I/O.

    Header blocks of the peer are skipped unread: nothing we need is in them.
    """

    def __init__(self) -> None:
        # Without the preset dictionary, which a reader only needs where the data refers to it.
        self._deflate = zlib.compressobj()
        self._next = 1
        self._rest = bytearray()

    def open(self, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """A new stream: its id, and what to send."""
        stream, self._next = self._next, self._next + 2
        block = struct.pack("!I", len(headers))
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                block += struct.pack("!I", len(text)) + text
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack("!IIBB", stream, 0, 0, 0) + packed
        return stream, _control(_SYN_STREAM, body)

    def data(self, stream: int, data: bytes, *, last: bool = False) -> bytes:
        """Bytes for a stream; at most 16 MiB."""
        if len(data) > _MOST:
            raise ValueError("a frame holds at most 16 MiB")
        return _HEAD.pack(stream, (_FIN if last else 0) << 24 | len(data)) + data

    def receive(self, raw: bytes) -> Iterator[Event]:
        """What the bytes complete. ProtocolError where they are no SPDY."""
        self._rest += raw
        while len(self._rest) >= _HEAD.size:
            first, second = _HEAD.unpack_from(self._rest)
            length = second & _MOST
            if len(self._rest) < _HEAD.size + length:
                return
            body = bytes(self._rest[_HEAD.size : _HEAD.size + length])
            del self._rest[: _HEAD.size + length]
            flags = second >> 24
            if first >> 31:
                yield from _controlled(first, flags, body)
            else:
                yield Data(first, body, bool(flags & _FIN))


def _controlled(first: int, flags: int, body: bytes) -> Iterator[Event]:
    if first >> 16 != _VERSION:
        raise ProtocolError(f"a frame of another protocol: {first:#x}")
    kind = first & 0xFFFF
    number = struct.unpack_from("!I", body)[0] & 0x7FFFFFFF if len(body) >= 4 else 0
    if kind == _SYN_REPLY:
        yield Opened(number)
        if flags & _FIN:
            yield Data(number, b"", True)
    elif kind == _RST_STREAM:
        yield Reset(number)
    elif kind == _PING:
        yield Pinged(_control(_PING, body))
    elif kind == _GOAWAY:
        yield GoAway()


def _control(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(_VERSION << 16 | kind, len(body)) + body
