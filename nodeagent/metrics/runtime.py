"""Calls of the container runtime, and looks at all that it has."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from nodeagent.metrics.instruments import SECONDS, BareCounter

_CALLS = tuple(round(0.005 * 2.5**power, 6) for power in range(14))


class RuntimeMetrics:
    """`told` is called for each CRI call that ended, `relisted` for each list of everything."""

    def __init__(self, registry: CollectorRegistry) -> None:
        by_type = ("operation_type",)
        self._calls = Counter(
            "kubelet_runtime_operations_total",
            "Calls of the container runtime.",
            by_type,
            registry=registry,
        )
        self._errors = Counter(
            "kubelet_runtime_operations_errors_total",
            "Calls of the container runtime that failed.",
            by_type,
            registry=registry,
        )
        self._seconds = Histogram(
            "kubelet_runtime_operations_duration_seconds",
            "Seconds that calls of the container runtime took.",
            by_type,
            buckets=_CALLS,
            registry=registry,
        )
        self._relist = Histogram(
            "kubelet_pleg_relist_duration_seconds",
            "Seconds that a list of everything in the runtime took.",
            buckets=SECONDS,
            registry=registry,
        )
        self._interval = Histogram(
            "kubelet_pleg_relist_interval_seconds",
            "Seconds between two lists of everything; events tell what happens in between.",
            buckets=(*SECONDS, 30.0, 60.0, 120.0, 300.0),
            registry=registry,
        )
        self._seen = Gauge(
            "kubelet_pleg_last_seen_seconds",
            "When the runtime was last listed, as Unix time.",
            registry=registry,
        )
        self._discarded = BareCounter(
            "kubelet_pleg_discard_events",
            "Events of the runtime that were dropped for want of room: none ever is.",
            registry=registry,
        )
        self._last: float | None = None

    def told(self, operation: str, seconds: float, failed: bool) -> None:
        """A call ended."""
        self._calls.labels(operation).inc()
        self._seconds.labels(operation).observe(seconds)
        if failed:
            self._errors.labels(operation).inc()

    def relisted(self, seconds: float) -> None:
        """Everything was listed."""
        now = time.monotonic()
        self._relist.observe(seconds)
        if self._last is not None:
            self._interval.observe(now - self._last)
        self._last = now
        self._seen.set_to_current_time()
