"""What the node's port shows of metrics and statistics: plain functions, made when asked for."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

import msgspec

Text: TypeAlias = Callable[[], Awaitable[bytes]]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is counted: the labels of kubelet_http_requests_total.

    `path` is the first part of the path ("metrics/cadvisor" of those below /metrics), or "other";
    `server_type` is "readwrite" or "readonly".
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


class NoTally:
    """Counts nothing."""

    def began(self, asked: Asked) -> None:
        """See `Tally`."""

    def ended(self, asked: Asked, seconds: float) -> None:
        """See `Tally`."""

    def websocket(self, subresource: str) -> None:
        """See `Tally`."""


async def _nothing() -> bytes:
    return b""


async def _no_summary(only_cpu_and_memory: bool) -> bytes:
    return b"{}"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Prometheus' text of each path below /metrics, and the JSON of /stats/summary.

    `summary` takes whether only CPU and memory are asked for (`only_cpu_and_memory=true`). Each may
    raise an AgentError, which is answered with 500 and its text.
    """

    metrics: Text = _nothing
    cadvisor: Text = _nothing
    resource: Text = _nothing
    probes: Text = _nothing
    slis: Text = _nothing
    summary: Callable[[bool], Awaitable[bytes]] = _no_summary
    tally: Tally = NoTally()
