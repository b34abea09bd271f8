"""Requests of the agent's servers."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nodeagent.metrics.instruments import SECONDS

_LABELS = ("method", "path", "server_type", "long_running")


class HttpMetrics:
    """Counts requests by the labels of a kubelet, in the order of `_LABELS`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "kubelet_http_requests_total",
            "HTTP requests that were taken up.",
            _LABELS,
            registry=registry,
        )
        self._seconds = Histogram(
            "kubelet_http_requests_duration_seconds",
            "Seconds that HTTP requests took.",
            _LABELS,
            buckets=SECONDS,
            registry=registry,
        )
        self._now = Gauge(
            "kubelet_http_inflight_requests",
            "HTTP requests under way.",
            _LABELS,
            registry=registry,
        )
        self._websockets = Counter(
            "kubelet_websocket_streaming_requests_total",
            "WebSockets taken for exec, attach and port-forward.",
            ("subresource",),
            registry=registry,
        )

    def began(self, *labels: str) -> None:
        """A request is taken up."""
        self._requests.labels(*labels).inc()
        self._now.labels(*labels).inc()

    def ended(self, seconds: float, *labels: str) -> None:
        """It is answered."""
        self._now.labels(*labels).dec()
        self._seconds.labels(*labels).observe(seconds)

    def websocket(self, subresource: str) -> None:
        """A WebSocket was taken."""
        self._websockets.labels(subresource).inc()
