"""What the agent's servers show of metrics and statistics: plain functions, made when asked for."""

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from nodeagent.model.scrapes import Page, TextForm


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is counted: the labels of kubelet_http_requests_total.

    `path` is the first part of the path ("metrics/cadvisor" of those below /metrics), or "other";
    `server_type` is "readwrite", "readonly" or "local" (the agent's own socket).
    """

    method: str
    path: str
    server_type: str
    long_running: bool


class Tally(Protocol):
    """Counts requests of the node's ports; its calls are quick and never fail."""

    def began(self, asked: Asked) -> None:
        """A request is taken up."""
        ...

    def ended(self, asked: Asked, seconds: float) -> None:
        """It is answered, or its stream is over."""
        ...

    def websocket(self, subresource: str) -> None:
        """A WebSocket was taken for "exec", "attach" or "portforward" and is translated here."""
        ...

    def checked(self, name: str, *, wrong: bool) -> None:
        """Health was asked for, and this check of it was made."""
        ...

    def forget_checks(self) -> None:
        """Count them anew."""
        ...


class NoTally:
    """Counts nothing."""

    def began(self, asked: Asked) -> None:
        """See `Tally`."""

    def ended(self, asked: Asked, seconds: float) -> None:
        """See `Tally`."""

    def websocket(self, subresource: str) -> None:
        """See `Tally`."""

    def checked(self, name: str, *, wrong: bool) -> None:
        """See `Tally`."""

    def forget_checks(self) -> None:
        """See `Tally`."""


async def _nothing(page: Page, form: TextForm) -> bytes:
    return b""


async def _no_summary(only_cpu_and_memory: bool) -> bytes:
    return b"{}"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Metrics and stats. Concurrent calls share one reading; none fails as a whole.

    `text`: a page in a form, packed already where the form says gzip (`metrics_pages` has what
    answers a request with it). `summary`: the JSON of /stats/summary; it takes whether only CPU
    and memory are asked for (`only_cpu_and_memory=true`). `started_at`: when the process was
    started, as Unix time; 0 where nobody is to be told.
    """

    started_at: int = 0
    text: Callable[[Page, TextForm], Awaitable[bytes]] = _nothing
    summary: Callable[[bool], Awaitable[bytes]] = _no_summary
    tally: Tally = NoTally()
