"""Requests to the API server: how long they took, how large they were, how often again."""

from prometheus_client import CollectorRegistry

from nodeagent.metrics.instruments import Maker

_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_BYTES = tuple(float(1 << power) for power in (6, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24))


class RestMetrics:
    """Implements `Times` of the API's client, under client-go's names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make, by = Maker(registry), ("verb", "host")
        self._seconds = make.histogram(
            "rest_client_request_duration_seconds",
            "Seconds that requests to the API server took, without watches.",
            *by,
            buckets=_SECONDS,
        )
        self._waits = make.histogram(
            "rest_client_rate_limiter_duration_seconds",
            "Seconds that requests were held back by kubeAPIQPS.",
            *by,
            buckets=_SECONDS,
        )
        self._sent = make.histogram(
            "rest_client_request_size_bytes",
            "Bytes of the bodies of requests.",
            *by,
            buckets=_BYTES,
        )
        self._received = make.histogram(
            "rest_client_response_size_bytes",
            "Bytes of the bodies of answers, without watches.",
            *by,
            buckets=_BYTES,
        )
        self._retries = make.counter(
            "rest_client_request_retries_total",
            "Requests that were sent once more, by how the first try ended.",
            "code",
            *by,
        )

    def took(self, method: str, host: str, seconds: float, sent: int) -> None:
        """See `Times`."""
        self._seconds.labels(method, host).observe(seconds)
        if sent:
            self._sent.labels(method, host).observe(sent)

    def answered(self, method: str, host: str, received: int) -> None:
        """See `Times`."""
        self._received.labels(method, host).observe(received)

    def held(self, method: str, host: str, seconds: float) -> None:
        """See `Times`."""
        self._waits.labels(method, host).observe(seconds)

    def retried(self, method: str, host: str) -> None:
        """See `Times`."""
        self._retries.labels("<error>", method, host).inc()
