"""How much is asked of the API server, and how many bytes that takes, by purpose."""

from collections import Counter
from typing import Final

from nodeagent.model.api import Purpose

OVERHEAD: Final = "connection"  # pings, settings, windows: bytes that belong to no request


class ApiCounts:
    """Counters that only grow; whoever shows them reads them as they are.

    `requests` counts answers by purpose, method ("GET") and status ("200", "<error>" without an
    answer). Bytes are those of HTTP before TLS: `sent` and `received`, by purpose or OVERHEAD;
    with HTTP/2 headers count as they are compressed. `waited` is the seconds that requests were
    held back by the rate limit.
    """

    def __init__(self) -> None:
        self.host = ""  # "address:port" of the server
        self.requests: Counter[tuple[Purpose, str, str]] = Counter()
        self.sent: Counter[str] = Counter()
        self.received: Counter[str] = Counter()
        self.connections = 0  # made so far
        self.waited = 0.0

    def answered(self, purpose: Purpose, method: str, status: int) -> None:
        """One request came to its answer, or failed without one (0)."""
        self.requests[purpose, method, str(status) if status else "<error>"] += 1
