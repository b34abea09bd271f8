"""Container log lines as runtimes write them: the CRI format, and docker's JSON.

A CRI line is `<RFC3339 time with nanoseconds> <stdout|stderr> <F|P>[:tags] <text>`; P says that
the writer's line goes on in the next one.
"""

import datetime as dt
from collections.abc import Iterable, Iterator

import msgspec

_NANO = 1_000_000_000
_SECONDS = len("2026-01-02T03:04:05")


class LogLine(msgspec.Struct, frozen=True):
    """One physical line. `time` is as written; `text` has no line end; `partial`: it goes on."""

    time: bytes
    stream: bytes
    partial: bool
    text: bytes


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What of a log to show. `since_ns`: Unix nanoseconds, 0 for all; `stream`: b"" for both."""

    since_ns: int = 0
    timestamps: bool = False
    stream: bytes = b""


class _Docker(msgspec.Struct, frozen=True):
    log: str = ""
    stream: str = "stdout"
    time: str = ""


_docker = msgspec.json.Decoder(_Docker)


def parse_line(line: bytes) -> LogLine | None:
    """Read one line, its end already cut off; None where it is in no known format."""
    if line.startswith(b"{"):
        return _parse_docker(line)
    parts = line.split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        return None
    tag = parts[2].split(b":", 1)[0]
    if tag not in (b"F", b"P"):
        return None
    text = parts[3] if len(parts) == 4 else b""
    return LogLine(parts[0], parts[1], tag == b"P", text)


def _parse_docker(line: bytes) -> LogLine | None:
    try:
        entry = _docker.decode(line)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None
    text = entry.log.encode()
    whole = text.endswith(b"\n")
    return LogLine(
        entry.time.encode(), entry.stream.encode(), not whole, text[:-1] if whole else text
    )


def time_ns(text: bytes) -> int:
    """Unix nanoseconds of an RFC 3339 time; 0 where it is none."""
    try:
        whole = dt.datetime.fromisoformat(text[:_SECONDS].decode()).replace(tzinfo=dt.UTC)
        rest = text[_SECONDS:]
        digits = b""
        if rest.startswith(b"."):
            end = next((i for i, c in enumerate(rest[1:], 1) if not 48 <= c <= 57), len(rest))
            digits, rest = rest[1:end], rest[end:]
        offset = _offset_seconds(rest)
    except ValueError:
        return 0
    return (int(whole.timestamp()) - offset) * _NANO + int(digits[:9].ljust(9, b"0"))


def _offset_seconds(zone: bytes) -> int:
    if zone in (b"Z", b"z"):
        return 0
    if len(zone) != 6 or zone[:1] not in (b"+", b"-") or zone[3:4] != b":":
        raise ValueError(zone)
    seconds = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
    return -seconds if zone.startswith(b"-") else seconds


def fixed_time(text: bytes) -> bytes:
    """The time with all nine digits of its nanoseconds, so that stamps line up."""
    whole, rest = text[:_SECONDS], text[_SECONDS:]
    digits = b""
    if rest.startswith(b"."):
        end = next((i for i, c in enumerate(rest[1:], 1) if not 48 <= c <= 57), len(rest))
        digits, rest = rest[1:end], rest[end:]
    return whole + b"." + digits[:9].ljust(9, b"0") + rest


class LogText:
    """Turns physical lines into what the container wrote, in order, across partial lines."""

    def __init__(self, show: LogFilter) -> None:
        self._show = show
        self._at_start = True
        self._reached = show.since_ns == 0

    def render(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """The text of each line that is asked for; a line in no known format goes as it is."""
        for raw in lines:
            line = parse_line(raw)
            if line is None:
                if self._reached and raw:
                    yield raw + b"\n"
                continue
            if not self._reached:
                if time_ns(line.time) < self._show.since_ns:
                    continue
                self._reached = True
            if self._show.stream and line.stream != self._show.stream:
                continue
            stamp = (
                fixed_time(line.time) + b" " if self._show.timestamps and self._at_start else b""
            )
            self._at_start = not line.partial
            yield stamp + line.text + (b"" if line.partial else b"\n")
