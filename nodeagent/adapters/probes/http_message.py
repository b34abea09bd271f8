"""HTTP/1.1 as far as a probe needs it: a GET to bytes, bytes to an answer. No I/O.

Source: RFC 9112; which headers a probe sends by default: behaviour of a kubelet, "Types".
"""

import functools
import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import msgspec

HEAD_LIMIT = 256 * 1024
BODY_LIMIT = 10 * 1024
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: [^\r\n]*)?")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,15}")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PATH_SAFE = "/!$&'()*+,;=:@-._~%[]"
_QUERY_SAFE = _PATH_SAFE + '?"<>\\^`{|}'
_CHUNK_LINE_LIMIT = 4096
_MOST_DIGITS = 18
_OWN_HEADERS = {"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection"}
_ONCE = {"User-Agent"}

Headers = tuple[tuple[str, str], ...]


class BadMessage(Exception):
    """An answer that is no HTTP/1.x, or a request that cannot be written as such."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes. `target` is path and query as sent."""

    tls: bool
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL as events show it."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.target}"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Status and headers of an answer; names are lower case."""

    status: int
    headers: Headers = ()

    def get(self, name: str) -> str:
        """The first value of that header, "" if there is none."""
        return next((value for key, value in self.headers if key == name), "")


@functools.lru_cache(maxsize=2048)
def request_target(path: str) -> str:
    """Path and query as they are sent: escaped where needed, never with a fragment."""
    try:
        parts = urlsplit(path)
        raw, query = parts.path, parts.query
        if _BROKEN_ESCAPE.search(raw):
            raw, query = path.replace("%", "%25"), ""
    except ValueError:
        raw, query = path, ""
    target = quote(raw, safe=_PATH_SAFE)
    if not target.startswith("/"):
        target = "/" + target
    return f"{target}?{quote(query, safe=_QUERY_SAFE)}" if query else target


@functools.lru_cache(maxsize=1024)
def request_bytes(place: Place, headers: Headers, agent: str, host: str = "") -> bytes:
    """The request; `host` replaces the Host header. BadMessage names a header that can't be sent.

    User-Agent and Accept have defaults; given empty, they are not sent.
    """
    wanted = _canonical(headers)
    names = {name for name, _ in wanted}
    if "User-Agent" not in names:
        wanted.insert(0, ("User-Agent", agent))
    if "Accept" not in names:
        wanted.append(("Accept", "*/*"))
    lines = [f"GET {place.target} HTTP/1.1", f"Host: {host or _host_header(place)}"]
    seen: set[str] = set()
    for name, value in wanted:
        given_empty = name in ("User-Agent", "Accept") and not value
        if name in _OWN_HEADERS or given_empty or (name in _ONCE and name in seen):
            continue
        seen.add(name)
        lines.append(f"{name}: {value}")
    lines += ["Connection: close", "", ""]
    return "\r\n".join(lines).encode()


def given_host(headers: Headers) -> str:
    """The value of the first Host header of a probe; "" if it has none."""
    return next((value for name, value in headers if name.lower() == "host"), "")


def head_end(data: bytes | bytearray, start: int) -> int:
    """Where the body begins; -1 while the head is not whole. `start`: searched before."""
    found = [
        at + len(mark)
        for mark in (b"\r\n\r\n", b"\n\n")
        if (at := data.find(mark, max(0, start - 3))) >= 0
    ]
    return min(found, default=-1)


def parse_head(data: bytes) -> Head:
    """Status line and headers; BadMessage where it is no HTTP/1.x."""
    lines = data.split(b"\n")
    match = _STATUS_LINE.fullmatch(lines[0].rstrip(b"\r"))
    if match is None:
        shown = lines[0][:64].decode("ascii", "backslashreplace").rstrip()
        raise BadMessage(f'net/http: HTTP/1.x transport connection broken: malformed "{shown}"')
    pairs: list[tuple[str, str]] = []
    for line in lines[1:]:
        text = line.decode("latin-1").strip()
        if not text:
            continue
        name, colon, value = text.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadMessage(f"malformed MIME header line: {text[:64]!r}")
        pairs.append((name.lower(), value.strip()))
    return Head(status=int(match[1]), headers=tuple(pairs))


class Body:
    """Collects a body as it comes, at most 10 KiB. `done` once no more is needed."""

    def __init__(self, head: Head) -> None:
        self.data = bytearray()
        self.done = head.status in (204, 304) or head.status < 200
        self._raw = bytearray()
        self._left = -1  # bytes of this chunk or of the whole body; -1: until the end
        self._chunked = head.get("transfer-encoding").lower() == "chunked"
        length = head.get("content-length")
        if not self._chunked and length:
            if not (length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS):
                raise BadMessage(f'bad Content-Length "{length[:32]}"')
            self._left = int(length)
        self._check()

    def feed(self, data: bytes) -> None:
        """Take what came. BadMessage where chunks are malformed."""
        if self._chunked:
            self._raw += data
            while not self.done and self._feed_chunk():
                pass
        else:
            self._take(data if self._left < 0 else data[: self._left])
            if self._left > 0:
                self._left = max(0, self._left - len(data))
        self._check()

    def end(self) -> None:
        """The stream ended. BadMessage if more was promised."""
        if not self.done and (self._chunked or self._left > 0):
            raise BadMessage("unexpected EOF")
        self.done = True

    def _take(self, data: bytes | bytearray) -> None:
        self.data += data[: BODY_LIMIT - len(self.data)]

    def _check(self) -> None:
        if len(self.data) >= BODY_LIMIT or (not self._chunked and self._left == 0):
            self.done = True

    def _feed_chunk(self) -> bool:
        """Use up what is there of one chunk or of its size line; whether to go on."""
        if self._left > 0:
            part = self._raw[: self._left]
            del self._raw[: len(part)]
            self._left -= len(part)
            self._take(part)
            return bool(self._raw) and len(self.data) < BODY_LIMIT
        end = self._raw.find(b"\n", 0, _CHUNK_LINE_LIMIT)
        if end < 0:
            if len(self._raw) >= _CHUNK_LINE_LIMIT:
                raise BadMessage("header line too long")
            return False
        size = bytes(self._raw[:end]).split(b";")[0].strip()
        del self._raw[: end + 1]
        if self._left == 0 and not size:
            self._left = -1  # the line end after a chunk
            return True
        if self._left == 0 or not _HEX.fullmatch(size):
            raise BadMessage("malformed chunked encoding")
        self._left = int(size, 16)
        self.done = self._left == 0
        return True


def _canonical(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    wanted = []
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise BadMessage(f'net/http: invalid header field name "{name}"')
        if _BAD_VALUE.search(value):
            raise BadMessage(f'net/http: invalid header field value for "{name}"')
        wanted.append(("-".join(part.capitalize() for part in name.split("-")), value.strip()))
    return wanted


def _host_header(place: Place) -> str:
    default = 443 if place.tls else 80
    shown = place.authority
    return shown.removesuffix(f":{default}") if place.port == default else shown
