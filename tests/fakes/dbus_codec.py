"""The D-Bus wire format by hand, from the specification: what stands beside jeepney in tests.

Little-endian. Only the types that systemd's manager is asked with.
"""

import struct
from collections.abc import Sequence
from typing import Any

import msgspec

_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY, _DESTINATION, _SENDER, _SIGNATURE = range(1, 9)
_FIELDS = {
    _PATH: "o",
    _INTERFACE: "s",
    _MEMBER: "s",
    _ERROR_NAME: "s",
    _REPLY: "u",
    _DESTINATION: "s",
    _SENDER: "s",
    _SIGNATURE: "g",
}
_NUMBERS = {"y": "<B", "b": "<I", "i": "<i", "u": "<I", "x": "<q", "t": "<Q"}


class Variant(msgspec.Struct, frozen=True):
    """A value with the signature it travels under."""

    signature: str
    value: Any


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message, either way."""

    kind: int
    serial: int
    path: str = ""
    interface: str = ""
    member: str = ""
    error: str = ""
    reply_to: int = 0
    destination: str = ""
    sender: str = ""
    signature: str = ""
    body: tuple[Any, ...] = ()


def split_signature(signature: str) -> list[str]:
    """Its complete types, one by one."""
    parts, at = [], 0
    while at < len(signature):
        end = _type_end(signature, at)
        parts.append(signature[at:end])
        at = end
    return parts


def _type_end(signature: str, at: int) -> int:
    if signature[at] == "a":
        return _type_end(signature, at + 1)
    if signature[at] != "(":
        return at + 1
    at += 1
    while signature[at] != ")":
        at = _type_end(signature, at)
    return at + 1


def _alignment(code: str) -> int:
    if code in "ybgv":
        return 4 if code == "b" else 1
    return 8 if code in "xt(" else 4


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray()

    def pad(self, to: int) -> None:
        self.data += bytes(-len(self.data) % to)

    def put(self, signature: str, value: Any) -> None:
        code = signature[0]
        self.pad(_alignment(code))
        if code in _NUMBERS:
            self.data += struct.pack(_NUMBERS[code], value)
        elif code in "so":
            raw = value.encode()
            self.data += struct.pack("<I", len(raw)) + raw + b"\0"
        elif code == "g":
            self.data += bytes((len(value),)) + value.encode() + b"\0"
        elif code == "v":
            self.put("g", value.signature)
            self.put(value.signature, value.value)
        elif code == "(":
            for one, part in zip(split_signature(signature[1:-1]), value, strict=True):
                self.put(one, part)
        else:
            self._put_array(signature[1:], value)

    def _put_array(self, signature: str, values: Sequence[Any]) -> None:
        size_at = len(self.data)
        self.data += bytes(4)
        self.pad(_alignment(signature[0]))
        begin = len(self.data)
        for value in values:
            self.put(signature, value)
        struct.pack_into("<I", self.data, size_at, len(self.data) - begin)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def pad(self, to: int) -> None:
        self._at += -self._at % to

    def _take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise ValueError("the message ends too early")
        return self._data[self._at - size : self._at]

    def get(self, signature: str) -> Any:
        code = signature[0]
        self.pad(_alignment(code))
        if code in _NUMBERS:
            layout = _NUMBERS[code]
            (number,) = struct.unpack(layout, self._take(struct.calcsize(layout)))
            return bool(number) if code == "b" else number
        if code in "sog":
            size = self._take(1)[0] if code == "g" else self.get("u")
            return self._take(size + 1)[:-1].decode()
        if code == "v":
            inner = self.get("g")
            return Variant(inner, self.get(inner))
        if code == "(":
            return tuple(self.get(one) for one in split_signature(signature[1:-1]))
        return self._get_array(signature[1:])

    def _get_array(self, signature: str) -> list[Any]:
        size = self.get("u")
        self.pad(_alignment(signature[0]))
        end, values = self._at + size, []
        while self._at < end:
            values.append(self.get(signature))
        return values


def pack(message: Message) -> bytes:
    """The message as it goes over the wire."""
    body = _Writer()
    for signature, value in zip(split_signature(message.signature), message.body, strict=True):
        body.put(signature, value)
    given = {
        _PATH: message.path,
        _INTERFACE: message.interface,
        _MEMBER: message.member,
        _ERROR_NAME: message.error,
        _REPLY: message.reply_to,
        _DESTINATION: message.destination,
        _SENDER: message.sender,
        _SIGNATURE: message.signature,
    }
    fields = [(code, Variant(_FIELDS[code], value)) for code, value in given.items() if value]
    head = _Writer()
    head.put("(yyyyuu)", (ord("l"), message.kind, 0, 1, len(body.data), message.serial))
    head.put("a(yv)", fields)
    head.pad(8)
    return bytes(head.data + body.data)


def unpack(data: bytes) -> Message:
    """The inverse. ValueError where it is not a whole little-endian message."""
    head = _Reader(data)
    order, kind, _, _, size, serial = head.get("(yyyyuu)")
    if order != ord("l"):
        raise ValueError("the peer does not speak little-endian")
    fields = {code: variant.value for code, variant in head.get("a(yv)")}
    body = _Reader(data[len(data) - size :])
    signature = fields.get(_SIGNATURE, "")
    return Message(
        kind=kind,
        serial=serial,
        path=fields.get(_PATH, ""),
        interface=fields.get(_INTERFACE, ""),
        member=fields.get(_MEMBER, ""),
        error=fields.get(_ERROR_NAME, ""),
        reply_to=fields.get(_REPLY, 0),
        destination=fields.get(_DESTINATION, ""),
        sender=fields.get(_SENDER, ""),
        signature=signature,
        body=tuple(body.get(one) for one in split_signature(signature)),
    )
