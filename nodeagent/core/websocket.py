"""The server's side of WebSocket (RFC 6455): handshake, frames to and from bytes. No I/O."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator

import msgspec

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, TOO_BIG, INTERNAL = 1000, 1002, 1009, 1011
LONGEST = 16 * 1024 * 1024 + 64  # bytes of a message; a tunnelled SPDY frame may be as long


class Message(msgspec.Struct, frozen=True):
    """A whole message, text or binary."""

    data: bytes


class Pinged(msgspec.Struct, frozen=True):
    """The client asks whether we are there; `answer` goes back to it."""

    answer: bytes


class Closed(msgspec.Struct, frozen=True):
    """The client ends the connection."""

    code: int


Event = Message | Pinged | Closed


class Broken(Exception):
    """What came is no WebSocket, or too much of it; `code` is for the close frame."""

    def __init__(self, why: str, *, code: int = PROTOCOL_ERROR) -> None:
        super().__init__(why)
        self.code = code


def accept_key(key: str) -> str:
    """The answer to Sec-WebSocket-Key. ValueError where that is none."""
    try:
        raw = base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise ValueError("the key is no base64") from error
    if len(raw) != 16:
        raise ValueError("the key has not 16 bytes")
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


def frame(data: bytes, *, kind: int = BINARY, prefix: bytes = b"") -> bytes:
    """One whole message as the server sends it; `prefix` comes before the data."""
    length = len(prefix) + len(data)
    if length < 126:
        head = struct.pack("!BB", 0x80 | kind, length)
    elif length < 65536:
        head = struct.pack("!BBH", 0x80 | kind, 126, length)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 127, length)
    return head + prefix + data


def close_frame(code: int = NORMAL, why: str = "") -> bytes:
    """The end of what the server sends."""
    return frame(struct.pack("!H", code) + why.encode()[:120], kind=CLOSE)


class Reader:
    """Bytes of a client to messages. Frames of clients are masked."""

    def __init__(self, *, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = bytearray()
        self._parts: bytearray | None = None

    def receive(self, raw: bytes) -> Iterator[Event]:
        """What the bytes complete. Broken where they are no WebSocket."""
        self._rest += raw
        while (head := self._head()) is not None:
            flags, start, length = head
            if len(self._rest) < start + length:
                return
            mask = bytes(self._rest[start - 4 : start])
            data = unmasked(bytes(self._rest[start : start + length]), mask)
            del self._rest[: start + length]
            event = self._take(flags, data)
            if event is not None:
                yield event

    def _head(self) -> tuple[int, int, int] | None:
        """First byte, where the data begins, its length; None while that is not all there."""
        rest = self._rest
        if len(rest) < 2:
            return None
        flags, second = rest[0], rest[1]
        if flags & 0x70:
            raise Broken("an extension that was not agreed on")
        if not second & 0x80:
            raise Broken("a frame that is not masked")
        length, start = second & 0x7F, 2
        wide = {126: ("!H", 2), 127: ("!Q", 8)}.get(length)
        if flags & 0x08 and (wide or not flags & 0x80):
            raise Broken("a control frame too long or in pieces")
        if wide:
            if len(rest) < 2 + wide[1]:
                return None
            (length,) = struct.unpack_from(wide[0], rest, 2)
            start += wide[1]
        if length + len(self._parts or b"") > self._longest:
            raise Broken("a message too long", code=TOO_BIG)
        return (flags, start + 4, length) if len(rest) >= start + 4 else None

    def _take(self, flags: int, data: bytes) -> Event | None:
        kind = flags & 0x0F
        if kind == PING:
            return Pinged(frame(data, kind=PONG))
        if kind == PONG:
            return None
        if kind == CLOSE:
            return Closed(int.from_bytes(data[:2], "big") if len(data) >= 2 else NORMAL)
        if kind not in (CONTINUED, TEXT, BINARY) or (kind == CONTINUED) is (self._parts is None):
            raise Broken(f"a frame of kind {kind} is out of place")
        return self._part(data, last=bool(flags & 0x80))

    def _part(self, data: bytes, *, last: bool) -> Message | None:
        if self._parts is None:
            if last:
                return Message(data)
            self._parts = bytearray()
        self._parts += data
        if not last:
            return None
        whole, self._parts = bytes(self._parts), None
        return Message(whole)


def unmasked(data: bytes, mask: bytes) -> bytes:
    """The data without its mask, all of it in one sum."""
    if not data or mask == b"\0\0\0\0":
        return data
    length = len(data)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
