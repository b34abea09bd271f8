"""As much of D-Bus as asking systemd for slices takes: calls, their answers, signals.

The wire format is that of the D-Bus specification, little-endian. Calls block: use a thread.
"""

import os
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from nodeagent.errors import HostError

_CALL, _ERROR, _SIGNAL = 1, 3, 4
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
_LARGEST = 1 << 20  # bytes; what systemd says to us is far smaller
_BUS = "org.freedesktop.DBus"


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


class BusError(HostError):
    """The peer answered with an error; `name` is the D-Bus name of it."""

    def __init__(self, *, op: str, target: str, detail: str, name: str) -> None:
        super().__init__(op=op, target=target, detail=f"{name}: {detail}")
        self.name = name


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


class Bus:
    """One connection. `with_daemon` says that a message bus, not systemd itself, is behind it.

    `deadline` is in seconds, for all that is done with it. Any failure but a BusError leaves the
    connection unusable: open a new one.
    """

    def __init__(self, path: str, *, with_daemon: bool, deadline: float = 30.0) -> None:
        self._path = path
        self._with_daemon = with_daemon
        self._until = time.monotonic() + deadline
        self._deadline = deadline
        self._serial = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._signals: list[Message] = []
        try:
            self._authenticate()
            if with_daemon:
                self.call(_BUS, "/org/freedesktop/DBus", _BUS, "Hello")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def subscribe(self, interface: str, member: str, path: str) -> None:
        """Ask the message bus, if there is one, for these signals."""
        if self._with_daemon:
            rule = f"type='signal',interface='{interface}',member='{member}',path='{path}'"
            self.call(_BUS, "/org/freedesktop/DBus", _BUS, "AddMatch", "s", (rule,))

    def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: tuple[Any, ...] = (),
    ) -> tuple[Any, ...]:
        """Call and wait for the answer. BusError where that is an error."""
        self._serial += 1
        self._send(
            pack(
                Message(
                    kind=_CALL,
                    serial=self._serial,
                    path=path,
                    interface=interface,
                    member=member,
                    destination=destination,
                    signature=signature,
                    body=body,
                )
            )
        )
        while True:
            message = self._receive(f"{interface}.{member}")
            if message.kind == _SIGNAL:
                self._signals.append(message)
            elif message.reply_to == self._serial:
                break
        if message.kind == _ERROR:
            detail = str(message.body[0]) if message.body else "no detail"
            raise BusError(op=member, target=self._path, detail=detail, name=message.error)
        return message.body

    def wait_signal(self, member: str, index: int, value: object) -> tuple[Any, ...]:
        """The body of the first signal of that name whose `index`-th part is `value`."""
        while True:
            for at, message in enumerate(self._signals):
                if message.member == member and message.body[index] == value:
                    del self._signals[: at + 1]
                    return message.body
            self._signals.clear()
            message = self._receive(f"signal {member}")
            if message.kind == _SIGNAL:
                self._signals.append(message)

    def _authenticate(self) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.connect(self._path)
        except OSError as error:
            raise self._failed("connect", str(error)) from error
        self._send(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
        answer = b""
        while not answer.endswith(b"\r\n"):
            answer += self._read(1, "authenticate")
        if not answer.startswith(b"OK "):
            raise self._failed("authenticate", answer.decode(errors="replace").strip())
        self._send(b"BEGIN\r\n")

    def _receive(self, what: str) -> Message:
        head = self._read(16, what)
        body_size, _, field_size = struct.unpack("<III", head[4:])
        size = field_size + -field_size % 8 + body_size
        if size > _LARGEST:
            raise self._failed(what, f"a message of {size} bytes")
        try:
            return unpack(head + self._read(size, what))
        except (ValueError, IndexError, KeyError, struct.error) as error:
            raise self._failed(what, f"not a D-Bus message: {error}") from error

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(data)
        except OSError as error:
            raise self._failed("send", str(error)) from error

    def _read(self, size: int, what: str) -> bytes:
        data = b""
        while len(data) < size:
            try:
                self._socket.settimeout(self._left())
                part = self._socket.recv(size - len(data))
            except TimeoutError as error:
                raise self._failed(what, f"no answer within {self._deadline:g} s") from error
            except OSError as error:
                raise self._failed(what, str(error)) from error
            if not part:
                raise self._failed(what, "the peer closed the connection")
            data += part
        return data

    def _left(self) -> float:
        return max(0.001, self._until - time.monotonic())

    def _failed(self, op: str, detail: str) -> HostError:
        return HostError(op=f"D-Bus {op}", target=self._path, detail=detail)
