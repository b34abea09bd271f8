"""Calls to systemd over D-Bus, and the signals they cause. Everything blocks: use a thread.

The wire format is jeepney's; its own connections cannot speak to systemd without a message bus.
"""

import socket
import time
from typing import Any, NamedTuple

from jeepney import DBusAddress, HeaderFields, Message, MessageType, Parser, new_method_call
from jeepney.auth import BEGIN, AuthenticationError, Authenticator

from nodeagent.errors import HostError

_BUS = "org.freedesktop.DBus"
_BLOCK = 4096


class Variant(NamedTuple):
    """A value with the signature it travels under."""

    signature: str
    value: Any


class BusError(HostError):
    """The peer answered with an error; `name` is the D-Bus name of it."""

    def __init__(self, *, op: str, target: str, detail: str, name: str) -> None:
        super().__init__(op=op, target=target, detail=f"{name}: {detail}")
        self.name = name


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
        self._parser = Parser()
        try:
            self._socket = socket.socket(socket.AF_UNIX)
        except OSError as error:  # no more files
            raise self._failed("connect", str(error)) from error
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
        address = DBusAddress(path, bus_name=destination, interface=interface)
        call = new_method_call(address, member, signature or None, body)
        self._send(call.serialise(serial=self._serial))
        while True:
            message = self._receive(f"{interface}.{member}")
            kind, fields = message.header.message_type, message.header.fields
            if kind is MessageType.signal:
                self._signals.append(message)
            elif fields.get(HeaderFields.reply_serial) == self._serial:
                break
        if kind is MessageType.error:
            detail = str(message.body[0]) if message.body else "no detail"
            name = fields[HeaderFields.error_name]
            raise BusError(op=member, target=self._path, detail=detail, name=name)
        answer: tuple[Any, ...] = message.body
        return answer

    def wait_signal(self, member: str, index: int, value: object) -> tuple[Any, ...]:
        """The body of the first signal of that name whose `index`-th part is `value`."""
        while True:
            for at, message in enumerate(self._signals):
                body: tuple[Any, ...] = message.body
                if message.header.fields[HeaderFields.member] == member and body[index] == value:
                    del self._signals[: at + 1]
                    return body
            self._signals.clear()
            message = self._receive(f"signal {member}")
            if message.header.message_type is MessageType.signal:
                self._signals.append(message)

    def _authenticate(self) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.connect(self._path)
        except OSError as error:
            raise self._failed("connect", str(error)) from error
        talk = Authenticator()
        try:
            for words in talk:
                self._send(words)
                talk.feed(self._read("authenticate"))
        except AuthenticationError as error:
            raise self._failed("authenticate", str(error)) from error
        self._send(BEGIN)

    def _receive(self, what: str) -> Message:
        try:
            while (message := self._parser.get_next_message()) is None:
                self._parser.add_data(self._read(what))
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise self._failed(what, f"not a D-Bus message: {error}") from error
        return message

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(data)
        except OSError as error:
            raise self._failed("send", str(error)) from error

    def _read(self, what: str) -> bytes:
        try:
            self._socket.settimeout(self._left())
            data = self._socket.recv(_BLOCK)
        except TimeoutError as error:
            raise self._failed(what, f"no answer within {self._deadline:g} s") from error
        except OSError as error:
            raise self._failed(what, str(error)) from error
        if not data:
            raise self._failed(what, "the peer closed the connection")
        return data

    def _left(self) -> float:
        return max(0.001, self._until - time.monotonic())

    def _failed(self, op: str, detail: str) -> HostError:
        return HostError(op=f"D-Bus {op}", target=self._path, detail=detail)
