"""How much is asked of the API server, and how many bytes that takes, by purpose."""

from collections import Counter
from typing import Final, Protocol

from nodeagent.model.api import Purpose

OVERHEAD: Final = "connection"  # pings, settings, windows: bytes that belong to no request


class Times(Protocol):
    """Hears of each request; its calls are quick and never fail. `host` is the server's."""

    def took(self, method: str, host: str, seconds: float, sent: int) -> None:
        """A request is over, however it ended; its body had so many bytes."""
        ...

    def answered(self, method: str, host: str, received: int) -> None:
        """It was answered with a body of so many bytes."""
        ...

    def held(self, method: str, host: str, seconds: float) -> None:
        """It, or a watch, waited so long for its turn."""
        ...

    def retried(self, method: str, host: str) -> None:
        """It was sent once more, the connection having ended."""
        ...


class Untimed:
    """Hears nothing."""

    def took(self, method: str, host: str, seconds: float, sent: int) -> None:
        """See `Times`."""

    def answered(self, method: str, host: str, received: int) -> None:
        """See `Times`."""

    def held(self, method: str, host: str, seconds: float) -> None:
        """See `Times`."""

    def retried(self, method: str, host: str) -> None:
        """See `Times`."""


class ApiCounts:
    """Counters that only grow; whoever shows them reads them as they are.

    `requests` counts answers by purpose, method ("GET") and status ("200", "<error>" without an
    answer). Bytes are those of HTTP before TLS: `sent` and `received`, by purpose or OVERHEAD;
    with HTTP/2 headers count as they are compressed. `waited` is the seconds that requests were
    held back by the rate limit. `times` may be replaced by who wants to hear of each request.
    """

    def __init__(self) -> None:
        self.host = ""  # "address:port" of the server
        self.requests: Counter[tuple[Purpose, str, str]] = Counter()
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.connections = 0  # made so far
        self.waited = 0.0
        self.times: Times = Untimed()

    def answered(self, purpose: Purpose, method: str, status: int) -> None:
        """One request came to its answer, or failed without one (0)."""
        self.requests[purpose, method, str(status) if status else "<error>"] += 1
